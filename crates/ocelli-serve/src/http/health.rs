//! Whether the server lives, can answer, and what it has done.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::{App, Problem};
use crate::metrics;

/// `GET /healthz`: whoever can say this lives.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    is_ready(&app).map(|()| "ready\n")
}

/// Whether requests should be sent here.
///
/// # Errors
/// The server is about to stop, or a model's thread is gone.
pub(crate) fn is_ready(app: &App) -> Result<(), Problem> {
    let not = |why: &str| Err(Problem::new(503, "not_ready", why));
    if app.stopping.load(Ordering::Relaxed) {
        return not("the server is stopping");
    }
    if !app.registry.is_alive() {
        return not("a model met a defect and answers no more: the server must be started again");
    }
    Ok(())
}

/// `GET /metrics`.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    (StatusCode::OK, [(CONTENT_TYPE, metrics::CONTENT_TYPE)], app.metrics.text())
}
