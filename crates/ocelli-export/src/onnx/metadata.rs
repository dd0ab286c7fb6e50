//! What a file says about itself beside its graph.

use super::proto::Entry;
use ocelli_model::Classifier;
use serde_json::json;

/// Under which key it is said with how many bits the network computes, and what is said of eight.
pub(super) const PRECISION: &str = "precision";
pub(super) const EIGHT_BITS: &str = "int8";

/// All that is known of the classifier: text as it is, the rest as JSON.
pub(super) fn of(classifier: &Classifier, eight_bits: bool) -> Vec<Entry> {
    let labels = if classifier.is_multi_label() { "any number" } else { "one" };
    let mut entries = vec![
        ("classes", json!(classifier.classes())),
        ("labels_per_image", json!(labels)),
        (PRECISION, json!(if eight_bits { EIGHT_BITS } else { "float32" })),
        ("network", json!(classifier.network().name())),
        ("transforms", json!(classifier.transforms())),
        ("metrics", json!(classifier.metrics())),
        ("ocelli_version", json!(env!("CARGO_PKG_VERSION"))),
    ];
    entries.extend(classifier.temperature().map(|temperature| ("temperature", json!(temperature))));
    entries.extend(classifier.reject().map(|least| ("reject", json!(least))));
    entries.extend(classifier.thresholds().map(|thresholds| ("thresholds", json!(thresholds))));
    let entry = |(key, value): (&str, serde_json::Value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Entry { key: key.to_owned(), value }
    };
    entries.into_iter().map(entry).collect()
}
