//! What people see in a browser.

mod docs;

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::http::App;
use crate::security::PAGE_POLICY;

/// The description of all routes.
const OPENAPI: &str = include_str!("assets/openapi.json");
const HTML: &str = "text/html; charset=utf-8";

/// `/openapi.json`, and `/docs`, which lists it.
pub(crate) fn documents() -> Router<Arc<App>> {
    let listed = docs::page(OPENAPI);
    Router::new()
        .route("/openapi.json", get(|| file("application/json", OPENAPI)))
        .route("/docs", get(|| async { answer(HTML, listed) }))
        .route("/style.css", get(|| file("text/css; charset=utf-8", include_str!("assets/style.css"))))
}

/// The page to try models, and what it loads.
pub(crate) fn files() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(|| file(HTML, include_str!("assets/index.html"))))
        .route("/app.js", get(|| file("text/javascript; charset=utf-8", include_str!("assets/app.js"))))
        .route("/icon.svg", get(|| file("image/svg+xml", include_str!("assets/icon.svg"))))
}

async fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    answer(kind, text)
}

fn answer<T: IntoResponse>(kind: &'static str, text: T) -> impl IntoResponse + use<T> {
    // The next version of the program may have others under the same names.
    let headers = [(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, PAGE_POLICY), (CACHE_CONTROL, "no-cache")];
    (headers, text)
}
