//! Requests to a server, and what is believed of its answers.
//!
//! No answer is read beyond [`MOST`]; no request takes longer than [`ServerOptions::timeout`], and none that sends or fetches a file is silent
//! for longer. Redirections are not followed: they would
//! take names and passwords, or what is logged, to another address than the user gave. The error names that address.

use crate::error::TrackError;
use crate::tracker::ServerOptions;
use crate::{uri, validate};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{Request, Response, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, AsSendBody, Body, SendBody};
use url::Url;

/// The most that is read of an answer in JSON: a page of runs with their parameters has less.
const MOST: u64 = 256 << 20;
/// The most that is read of an error.
const MOST_OF_ERROR: u64 = 1 << 20;
/// The most that is read of a file: more than a model has, and less than for ever.
const MOST_OF_FILE: u64 = 1 << 40;

const BOTH: &str = "either a server's certificate is believed that one of MLFLOW_TRACKING_SERVER_CERT_PATH has signed, or any, by \
                    MLFLOW_TRACKING_INSECURE_TLS: unset one of them";

/// A connection to a server.
pub(crate) struct Http {
    agent: Agent,
    base: Url,
    /// The address as it may be shown.
    pub(crate) name: String,
    authorization: Option<String>,
    timeout: Duration,
}

/// What goes with a request.
pub(crate) enum Send<'a> {
    Nothing,
    /// Nothing: what is asked for is a file, which may take long.
    NothingForFile,
    Json(&'a Value),
    File(&'a Path),
}

impl Http {
    pub(crate) fn new(address: &Url, options: &ServerOptions) -> Result<Self, TrackError> {
        let roots = match &options.certificates {
            Some(_) if options.insecure_tls => return Err(validate::invalid(BOTH.to_owned())),
            Some(path) => certificates(path)?,
            None => RootCerts::WebPki,
        };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(roots)
            .disable_verification(options.insecure_tls)
            .build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(options.timeout.min(Duration::from_secs(10))))
            .user_agent(concat!("ocelli/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build();
        let mut base = address.clone();
        // Addresses of servers have a host, so these cannot fail.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        Ok(Http {
            agent: config.into(),
            name: uri::shown(&base),
            authorization: authorization(address, options),
            base,
            timeout: options.timeout,
        })
    }

    /// Asks, with parts of a path that are escaped and a query, and reads JSON.
    pub(crate) fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &[&str],
        query: &[(&str, &str)],
        send: Send<'_>,
    ) -> Result<T, TrackError> {
        let bytes = self.read(self.send(method, path, query, send)?)?;
        // Some answers are empty.
        let text = if bytes.is_empty() { b"{}" } else { bytes.as_slice() };
        serde_json::from_slice(text).map_err(|error| {
            self.answered(200, format!("its answer to {method} {} is not MLflow's: {error}", path.join("/")))
        })
    }

    /// Asks for a text.
    pub(crate) fn text(&self, path: &[&str]) -> Result<String, TrackError> {
        let bytes = self.read(self.send("GET", path, &[], Send::Nothing)?)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn read(&self, mut response: Response<Body>) -> Result<Vec<u8>, TrackError> {
        let read = response.body_mut().with_config().limit(MOST).read_to_vec();
        read.map_err(|error| self.unreachable(error.to_string()))
    }

    /// Asks for a file, and writes it.
    pub(crate) fn download(&self, path: &[&str], to: &Path) -> Result<(), TrackError> {
        let mut response = self.send("GET", path, &[], Send::NothingForFile)?;
        let mut reader = response.body_mut().with_config().limit(MOST_OF_FILE).reader();
        let mut failed = None;
        let done = crate::artifacts::replace(to, |temporary| {
            let mut file = File::create(temporary)?;
            copy(&mut reader, &mut file, &mut failed)
        });
        match (done, failed) {
            (Ok(()), _) => Ok(()),
            (Err(_), Some(reason)) => Err(self.unreachable(reason)),
            (Err(source), None) => Err(TrackError::Io { path: to.to_path_buf(), doing: "written", source }),
        }
    }

    fn send(
        &self,
        method: &'static str,
        path: &[&str],
        query: &[(&str, &str)],
        send: Send<'_>,
    ) -> Result<Response<Body>, TrackError> {
        let request = format!("{method} {}", path.join("/"));
        let mut builder = Request::builder().method(method).uri(self.url(path, query).as_str());
        if let Some(authorization) = &self.authorization {
            builder = builder.header(header::AUTHORIZATION, authorization);
        }
        let invalid =
            |error: ureq::http::Error| self.unreachable(format!("{request} cannot be asked: {error}"));
        let answer = match send {
            Send::Nothing => {
                let request = builder.body(()).map_err(invalid)?;
                self.agent
                    .run(self.agent.configure_request(request).timeout_global(Some(self.timeout)).build())
            }
            Send::NothingForFile => {
                let request = builder.body(()).map_err(invalid)?;
                self.run_unless_silent(request)
            }
            Send::Json(value) => {
                let body = value.to_string();
                let request =
                    builder.header(header::CONTENT_TYPE, "application/json").body(body).map_err(invalid)?;
                self.agent
                    .run(self.agent.configure_request(request).timeout_global(Some(self.timeout)).build())
            }
            Send::File(file) => {
                let io = |source| TrackError::Io { path: file.to_path_buf(), doing: "read", source };
                let opened = File::open(file).map_err(io)?;
                let length = opened.metadata().map_err(io)?.len();
                let request = builder
                    .header(header::CONTENT_TYPE, "application/octet-stream")
                    .header(header::CONTENT_LENGTH, length)
                    .body(SendBody::from_owned_reader(opened))
                    .map_err(invalid)?;
                self.run_unless_silent(request)
            }
        };
        let response = answer.map_err(|error| self.unreachable(hinted(error.to_string())))?;
        self.judge(request, response)
    }

    /// A file takes as long as it takes, and only silence ends it.
    fn run_unless_silent(&self, request: Request<impl AsSendBody>) -> Result<Response<Body>, ureq::Error> {
        let configured = self.agent.configure_request(request);
        self.agent.run(
            configured
                .timeout_recv_response(Some(self.timeout))
                .timeout_per_read(Some(self.timeout))
                .timeout_per_write(Some(self.timeout))
                .build(),
        )
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Tells an answer from a refusal, and a refusal that will be repeated from one that may pass.
    fn judge(&self, request: String, mut response: Response<Body>) -> Result<Response<Body>, TrackError> {
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(response);
        }
        if (300..400).contains(&status) {
            let to =
                response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
            let to = Url::parse(to).map_or_else(|_| to.to_owned(), |url| uri::shown(&url));
            return Err(self.answered(status, format!(
                "it sends {request} on to {to}, where nothing is sent without being told to: give the address it leads to as the \
                 tracking URI"
            )));
        }
        let mut text = Vec::new();
        // Whatever can be read of it will do.
        let _ = response.body_mut().as_reader().take(MOST_OF_ERROR).read_to_end(&mut text);
        let answer: Value = serde_json::from_slice(&text).unwrap_or_default();
        let said = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        let (code, message) = (said("error_code"), said("message"));
        let passes = passes(status, code.as_deref());
        let what = [code, message].into_iter().flatten().collect::<Vec<_>>().join(": ");
        let what = if what.is_empty() { String::from_utf8_lossy(&text).into_owned() } else { what };
        let what = shortened(&what);
        match status {
            401 | 403 => Err(self.answered(status, format!(
                "it wants other credentials for {request} (status {status}): set MLFLOW_TRACKING_TOKEN, or \
                 MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            ))),
            400..=499 if !passes => {
                Err(TrackError::Refused { server: self.name.clone(), request, status, message: what })
            }
            _ => Err(self.answered(status, format!("it answered {request} with status {status}: {what}"))),
        }
    }

    pub(crate) fn unreachable(&self, reason: String) -> TrackError {
        TrackError::Unreachable { server: self.name.clone(), reason, status: None }
    }

    /// It did answer, only not as it should.
    fn answered(&self, status: u16, reason: String) -> TrackError {
        TrackError::Unreachable { server: self.name.clone(), reason, status: Some(status) }
    }
}

/// What went wrong, with what mends it where the server's certificate is not believed.
fn hinted(reason: String) -> String {
    let hint = if reason.contains("CaUsedAsEndEntity") {
        "it is that of an authority, as `openssl req -x509` makes one unless it is told -addext basicConstraints=critical,CA:FALSE"
    } else if reason.contains("invalid peer certificate") {
        "where it is of an authority of your own, name that one's certificate, a PEM file, in MLFLOW_TRACKING_SERVER_CERT_PATH"
    } else {
        return reason;
    };
    format!("{reason}: {hint}")
}

/// Whether a refusal may pass. Without MLflow's code it is not MLflow that refuses: a proxy has a reason that will stay (413: the file is too
/// long for it), unless the address is wrong (404, 405), or it wants a password of its own (407).
fn passes(status: u16, code: Option<&str>) -> bool {
    match code {
        _ if matches!(status, 408 | 425 | 429) => true,
        None => matches!(status, 404 | 405 | 407),
        Some(code) => matches!(
            code,
            "TEMPORARILY_UNAVAILABLE" | "REQUEST_LIMIT_EXCEEDED" | "ENDPOINT_NOT_FOUND" | "INTERNAL_ERROR"
        ),
    }
}

/// What a server says may be a whole page.
fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(500) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Copies, and keeps apart what goes wrong on the reading side.
fn copy(from: &mut impl Read, to: &mut impl io::Write, failed: &mut Option<String>) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer).inspect_err(|error| *failed = Some(error.to_string()))?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..read])?;
    }
}

