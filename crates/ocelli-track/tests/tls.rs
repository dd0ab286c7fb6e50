//! Servers behind TLS: whose certificates are believed.

use ocelli_track::{ServerOptions, TrackError, Tracker, TrackerOptions};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

const ANSWER: &str = r#"{"experiment": {"experiment_id": "1", "name": "flowers"}}"#;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

/// A server with this certificate that knows one experiment; its address.
fn serve(certificate: &str) -> String {
    let chain = CertificateDer::from_pem_file(file(certificate)).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![chain], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            let (mut request, mut byte) = (Vec::new(), [0]);
            // Who does not believe the certificate goes away.
            while !request.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                request.push(byte[0]);
            }
            let length = ANSWER.len();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{ANSWER}");
        }
    });
    address
}

fn ask(certificate: &str, server: ServerOptions) -> Result<String, TrackError> {
    let options = TrackerOptions { server, ..TrackerOptions::default() };
    let tracker = Tracker::open(&serve(certificate).parse().unwrap(), options)?;
    tracker.get_experiment("1").map(|found| found.name)
}

fn believing(authority: &str) -> ServerOptions {
    ServerOptions { certificates: Some(file(authority)), ..ServerOptions::default() }
}

#[test]
fn an_authority_is_believed_that_is_named_and_no_other() {
    let unknown = ask("server.pem", ServerOptions::default()).unwrap_err().to_string();
    assert!(
        unknown.contains("UnknownIssuer") && unknown.contains("MLFLOW_TRACKING_SERVER_CERT_PATH"),
        "{unknown}"
    );
    assert_eq!(ask("server.pem", believing("authority.pem")).unwrap(), "flowers");
    assert!(ask("server.pem", believing("leaf.pem")).is_err());
    assert!(ask("leaf.pem", believing("authority.pem")).is_err());
    let none = ask("server.pem", believing("make.sh")).unwrap_err();
    assert!(
        std::error::Error::source(&none).unwrap().to_string().contains("no certificate in PEM"),
        "{none}"
    );
    assert!(ask("server.pem", believing("nothing.pem")).is_err());
}

#[test]
fn a_certificate_that_signed_itself_is_believed_where_it_is_named_and_none_of_an_authority() {
    assert_eq!(ask("leaf.pem", believing("leaf.pem")).unwrap(), "flowers");
    // OpenSSL would believe it; that of an authority is none of a server to rustls.
    let authority = ask("self.pem", believing("self.pem")).unwrap_err().to_string();
    assert!(authority.contains("CA:FALSE"), "{authority}");
}

#[test]
fn any_certificate_is_believed_where_that_is_asked_for() {
    let any = ServerOptions { insecure_tls: true, ..ServerOptions::default() };
    for certificate in ["server.pem", "self.pem"] {
        assert_eq!(ask(certificate, any.clone()).unwrap(), "flowers");
    }
    let both = ServerOptions { insecure_tls: true, ..believing("authority.pem") };
    let refused = ask("server.pem", both).unwrap_err().to_string();
    assert!(refused.contains("MLFLOW_TRACKING_INSECURE_TLS"), "{refused}");
}
