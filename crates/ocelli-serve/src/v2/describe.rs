//! What there is, and whether it can be asked.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::infer::{LABEL, Named, PROBABILITIES};
use super::problem::Plain;
use super::tensor::{FILES, IMAGES, INPUT};
use crate::http::{App, Problem, is_ready};

/// `GET /v2`.
pub(super) async fn server() -> Json<Value> {
    Json(
        json!({ "name": "ocelli", "version": env!("CARGO_PKG_VERSION"), "extensions": ["binary_tensor_data"] }),
    )
}

/// `GET /v2/health/live`.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

/// `GET /v2/health/ready`.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Value>, Plain> {
    is_ready(&app)?;
    Ok(Json(json!({ "ready": true })))
}

/// `GET /v2/models/NAME/ready`.
pub(super) async fn model_ready(
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
) -> Result<Json<Value>, Plain> {
    let model = named.find(&app)?;
    is_ready(&app)?;
    if !model.is_alive() {
        return Err(Problem::new(503, "not_ready", "the model met a defect and answers no more").into());
    }
    Ok(Json(json!({ "name": model.name, "ready": true })))
}

/// `GET /v2/models/NAME`. A request gives one of the inputs.
pub(super) async fn model(
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
) -> Result<Json<Value>, Plain> {
    let model = named.find(&app)?;
    let ((height, width, channels), seen) = (model.input(), model.image_channels());
    let classes = model.classifier().classes();
    Ok(Json(json!({
        "name": model.name,
        "versions": app.registry.versions(&model.name),
        "platform": "ocelli",
        "inputs": [
            { "name": IMAGES, "datatype": "UINT8", "shape": [-1, -1, -1, seen] },
            { "name": FILES, "datatype": "BYTES", "shape": [-1] },
            { "name": INPUT, "datatype": "FP32", "shape": [-1, channels, height, width] },
        ],
        "outputs": [
            { "name": PROBABILITIES, "datatype": "FP32", "shape": [-1, classes.len()] },
            { "name": LABEL, "datatype": "BYTES", "shape": [-1] },
        ],
        "parameters": { "classes": classes },
    })))
}
