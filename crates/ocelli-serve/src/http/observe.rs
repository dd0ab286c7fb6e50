//! What is noted of every request, and how many are worked on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use serde_json::json;

use super::{App, Problem, refuse};
use crate::log;
use crate::metrics::RequestLabels;

/// By which a request is found again in logs: what the client says, or a new one.
const ID: &str = "x-request-id";
/// Longest id that a client may give.
const LONGEST_ID: usize = 128;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) SocketAddr);

/// Gives a request its id, measures it, counts it, and writes its line.
pub(super) async fn observed(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = id(&request);
    let method = request.method().as_str().to_owned();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let client = request.extensions().get::<Client>().map(|client| client.0.ip().to_string());
    let mut response = next.run(request).await;
    let took = begun.elapsed();
    let status = response.status().as_u16();
    let labels = RequestLabels { method: counted(&method), route, status };
    app.metrics.answered(labels, took);
    if app.options.log {
        let milliseconds = (took.as_secs_f64() * 1e6).round() / 1e3;
        let level = if status >= 500 { "error" } else { "info" };
        let line = json!({
            "id": id.to_str().unwrap_or_default(),
            "client": client,
            "method": method,
            "path": path,
            "status": status,
            "milliseconds": milliseconds,
        });
        log::line(level, "request", line);
    }
    response.headers_mut().insert(ID, id);
    response
}

/// Lets so many requests be worked on, and gives them so long.
pub(super) async fn bounded(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Ok(_place) = app.requests.clone().try_acquire_owned() else {
        let problem = Problem::new(
            429,
            "busy",
            format!("{} requests are being worked on already", app.options.concurrency),
        );
        return refuse(&app, request, problem.hint("try again after the seconds of Retry-After").later())
            .await;
    };
    let _counted = InProgress::new(app.clone());
    next.run(request).await
}

/// Counts one while it lives: a client may go before its answer is there.
struct InProgress(Arc<App>);

impl InProgress {
    fn new(app: Arc<App>) -> Self {
        app.metrics.in_progress().inc();
        Self(app)
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.metrics.in_progress().dec();
    }
}

/// Methods that clients make up are counted as one.
fn counted(method: &str) -> String {
    let known = ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"];
    if known.contains(&method) { method.to_owned() } else { "other".to_owned() }
}

/// The client's id if it can be written anywhere, or a new one.
fn id(request: &Request) -> HeaderValue {
    let plain = |id: &&HeaderValue| {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
        (1..=LONGEST_ID).contains(&id.len()) && id.as_bytes().iter().all(plain)
    };
    if let Some(given) = request.headers().get(ID).filter(plain) {
        return given.clone();
    }
    let random = getrandom::u64().unwrap_or_default();
    HeaderValue::from_str(&format!("{random:016x}")).expect("digits")
}
