//! TLS.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::{ServeError, TlsFiles};

/// TLS 1.2 and 1.3 by these files.
///
/// # Errors
/// A file cannot be read or has not what is needed, or the key is not the certificate's.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServeError> {
    let unreadable = |path: &Path, what: &str| {
        let path = path.to_path_buf();
        let what = what.to_owned();
        move |error: Error| {
            ServeError::file(&path, format!("{what} cannot be read: {error:?}; PEM is needed"))
        }
    };
    let certificates = &files.certificates;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificates)
        .and_then(Iterator::collect)
        .map_err(unreadable(certificates, "certificates"))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable(&files.key, "a private key"))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| ServeError::file(certificates, format!("cannot be used with its key: {error}")))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
