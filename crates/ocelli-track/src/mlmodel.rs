//! What is read of a model's folder.

use crate::entity::LogModel;
use crate::error::TrackError;
use crate::validate;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// The file that makes a folder a model of MLflow's: <https://mlflow.org/docs/latest/ml/model/#storage-format>.
const FILE: &str = "MLmodel";
/// The most that is read of it.
const MOST: u64 = 16 << 20;

/// Checks a model, and gives what the run's tag `mlflow.log-model.history` says of it.
pub(crate) fn summary(model: &LogModel) -> Result<Value, TrackError> {
    if model.name.is_empty() || model.name.contains(['/', ':', '.', '%', '"', '\'']) {
        return Err(validate::invalid(format!(
            "{:?} cannot name a model: it needs a name without / : . % and quotes",
            model.name
        )));
    }
    if let Some(name) = &model.register_as {
        validate::model(name)?;
    }
    for (key, value) in &model.params {
        validate::param(key, value)?;
    }
    let path = model.folder.join(FILE);
    let io = |source| TrackError::Io {
        path: path.clone(),
        doing: "read: a model is a folder with this file",
        source,
    };
    let length = std::fs::metadata(&path).map_err(io)?.len();
    if length > MOST {
        return Err(validate::invalid(format!(
            "{}: has {length} bytes, too many for this file",
            path.display()
        )));
    }
    let text = std::fs::read_to_string(&path).map_err(io)?;
    Ok(json!({ "artifact_path": model.name, "flavors": flavors(&text) }))
}

/// The names of the flavors: of the YAML that MLflow writes, or of JSON. What they hold is in the file, not in the tag, which is short.
fn flavors(text: &str) -> Map<String, Value> {
    if let Ok(Value::Object(whole)) = serde_json::from_str::<Value>(text) {
        let names = whole.get("flavors").and_then(Value::as_object).into_iter().flatten();
        return names.map(|(name, _)| (name.clone(), json!({}))).collect();
    }
    let within = text.lines().skip_while(|line| line.trim_end() != "flavors:").skip(1);
    within
        .take_while(|line| line.starts_with(' ') || line.trim().is_empty())
        .filter_map(|line| {
            line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))?.trim_end().strip_suffix(':')
        })
        .map(|name| (name.to_owned(), json!({})))
        .collect()
}

/// All files under a folder: where they are, and their path from it with `/`. In order of their paths; links are followed.
pub(crate) fn files_under(folder: &Path) -> Result<Vec<(PathBuf, String)>, TrackError> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_path_buf(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let io = |source| TrackError::Io { path: folder.clone(), doing: "read as a folder", source };
        for entry in std::fs::read_dir(&folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return Err(validate::invalid(format!(
                    "{}: its name is not Unicode, as names of artifacts must be",
                    entry.path().display()
                )));
            };
            let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            validate::artifact_path(&path)?;
            // A circle of links ends where the system says that there are too many.
            match std::fs::metadata(entry.path()).map_err(io)?.is_dir() {
                true => folders.push((entry.path(), path)),
                false => found.push((entry.path(), path)),
            }
        }
    }
    found.sort_by(|one, other| one.1.cmp(&other.1));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::fs;

    fn model(folder: &Path) -> LogModel {
        LogModel {
            name: "model".into(),
            folder: folder.into(),
            step: None,
            params: BTreeMap::new(),
            register_as: None,
        }
    }

    #[test]
    fn flavors_are_read_of_yaml_and_json() {
        let folder = tempfile::tempdir().unwrap();
        let expected = json!({"artifact_path": "model", "flavors": {"onnx": {}, "python_function": {}}});
        let yaml = "artifact_path: model\nflavors:\n  onnx:\n    data: model.onnx\n    providers:\n    - CPU\n  \
                    python_function:\n    loader_module: mlflow.onnx\nmlflow_version: 3.1\n";
        for text in [yaml, r#"{"flavors": {"onnx": {"data": "model.onnx"}, "python_function": {}}}"#] {
            fs::write(folder.path().join(FILE), text).unwrap();
            assert_eq!(summary(&model(folder.path())).unwrap(), expected);
        }
    }

    #[test]
    fn a_model_is_a_folder_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(summary(&model(folder.path())).unwrap_err().to_string().contains("MLmodel"));
        fs::write(folder.path().join(FILE), "").unwrap();
        assert!(summary(&model(folder.path())).is_ok());
        let wrong = LogModel { name: "a/b".into(), ..model(folder.path()) };
        assert!(summary(&wrong).is_err());
    }

    #[test]
    fn files_are_found_with_their_paths() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/c")).unwrap();
        for path in ["z", "b/a", "b/c/x"] {
            fs::write(folder.path().join(path), path).unwrap();
        }
        let paths: Vec<String> =
            files_under(folder.path()).unwrap().into_iter().map(|(_, path)| path).collect();
        assert_eq!(paths, ["b/a", "b/c/x", "z"]);
    }
}
