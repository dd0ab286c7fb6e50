//! Keys, TLS, other origins, and what answers say to browsers.

mod common;

use std::path::Path;
use std::time::Duration;

use common::*;
use ocelli_serve::{ServeError, Server, TlsFiles};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// How often files are looked at where they are to change.
const OFTEN: Duration = Duration::from_millis(20);
/// `printf %s other | sha256sum`
const OTHER: &str = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa  -\n";
/// `printf %s secret | sha256sum`
const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b  -\n";

#[test]
fn with_keys_only_who_has_one_may_ask() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keys = folder.path().join("keys");
    std::fs::write(&keys, SECRET).expect("a file");
    let (server, _folder) = served(|options| options.keys = Some(keys));
    for path in ["/v1/models", "/metrics", "/v2", "/v2/models/first"] {
        let said = get(&server, path);
        assert_eq!((said.status, said.header("www-authenticate")), (401, Some("Bearer")), "{path}");
        assert_eq!(get_with(&server, path, ("Authorization", "Bearer wrong")).status, 401);
        assert_eq!(get_with(&server, path, ("Authorization", "Bearer secret")).status, 200);
        assert_eq!(get_with(&server, path, ("X-API-Key", "secret")).status, 200);
    }
    assert_eq!(post(&server, "/v1/predict", "image/png", b"x").code(), "no_key");
    assert_eq!(post(&server, "/v2/models/first/infer", "application/json", b"{}").status, 401);
    for path in ["/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/", "/docs", "/openapi.json"]
    {
        assert_eq!(get(&server, path).status, 200, "{path}");
    }
    server.stop();
}

#[test]
fn a_file_without_keys_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "secret\n").expect("a file");
    let mut options = options(&[&model(folder.path(), "first", 1)]);
    options.keys = Some(keys);
    let error = Server::start(options).expect_err("no hashes");
    assert!(matches!(error, ServeError::File { .. }) && !error.to_string().contains("secret\n"), "{error}");
}

#[test]
fn changed_keys_are_taken_without_a_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("keys");
    std::fs::write(&path, SECRET).expect("a file");
    let keys = Some(path.clone());
    let (server, _folder) = served(|options| (options.keys, options.reload) = (keys, OFTEN));
    let status = |key: &str| get_with(&server, "/v1/models", ("X-API-Key", key)).status;
    assert_eq!((status("secret"), status("other")), (200, 401));
    std::fs::write(&path, OTHER).expect("a file");
    until("the new key", || status("other") == 200);
    assert_eq!(status("secret"), 401);
    // What is no file of keys lets nobody else in, and shuts nobody out.
    std::fs::write(&path, "").expect("a file");
    std::thread::sleep(10 * OFTEN);
    assert_eq!((status("other"), status("secret")), (200, 401));
    std::fs::write(&path, format!("{SECRET}{OTHER}")).expect("a file");
    until("both keys", || status("secret") == 200 && status("other") == 200);
    server.stop();
}

fn tls() -> TlsFiles {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
    TlsFiles { certificates: folder.join("certificate.pem"), key: folder.join("key.pem") }
}

/// A client that trusts an authority of the tests.
fn trusting(authority: &str) -> ureq::Agent {
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(authority);
    let authority = Certificate::from_pem(&std::fs::read(authority).expect("a file")).expect("a certificate");
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[authority])).build();
    // A connection that is kept would not meet another certificate.
    ureq::Agent::config_builder().tls_config(tls).max_idle_connections(0).build().into()
}

