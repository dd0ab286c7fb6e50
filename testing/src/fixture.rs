//! A fixture file: tensors by name, and the description of its cases.

use std::collections::BTreeMap;
use std::path::Path;

use ocelli_nn::{Tensor, TensorData, Weights};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::de::DeserializeOwned;

/// One file of `testing/fixtures`, whole in memory. Everything here panics on a damaged fixture: it is a test's input.
pub struct Fixture {
    cases: String,
    tensors: BTreeMap<String, Tensor>,
}

impl Fixture {
    /// Reads `testing/fixtures/<name>.safetensors`.
    ///
    /// # Panics
    /// If it is missing or damaged.
    pub fn load(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{name}.safetensors"));
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = SafeTensors::deserialize(&bytes).expect("a fixture is a safetensors file");
        let (_, header) = SafeTensors::read_metadata(&bytes).expect("its header was just read");
        let cases = header
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get("cases"))
            .expect("a fixture describes its cases");
        let tensors = file.iter().map(|(name, view)| (name.to_owned(), to_tensor(&view))).collect();
        Self { cases: cases.clone(), tensors }
    }

    /// The description of the cases.
    ///
    /// # Panics
    /// If it is not what the caller takes it for.
    pub fn cases<T: DeserializeOwned>(&self) -> Vec<T> {
        serde_json::from_str(&self.cases).expect("cases are described as the test expects")
    }

    /// The tensor `<case>/<name>`, if the case has it.
    pub fn get(&self, case: &str, name: &str) -> Option<&Tensor> {
        self.tensors.get(&format!("{case}/{name}"))
    }

    /// The `f32` values of `<case>/<name>`.
    ///
    /// # Panics
    /// If the case has no such tensor, or of another type.
    pub fn values(&self, case: &str, name: &str) -> &[f32] {
        let tensor = self.get(case, name).unwrap_or_else(|| panic!("case {case} has no tensor {name}"));
        let TensorData::F32(values) = &tensor.data else { panic!("{case}/{name} is not f32") };
        values
    }

    /// All tensors `<case>/<prefix>/<name>` under `<name>`.
    pub fn group(&self, case: &str, prefix: &str) -> Weights {
        self.below(&format!("{case}/{prefix}/"))
    }

    /// All tensors `<case>/<name>` under `<name>`.
    pub fn group_of(&self, case: &str) -> Weights {
        self.below(&format!("{case}/"))
    }

    fn below(&self, start: &str) -> Weights {
        let mut weights = Weights::default();
        for (name, tensor) in &self.tensors {
            if let Some(rest) = name.strip_prefix(start) {
                weights.insert(rest, tensor.clone());
            }
        }
        weights
    }
}

fn to_tensor(view: &TensorView<'_>) -> Tensor {
    let bytes = view.data();
    let data = match view.dtype() {
        Dtype::F32 => {
            TensorData::F32(bytes.as_chunks().0.iter().map(|&chunk| f32::from_le_bytes(chunk)).collect())
        }
        Dtype::I64 => {
            TensorData::I64(bytes.as_chunks().0.iter().map(|&chunk| i64::from_le_bytes(chunk)).collect())
        }
        other => panic!("fixtures hold f32 and i64, not {other:?}"),
    };
    Tensor { shape: view.shape().to_vec(), data }
}
