//! Routes, and what is around all of them.

mod body;
mod fetch;
mod health;
mod images;
mod models;
mod observe;
mod predict;
mod problem;

pub(crate) use body::{Room, plain_encoding, read};
pub(crate) use fetch::Places;
pub(crate) use health::is_ready;
pub(crate) use observe::Client;
pub(crate) use predict::too_slow;
pub(crate) use problem::Problem;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{Method, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Router, extract::State};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use crate::engine::Registry;
use crate::metrics::Metrics;
use crate::security::{self, Keys};
use crate::watched::Watched;
use crate::{ServeError, ServeOptions, page, v2};

/// What handlers share.
pub(crate) struct App {
    pub(crate) options: ServeOptions,
    pub(crate) registry: Registry,
    pub(crate) metrics: Arc<Metrics>,
    /// Who may ask; none is everyone.
    pub(crate) keys: Option<Watched<Keys>>,
    /// Where images may be fetched from.
    pub(crate) places: Places,
    /// One for each request for predictions that may be worked on.
    pub(crate) requests: Arc<Semaphore>,
    /// One for each byte of bodies that may be held.
    pub(crate) room: Arc<Semaphore>,
    /// Whether a stop was asked for.
    pub(crate) stopping: AtomicBool,
}

/// All routes.
///
/// # Errors
/// An origin that pages may ask from is none.
pub(crate) fn router(app: Arc<App>) -> Result<Router, ServeError> {
    let cors = security::cors(&app.options.cors)?;
    let work = Router::new()
        .route("/v1/predict", post(predict::predict))
        .merge(v2::work())
        .layer(from_fn_with_state(app.clone(), observe::bounded));
    let with_key = Router::new()
        .merge(work)
        .route("/v1/models", get(models::models))
        .route("/metrics", get(health::metrics))
        .merge(v2::descriptions())
        .layer(from_fn_with_state(app.clone(), security::authorised));
    let mut router = Router::new()
        .merge(with_key)
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .merge(v2::health())
        .merge(page::documents());
    if app.options.page {
        router = router.merge(page::files());
    }
    let router = router
        .fallback(nowhere)
        .method_not_allowed_fallback(other_method)
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(problem::of_panic));
    let router = match cors {
        Some(cors) => router.layer(cors),
        None => router,
    };
    let router =
        router.layer(from_fn(security::headers)).layer(from_fn_with_state(app.clone(), observe::observed));
    Ok(router.with_state(app))
}

/// Answers a request whose body nobody wants.
pub(crate) async fn refuse(app: &App, request: Request, problem: Problem) -> Response {
    let (parts, body) = request.into_parts();
    body::linger(&parts.headers, body, app.options.max_body).await;
    problem.at(parts.uri.path())
}

/// What there is none of.
async fn nowhere(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let page = if app.options.page { "; / is a page to try the models" } else { "" };
    Problem::new(404, "not_found", "there is nothing at this address")
        .hint(format!("POST an image to /v1/predict; /docs lists all addresses{page}"))
        .at(uri.path())
}

/// What there is, but not to be had so.
async fn other_method(method: Method, uri: Uri) -> Response {
    Problem::new(405, "method_not_allowed", format!("{method} is not what this address is for"))
        .hint("/docs lists all addresses with their methods: predictions are asked for with POST")
        .at(uri.path())
}