#[test]
fn tls_is_answered_with_tls() {
    let (server, _folder) = served(|options| options.tls = Some(tls()));
    assert!(server.url().starts_with("https://"));
    let trusting = trusting("authority.pem");
    let url = format!("{}/healthz", server.url());
    let said = trusting.get(&url).call().expect("an answer").body_mut().read_to_string().expect("a text");
    assert_eq!(said, "ok\n");
    assert!(agent().get(&url).call().is_err(), "nobody else trusts that authority");
    let (plain, _) = raw(server.address(), b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(!plain.contains("200 OK"), "{plain}");
    server.stop();
}

#[test]
fn changed_certificates_are_taken_without_a_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files =
        TlsFiles { certificates: folder.path().join("certificate.pem"), key: folder.path().join("key.pem") };
    std::fs::copy(tls().certificates, &files.certificates).expect("a file");
    std::fs::copy(tls().key, &files.key).expect("a file");
    let changing = Some(files.clone());
    let (server, _folder) = served(|options| (options.tls, options.reload) = (changing, OFTEN));
    let (old, new) = (trusting("authority.pem"), trusting("other-authority.pem"));
    let answers = |client: &ureq::Agent| client.get(format!("{}/healthz", server.url())).call().is_ok();
    assert!(answers(&old) && !answers(&new));
    let other = |name: &str| tls().key.with_file_name(format!("other-{name}"));
    std::fs::copy(other("certificate.pem"), &files.certificates).expect("a file");
    // A certificate whose key has not come yet changes nothing.
    std::thread::sleep(10 * OFTEN);
    assert!(answers(&old) && !answers(&new));
    std::fs::copy(other("key.pem"), &files.key).expect("a file");
    until("the new certificate", || answers(&new));
    assert!(!answers(&old));
    server.stop();
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut options = options(&[&model(folder.path(), "first", 1)]);
    options.tls = Some(TlsFiles { key: tls().certificates, ..tls() });
    assert!(matches!(Server::start(options).expect_err("no key"), ServeError::File { .. }));
}

#[test]
fn answers_say_what_they_may_be_used_for() {
    let (server, _folder) = served(|_| {});
    for path in ["/healthz", "/nowhere", "/v1/models", "/"] {
        let said = get(&server, path);
        assert_eq!(said.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(said.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(said.header("referrer-policy"), Some("no-referrer"), "{path}");
        let policy = said.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
    }
    server.stop();
}

#[test]
fn requests_have_ids() {
    let (server, _folder) = served(|_| {});
    let own = get(&server, "/healthz").header("x-request-id").expect("an id").to_owned();
    assert_eq!(own.len(), 16);
    assert_eq!(get_with(&server, "/healthz", ("x-request-id", "my-1")).header("x-request-id"), Some("my-1"));
    for wrong in ["a b", "a{b}", &"a".repeat(129)] {
        let said = get_with(&server, "/healthz", ("x-request-id", wrong));
        assert_ne!(said.header("x-request-id"), Some(wrong));
    }
    server.stop();
}

#[test]
fn other_origins_may_ask_only_if_they_are_named() {
    let origin = ("Origin", "https://example.org");
    let allowed = |server: &Server| {
        get_with(server, "/v1/models", origin).header("access-control-allow-origin").map(str::to_owned)
    };
    let (server, _folder) = served(|_| {});
    assert_eq!(allowed(&server), None);
    server.stop();
    let (server, _folder) = served(|options| options.cors = vec!["https://example.org".to_owned()]);
    assert_eq!(allowed(&server).as_deref(), Some("https://example.org"));
    let other = get_with(&server, "/v1/models", ("Origin", "https://example.com"));
    assert_eq!(other.header("access-control-allow-origin"), None);
    let preflight = "OPTIONS /v1/predict HTTP/1.1\r\nHost: x\r\nOrigin: https://example.org\r\nAccess-Control-Request-Method: POST\r\n\
                     Connection: close\r\n\r\n";
    let (said, _) = raw(server.address(), preflight.as_bytes());
    assert!(said.contains("access-control-allow-methods: GET,POST"), "{said}");
    server.stop();
}

#[test]
fn there_is_no_page_where_none_is_wanted() {
    let (server, _folder) = served(|options| options.page = false);
    assert_eq!(
        (get(&server, "/").status, get(&server, "/app.js").status, get(&server, "/docs").status),
        (404, 404, 200)
    );
    server.stop();
}
