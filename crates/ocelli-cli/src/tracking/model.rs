//! The classifier of a run as a model of MLflow's: a folder with an `MLmodel` that says who can open what lies beside it.
//!
//! Ocelli opens `model.safetensors`. `mlflow.onnx` and with it `mlflow.pyfunc`, `mlflow models serve` and all that stands on these open
//! `model.onnx`: decoded images of any size in, probabilities out, as `ocelli export` writes it.
//! <https://mlflow.org/docs/latest/ml/model/#storage-format>

use ocelli::export::onnx::{self, OnnxOptions};
use ocelli::model::Classifier;
use ocelli::track::{ActiveRun, LogModel, TrackError};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// The folder of the model among a run's artifacts.
const MODEL: &str = "model";
/// The model's file there, for other runtimes.
const ONNX: &str = "model.onnx";
/// What Python needs to run that file: the oldest ONNX Runtime that has its operators.
const REQUIREMENTS: &str = "mlflow\nnumpy\nonnx\nonnxruntime>=1.17\n";
/// In an environment that MLflow makes: a Python that all versions of these have.
const ENVIRONMENT: &str = "python: '3.11'\nbuild_dependencies:\n- pip\n- setuptools\n- wheel\ndependencies:\n- -r requirements.txt\n";

/// Logs the model file of a run; `step` is that of its weights. Gives why there is no ONNX with it, if there is none.
pub(super) fn log(active: &ActiveRun, file: &Path, step: u64) -> Result<Option<String>, TrackError> {
    let failed = |source| TrackError::Io { path: file.to_path_buf(), doing: "laid out as a model", source };
    let folder = tempfile::tempdir().map_err(failed)?;
    let missing = lay_out(active.id(), file, folder.path()).map_err(failed)?;
    active.log_model(&LogModel {
        name: MODEL.to_owned(),
        folder: folder.path().to_path_buf(),
        step: i64::try_from(step).ok(),
        params: BTreeMap::new(),
        register_as: None,
    })?;
    Ok(missing)
}

/// A folder with the model's file, the same as ONNX where that can say it, and their `MLmodel`.
fn lay_out(run: Option<String>, file: &Path, folder: &Path) -> io::Result<Option<String>> {
    let name = file.file_name().unwrap_or_default();
    let to = folder.join(name);
    fs::hard_link(file, &to).or_else(|_| fs::copy(file, &to).map(drop))?;
    let own = json!({ "data": name.to_string_lossy(), "ocelli_version": env!("CARGO_PKG_VERSION") });
    let mut model = Map::new();
    model.insert("artifact_path".to_owned(), MODEL.into());
    model.insert("run_id".to_owned(), run.into());
    let mut flavors = Map::from_iter([("ocelli".to_owned(), own)]);
    let missing = match exported(file) {
        Ok((classifier, bytes)) => {
            fs::write(folder.join(ONNX), bytes)?;
            fs::write(folder.join("requirements.txt"), REQUIREMENTS)?;
            fs::write(folder.join("python_env.yaml"), ENVIRONMENT)?;
            flavors.extend(python_flavors());
            model.extend(described(&classifier));
            None
        }
        Err(reason) => Some(reason),
    };
    model.insert("flavors".to_owned(), flavors.into());
    // YAML, as JSON is.
    fs::write(folder.join("MLmodel"), serde_json::to_vec_pretty(&model)?)?;
    Ok(missing)
}

/// The classifier, and it as ONNX; or why not.
fn exported(file: &Path) -> Result<(Classifier, Vec<u8>), String> {
    let classifier = Classifier::load(file).map_err(|error| error.to_string())?;
    let bytes = onnx::export(&classifier, &OnnxOptions::default()).map_err(|error| error.to_string())?;
    Ok((classifier, bytes))
}

/// Who opens the ONNX file in Python. Processors only: of other devices MLflow would warn wherever they are not there.
fn python_flavors() -> [(String, Value); 2] {
    let onnx = json!({ "data": ONNX, "providers": ["CPUExecutionProvider"] });
    let function =
        json!({ "loader_module": "mlflow.onnx", "data": ONNX, "env": { "virtualenv": "python_env.yaml" } });
    [("onnx".to_owned(), onnx), ("python_function".to_owned(), function)]
}

/// What goes in and comes out, as text that holds JSON, and the classes. An input without a name is what takes arrays as they are.
fn described(classifier: &Classifier) -> [(String, Value); 2] {
    let channels =
        classifier.image_channels().expect("it is exported, which takes images of so many channels").count();
    let tensor = |data_type: &str, shape: Value| json!({ "dtype": data_type, "shape": shape });
    let input = tensor("uint8", json!([-1, channels, -1, -1]));
    let output = tensor("float32", json!([-1, classifier.classes().len()]));
    let inputs = json!([{ "type": "tensor", "tensor-spec": input }]);
    let outputs = json!([{ "name": onnx::OUTPUT, "type": "tensor", "tensor-spec": output }]);
    let signature = json!({ "inputs": inputs.to_string(), "outputs": outputs.to_string() });
    let metadata = json!({ "classes": classifier.classes() });
    [("signature".to_owned(), signature), ("metadata".to_owned(), metadata)]
}
