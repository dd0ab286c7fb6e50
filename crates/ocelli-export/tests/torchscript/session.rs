//! PyTorch as a peer: jobs are gathered and run in one process, since starting it takes seconds.

use std::path::{Path, PathBuf};
use std::process::Command;

use ocelli_model::{read_weights, save_weights};
use ocelli_nn::{Tensor, Weights};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The interpreter that has PyTorch, if there is one.
pub(crate) fn python() -> Option<PathBuf> {
    let python = std::env::var_os("OCELLI_PYTHON").map(PathBuf::from);
    if python.is_none() {
        eprintln!("skipped: OCELLI_PYTHON is not set");
    }
    python
}

/// A script of the interoperability tests.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing/interop").join(name)
}

fn run(python: &Path, name: &str, folder: &Path) -> Value {
    let output = Command::new(python).arg(script(name)).arg(folder).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}

/// Jobs for PyTorch.
pub(crate) struct Session {
    python: PathBuf,
    folder: TempDir,
    jobs: Vec<Value>,
    inputs: Weights,
}

impl Session {
    /// None yet; `None` without an interpreter.
    pub(crate) fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Some(Self { python: python()?, folder, jobs: Vec::new(), inputs: Weights::new() })
    }

    pub(crate) fn python(&self) -> &Path {
        &self.python
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where a model belongs.
    pub(crate) fn path(&self, model: &str) -> PathBuf {
        self.folder.path().join(model)
    }

    /// Has a method of a model run over a tensor; `more` is for the script. Gives the job's number.
    pub(crate) fn run_tensor(&mut self, model: &str, method: &str, input: Tensor, more: Value) -> usize {
        let name = format!("input {}", self.jobs.len());
        self.inputs.insert(&name, input);
        self.push(json!({ "model": model, "method": method, "input": name }), more)
    }

    /// The same over an image file, `form` "float" or "uint8".
    pub(crate) fn run_image(
        &mut self,
        model: &str,
        method: &str,
        file: &str,
        form: &str,
        more: Value,
    ) -> usize {
        self.push(json!({ "model": model, "method": method, "input": file, "as": form }), more)
    }

    fn push(&mut self, mut job: Value, more: Value) -> usize {
        let more = more.as_object().expect("more keys of the job").clone();
        job.as_object_mut().expect("an object").extend(more);
        self.jobs.push(job);
        self.jobs.len() - 1
    }

    /// Runs them all.
    pub(crate) fn finish(self) -> Answers {
        let jobs = serde_json::to_vec(&self.jobs).expect("JSON");
        std::fs::write(self.path("jobs.json"), jobs).expect("a file that can be written");
        save_weights(self.path("inputs.safetensors"), &self.inputs).expect("a file that can be written");
        let attributes = run(&self.python, "torchscript.py", self.folder());
        let outputs = read_weights(self.path("outputs.safetensors")).expect("what the script wrote");
        Answers { folder: self.folder, outputs, attributes }
    }
}

/// What PyTorch said.
pub(crate) struct Answers {
    folder: TempDir,
    outputs: Weights,
    attributes: Value,
}

impl Answers {
    /// What came out of a job.
    pub(crate) fn output(&self, job: usize) -> &[f32] {
        self.values(&job.to_string())
    }

    /// What came out of a job, and of its frozen and optimised copies.
    pub(crate) fn copies(&self, job: usize) -> [(&'static str, &[f32]); 3] {
        ["", "/frozen", "/optimized"].map(|copy| {
            let what = if copy.is_empty() { "plain" } else { &copy[1..] };
            (what, self.values(&format!("{job}{copy}")))
        })
    }

    /// The values of a model's attributes, by name.
    pub(crate) fn attributes(&self, model: &str) -> &Value {
        &self.attributes[model]
    }

    /// Fails unless a model's `state_dict` is these tensors, to the bit.
    pub(crate) fn assert_state(&self, model: &str, weights: &Weights) {
        if weights.is_empty() {
            return;
        }
        let state = read_weights(self.folder.path().join(format!("{model}.state"))).expect("a state_dict");
        assert_eq!(state.len(), weights.len(), "{model}");
        for (name, tensor) in weights.iter() {
            assert_eq!(state.get(name), Some(tensor), "{model}: {name}");
        }
    }

    fn values(&self, name: &str) -> &[f32] {
        self.outputs.get(name).and_then(Tensor::as_f32).expect("every job has an output")
    }
}
