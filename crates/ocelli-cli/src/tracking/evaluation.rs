//! What a model is worth, as it is tracked.

use super::Tracking;
use super::training::input;
use crate::args::EvalArgs;
use ocelli::data::Dataset;
use ocelli::data::dataset::fingerprint;
use serde_json::Value;
use std::path::Path;

/// Figures of a measurement that are no measure of the model.
const NO_MEASURES: [&str; 3] = ["images", "trained_on", "intervals"];

impl Tracking {
    /// Says what was measured on what, and every figure by the name that `eval --json` has: `accuracy`, `macro_f1`.
    pub(crate) fn evaluated(
        &mut self,
        args: &EvalArgs,
        (split, path, images): (&str, &Path, &dyn Dataset),
        document: &Value,
    ) {
        if self.is_none() {
            return;
        }
        let views = args.tta.iter().map(|view| format!("{view:?}")).collect::<Vec<_>>().join(", ");
        let params = [
            ("model", args.model.to_string_lossy().into_owned()),
            ("data.path", path.to_string_lossy().into_owned()),
            ("data.split", split.to_owned()),
            ("images", images.len().to_string()),
            ("tta", views),
            ("seed", args.seed.to_string()),
        ];
        self.params(params.map(|(key, value)| (key.to_owned(), value)));
        self.metrics(0, figures(document).iter().map(|(key, value)| (key.as_str(), *value)));
        let digest = format!("{:032x}", fingerprint(images));
        let input = input(path, (images.len(), &digest), "evaluation");
        self.tell(|run| run.log_dataset(&input));
    }
}

/// Numbers, and those one level below: `{"macro": {"f1": 0.5}}` is `macro_f1`.
fn figures(document: &Value) -> Vec<(String, f64)> {
    let Some(all) = document.as_object() else { return Vec::new() };
    let below = |key: &String, inner: &Value| {
        let figure = |(name, value): (&String, &Value)| Some((format!("{key}_{name}"), value.as_f64()?));
        inner.as_object().into_iter().flatten().filter_map(figure).collect::<Vec<_>>()
    };
    let measures = all.iter().filter(|(key, _)| !NO_MEASURES.contains(&key.as_str()));
    let figures = |(key, value): (&String, &Value)| match value.as_f64() {
        Some(number) => vec![(key.clone(), number)],
        None => below(key, value),
    };
    measures.flat_map(figures).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures_have_flat_names() {
        let document = json!({
            "model": "m", "images": 9, "accuracy": 0.5, "macro": { "f1": 0.25, "name": "x" }, "classes": [{ "f1": 1 }], "loss": null,
        });
        assert_eq!(figures(&document), [("accuracy".to_owned(), 0.5), ("macro_f1".to_owned(), 0.25)]);
    }
}
