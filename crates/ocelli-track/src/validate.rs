//! What MLflow allows: `mlflow/utils/validation.py`. Whoever logs learns of it at once, and not from a server hours later.

use crate::entity::{DatasetInput, Metric};
use crate::error::TrackError;

/// Characters of the name of a parameter, metric or tag.
pub(crate) const KEY: usize = 250;
/// Characters of a parameter's value.
pub(crate) const PARAM_VALUE: usize = 6_000;
/// Characters of a tag's value.
pub(crate) const TAG_VALUE: usize = 8_000;
/// Characters of the name of an experiment.
const EXPERIMENT_NAME: usize = 500;
/// Characters of the names and of the context of data sets.
const DATASET_NAME: usize = 500;
const DATASET_DIGEST: usize = 36;
const DATASET_SOURCE_TYPE: usize = 36;
const DATASET_SOURCE: usize = 65_535;
// From MLflow 3 on sixteen times that.
const DATASET_SCHEMA: usize = 65_535;
const DATASET_PROFILE: usize = 16_777_215;
/// Characters of the name of a registered model, and of an alias.
const MODEL_NAME: usize = 256;
const ALIAS: usize = 255;

/// The name of a parameter, metric or tag.
pub(crate) fn key(what: &str, name: &str) -> Result<(), TrackError> {
    if name.is_empty() {
        return Err(invalid(format!("a {what} needs a name")));
    }
    length(&format!("the name of the {what} {}", cut(name)), name, KEY)?;
    let allowed = |c: char| c.is_alphanumeric() || "/_.- :".contains(c);
    if let Some(wrong) = name.chars().find(|&c| !allowed(c)) {
        return Err(invalid(format!(
            "{what} {name:?}: {wrong:?} cannot be in the name of a {what}: use letters, digits, spaces, and _ - . : /"
        )));
    }
    if !is_plain_path(name) || name.starts_with("..") {
        return Err(invalid(format!(
            "{what} {name:?}: MLflow takes names for paths, so none can begin or end with /, or have // , . or .. \
             between slashes"
        )));
    }
    Ok(())
}

/// Whether Python's `posixpath.normpath` leaves a path as it is and within its folder.
pub(crate) fn is_plain_path(path: &str) -> bool {
    path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

/// A parameter.
pub(crate) fn param(name: &str, value: &str) -> Result<(), TrackError> {
    key("parameter", name)?;
    length(&format!("the value of the parameter {name}"), value, PARAM_VALUE)
}

/// A tag.
pub(crate) fn tag(name: &str, value: &str) -> Result<(), TrackError> {
    key("tag", name)?;
    length(&format!("the value of the tag {name}"), value, TAG_VALUE)
}

/// A value of a metric.
pub(crate) fn metric(metric: &Metric) -> Result<(), TrackError> {
    key("metric", &metric.key)?;
    if metric.timestamp < 0 {
        return Err(invalid(format!(
            "metric {}: its time is {} ms, and times are milliseconds since 1970: from 0 on",
            metric.key, metric.timestamp
        )));
    }
    Ok(())
}

/// The name of an experiment.
pub(crate) fn experiment(name: &str) -> Result<(), TrackError> {
    if name.trim().is_empty() {
        return Err(invalid("an experiment needs a name".to_owned()));
    }
    length(&format!("the name of the experiment {}", cut(name)), name, EXPERIMENT_NAME)
}

/// A data set and its context.
pub(crate) fn dataset(input: &DatasetInput) -> Result<(), TrackError> {
    let dataset = &input.dataset;
    for (what, text, most) in [
        ("name", dataset.name.as_str(), DATASET_NAME),
        ("digest", dataset.digest.as_str(), DATASET_DIGEST),
        ("kind of source", dataset.source_type.as_str(), DATASET_SOURCE_TYPE),
        ("source", dataset.source.as_str(), DATASET_SOURCE),
    ] {
        if text.is_empty() {
            return Err(invalid(format!("a data set needs a {what}")));
        }
        length(&format!("the {what} of a data set"), text, most)?;
    }
    for (what, text, most) in [
        ("schema", &dataset.schema, DATASET_SCHEMA),
        ("profile", &dataset.profile, DATASET_PROFILE),
        ("context", &input.context, DATASET_NAME),
    ] {
        length(&format!("the {what} of a data set"), text.as_deref().unwrap_or_default(), most)?;
    }
    Ok(())
}

/// The name of a registered model.
pub(crate) fn model(name: &str) -> Result<(), TrackError> {
    if name.trim().is_empty() || name.contains(['/', ':']) {
        return Err(invalid(format!(
            "{name:?} cannot name a registered model: it needs a name without / and :"
        )));
    }
    length(&format!("the name of the registered model {}", cut(name)), name, MODEL_NAME)
}

/// An alias of a registered model.
pub(crate) fn alias(alias: &str) -> Result<(), TrackError> {
    let is_version = || {
        let digits = alias.strip_prefix(['v', 'V']);
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let allowed = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if alias.is_empty() || !alias.chars().all(allowed) || is_version() || alias.eq_ignore_ascii_case("latest")
    {
        return Err(invalid(format!(
            "{alias:?} cannot be an alias: use letters, digits, _ and -; `latest`, and v with a number, mean versions already"
        )));
    }
    length(&format!("the alias {}", cut(alias)), alias, ALIAS)
}

/// The path of a file among artifacts.
pub(crate) fn artifact_file(path: &str) -> Result<(), TrackError> {
    if path.is_empty() {
        return Err(invalid("an artifact needs a name".to_owned()));
    }
    artifact_path(path)
}

/// A path among a run's artifacts; `""` is the topmost folder.
pub(crate) fn artifact_path(path: &str) -> Result<(), TrackError> {
    let plain = path.is_empty() || is_plain_path(path) && !path.contains(['\\', '\0']) && !path.contains(':');
    if plain {
        Ok(())
    } else {
        Err(invalid(format!(
            "{path:?} is no path among a run's artifacts: use names with / between them, without \\, : and .."
        )))
    }
}

fn length(what: &str, text: &str, most: usize) -> Result<(), TrackError> {
    // Most texts are short: counting characters only where bytes do not decide.
    if text.len() <= most {
        return Ok(());
    }
    let found = text.chars().count();
    if found <= most {
        return Ok(());
    }
    Err(invalid(format!(
        "{what} has {found} characters, and MLflow takes {most}: shorten it, or log it as an artifact"
    )))
}

/// A name as it can be shown in a message.
fn cut(name: &str) -> String {
    match name.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

pub(crate) fn invalid(message: String) -> TrackError {
    TrackError::Invalid(message)
}