/// As MLflow does it: what the address says comes first, then user and password, and the token last.
fn authorization(address: &Url, options: &ServerOptions) -> Option<String> {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let basic =
        |user: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    if !address.username().is_empty() {
        let password =
            address.password().map(decoded).or_else(|| options.password.clone()).unwrap_or_default();
        return Some(basic(&decoded(address.username()), &password));
    }
    match (&options.username, &options.password, &options.token) {
        (Some(user), Some(password), _) => Some(basic(user, password)),
        (_, _, Some(token)) => Some(format!("Bearer {token}")),
        (Some(user), None, None) => Some(basic(user, "")),
        (None, _, None) => None,
    }
}

fn certificates(path: &Path) -> Result<RootCerts, TrackError> {
    let io = |source| TrackError::Io { path: path.to_path_buf(), doing: "read", source };
    let text = std::fs::read(path).map_err(io)?;
    let found: Vec<Certificate<'static>> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(io(io::Error::other("it has no certificate in PEM")));
    }
    Ok(RootCerts::Specific(Arc::new(found)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_come_in_mlflows_order() {
        let ask = |address: &str, username: Option<&str>, password: Option<&str>, token: Option<&str>| {
            let options = ServerOptions {
                username: username.map(str::to_owned),
                password: password.map(str::to_owned),
                token: token.map(str::to_owned),
                ..ServerOptions::default()
            };
            authorization(&address.parse().unwrap(), &options)
        };
        let basic = |text: &str| Some(format!("Basic {}", STANDARD.encode(text)));
        let all = (Some("u"), Some("p"), Some("t"));
        assert_eq!(ask("http://a%40b:c@h", all.0, all.1, all.2), basic("a@b:c"));
        assert_eq!(ask("http://a@h", all.0, all.1, all.2), basic("a:p"));
        assert_eq!(ask("http://h", all.0, all.1, all.2), basic("u:p"));
        assert_eq!(ask("http://h", all.0, None, all.2), Some("Bearer t".to_owned()));
        assert_eq!(ask("http://h", all.0, None, None), basic("u:"));
        assert_eq!(ask("http://h", None, None, None), None);
    }
}
