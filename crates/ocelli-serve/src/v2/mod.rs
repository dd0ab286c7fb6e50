//! The Open Inference Protocol, version 2 (<https://github.com/kserve/open-inference-protocol>), with binary tensors as Triton has them
//! (<https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md>).

mod describe;
mod infer;
mod problem;
mod tensor;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::http::App;

/// What takes time.
pub(crate) fn work() -> Router<Arc<App>> {
    Router::new()
        .route("/v2/models/{name}/infer", post(infer::infer))
        .route("/v2/models/{name}/versions/{version}/infer", post(infer::infer))
}

/// What there is.
pub(crate) fn descriptions() -> Router<Arc<App>> {
    Router::new()
        .route("/v2", get(describe::server))
        .route("/v2/models/{name}", get(describe::model))
        .route("/v2/models/{name}/versions/{version}", get(describe::model))
        .route("/v2/models/{name}/ready", get(describe::model_ready))
        .route("/v2/models/{name}/versions/{version}/ready", get(describe::model_ready))
}

/// What balancers ask.
pub(crate) fn health() -> Router<Arc<App>> {
    Router::new()
        .route("/v2/health/live", get(describe::live))
        .route("/v2/health/ready", get(describe::ready))
}
