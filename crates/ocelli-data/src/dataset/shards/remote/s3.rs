//! Buckets of S3 and of what speaks like it.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};

use super::bounded::Bounded;
use super::network::Network;
use super::stores::{WAITS, retries};

/// How long the machine is given to tell the credentials that a cloud gave it.
const OWN_CREDENTIALS: Duration = Duration::from_secs(2);
/// What tells credentials, or that there shall be none.
const CREDENTIALS: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
];

/// A bucket, with what the environment says of S3. Without credentials there, those that a cloud gives its machines are asked
/// for, unless an endpoint is named; where there are none, requests are not signed.
pub(super) fn bucket(name: &str, network: &Network) -> object_store::Result<(AmazonS3, bool)> {
    let has = |variable: &str| std::env::var_os(variable).is_some();
    let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    let endpoint = endpoint.iter().find_map(|variable| std::env::var(variable).ok());
    let mut builder =
        AmazonS3Builder::from_env().with_bucket_name(name).with_retry(retries()).with_http_connector(Bounded);
    for (key, variable, value) in WAITS {
        if !has(variable) {
            builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
        }
    }
    if endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")) {
        builder = builder.with_allow_http(true);
    }
    if CREDENTIALS.iter().any(|variable| has(variable)) {
        let skipped = std::env::var("AWS_SKIP_SIGNATURE").is_ok_and(|value| value == "true" || value == "1");
        return Ok((builder.build()?, skipped));
    }
    let is_disabled = std::env::var("AWS_EC2_METADATA_DISABLED").is_ok_and(|value| value == "true");
    if endpoint.is_none() && !is_disabled {
        let store = builder.clone().build()?;
        let credentials = Arc::clone(store.credentials());
        let told = network
            .wait(async move { tokio::time::timeout(OWN_CREDENTIALS, credentials.get_credential()).await });
        if matches!(told, Ok(Ok(Ok(_)))) {
            return Ok((store, false));
        }
    }
    Ok((builder.with_skip_signature(true).build()?, true))
}
