//! Folders of HTTP servers.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use object_store::http::HttpBuilder;
use object_store::{ClientOptions, HeaderMap, HeaderValue, ObjectStore};
use percent_encoding::percent_decode_str;
use url::Url;

use super::bounded::Bounded;
use super::stores::{WAITS, retries};

/// A folder of an HTTP server.
pub(super) fn folder(folder: &str) -> object_store::Result<Arc<dyn ObjectStore>> {
    // An address that begins with https leads nowhere else.
    let mut options = ClientOptions::new().with_allow_http(folder.starts_with("http://"));
    for (key, _, value) in WAITS {
        options = options.with_config(key, value);
    }
    let mut url = folder.to_owned();
    if let Some((without, authorization)) = signed_in(folder) {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", authorization);
        options = options.with_default_headers(headers);
        url = without;
    }
    let builder = HttpBuilder::new().with_url(url).with_client_options(options).with_retry(retries());
    Ok(Arc::new(builder.with_http_connector(Bounded).build()?))
}

/// An address without the name and password in it, and the header that says them.
fn signed_in(address: &str) -> Option<(String, HeaderValue)> {
    let mut url = Url::parse(address).ok()?;
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair = percent_decode_str(url.username()).collect::<Vec<u8>>();
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    let mut header = HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(pair))).ok()?;
    header.set_sensitive(true);
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some((url.into(), header))
}
