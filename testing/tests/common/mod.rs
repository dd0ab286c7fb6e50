//! What tests of optimizers share.

use ocelli_train::{Optimizer, Rates};
use serde::Deserialize;
use serde_json::{Map, Value};

/// An optimizer as PyTorch is told of it: the name of its class, and its options.
#[derive(Deserialize)]
pub(crate) struct OfPyTorch {
    #[serde(rename = "type")]
    class: String,
    lr: f64,
    #[serde(flatten)]
    options: Map<String, Value>,
}

impl OfPyTorch {
    /// The same optimizer here.
    pub(crate) fn build(&self) -> Optimizer {
        let mut options = self.options.clone();
        options.insert("name".into(), self.class.to_lowercase().into());
        let optimizer: Optimizer =
            serde_json::from_value(options.into()).expect("options have PyTorch's names");
        optimizer.with_rates(Rates { lr: self.lr, momentum: None })
    }
}
