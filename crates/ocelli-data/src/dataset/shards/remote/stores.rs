//! The stores that shards are read from: HTTP servers, and what speaks S3.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use object_store::path::Path;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};
use url::Url;

use super::failure::{Asked, Failed};
use super::network::Network;
use super::{http, s3};
use crate::dataset::address::shown;
use crate::{DataError, ErrorKind};

/// How long a block may take, how long nothing may arrive, and how long a connection may take, with the variables that say so for S3.
pub(super) const WAITS: [(ClientConfigKey, &str, &str); 3] = [
    (ClientConfigKey::Timeout, "AWS_TIMEOUT", "5 minutes"),
    (ClientConfigKey::ReadTimeout, "AWS_READ_TIMEOUT", "30 seconds"),
    (ClientConfigKey::ConnectTimeout, "AWS_CONNECT_TIMEOUT", "10 seconds"),
];

/// What is tried again by itself, and how often; [`super::file`] goes on from there.
pub(super) fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { max_backoff: Duration::from_secs(5), ..BackoffConfig::default() },
        max_retries: 3,
        retry_timeout: Duration::from_secs(60),
    }
}

/// Where something lies: a store, and the place in it.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: Path,
    /// The address as it may be shown.
    pub(super) name: String,
    pub(super) is_anonymous_s3: bool,
}

impl Place {
    pub(super) fn asked(&self) -> Asked<'_> {
        Asked { name: &self.name, is_anonymous_s3: self.is_anonymous_s3 }
    }

    /// Another place in the same store.
    pub(super) fn beside(&self, path: Path, name: String) -> Self {
        Self { path, name, ..self.clone() }
    }
}

/// The stores that were needed so far: one for each bucket, and for each folder of a server.
pub(super) struct Stores {
    network: Arc<Network>,
    known: HashMap<String, (Arc<dyn ObjectStore>, bool)>,
}

impl Stores {
    pub(super) fn new(network: &Arc<Network>) -> Self {
        Self { network: Arc::clone(network), known: HashMap::new() }
    }

    /// Where an address leads.
    pub(super) fn place(&mut self, address: &str) -> Result<Place, DataError> {
        let wrong = |reason: String| {
            DataError::about(
                ErrorKind::Invalid,
                shown(address),
                format!("is no address that can be read: {reason}"),
            )
        };
        let (root, path) = match address.strip_prefix("s3://") {
            Some(rest) => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(wrong("the name of a bucket is needed, as in s3://bucket/path".to_owned()));
                }
                (format!("s3://{bucket}"), Path::parse(key))
            }
            None => {
                let mut url = Url::parse(address).map_err(|error| wrong(error.to_string()))?;
                let last = url.path().rsplit('/').next().unwrap_or_default().to_owned();
                url.set_fragment(None);
                // The query stays: it may be a signature.
                url.path_segments_mut().map_err(|()| wrong("it has no path".to_owned()))?.pop();
                (url.to_string(), Path::from_url_path(last))
            }
        };
        let path = path.map_err(|error| wrong(error.to_string()))?;
        let (store, is_anonymous_s3) =
            self.store(&root).map_err(|error| Failed::of(&error, asked(&root)).error)?;
        Ok(Place { store, path, name: shown(address).into_owned(), is_anonymous_s3 })
    }

    fn store(&mut self, root: &str) -> object_store::Result<(Arc<dyn ObjectStore>, bool)> {
        if let Some(known) = self.known.get(root) {
            return Ok(known.clone());
        }
        let made = match root.strip_prefix("s3://") {
            Some(bucket) => {
                let (store, is_anonymous) = s3::bucket(bucket, &self.network)?;
                (Arc::new(store) as Arc<dyn ObjectStore>, is_anonymous)
            }
            None => (http::folder(root)?, false),
        };
        self.known.insert(root.to_owned(), made.clone());
        Ok(made)
    }
}

fn asked(root: &str) -> Asked<'_> {
    let name = if root.starts_with("s3:") { root } else { "HTTP" };
    Asked { name, is_anonymous_s3: false }
}
