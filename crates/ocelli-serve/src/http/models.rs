//! `GET /v1/models`: what is served, with what is known of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, SecondsFormat, Utc};
use ocelli_nn::Summary;
use serde_json::{Value, json};

use super::App;
use crate::engine::Slot;

pub(super) async fn models(State(app): State<Arc<App>>) -> Json<Value> {
    let one = |(name, versions): (&str, &BTreeMap<u64, Slot>)| {
        let versions: Vec<Value> = versions.values().map(card).collect();
        json!({ "name": name, "versions": versions })
    };
    Json(json!({
        "default": app.registry.first(),
        "heatmaps": app.options.heatmaps.is_some(),
        "models": app.registry.all().map(one).collect::<Vec<_>>(),
    }))
}

/// What people want to know of a model before they trust it.
fn card(slot: &Slot) -> Value {
    let model = slot.model();
    let classifier = model.classifier();
    let (height, width, channels) = model.input();
    let total = Summary::new(classifier.network()).total;
    let loaded: DateTime<Utc> = model.loaded.into();
    json!({
        "version": model.version,
        "network": classifier.network().name(),
        "parameters": total.parameters,
        "multiply_adds": total.multiply_adds,
        "input": { "height": height, "width": width, "channels": channels },
        "transforms": classifier.transforms(),
        "classes": classifier.classes(),
        "multi_label": classifier.is_multi_label(),
        "metrics": classifier.metrics(),
        "temperature": classifier.temperature(),
        "reject": classifier.reject(),
        "thresholds": classifier.thresholds(),
        "loaded": loaded.to_rfc3339_opts(SecondsFormat::Secs, true),
        "reload_problem": slot.trouble(),
    })
}
