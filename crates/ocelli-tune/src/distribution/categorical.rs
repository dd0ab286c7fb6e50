//! One of a list of values.

use super::{DistributionError, invalid};
use crate::Value;

/// One of a list of values: Optuna's `CategoricalDistribution`.
#[derive(Clone, Debug, PartialEq)]
pub struct CategoricalDistribution {
    choices: Vec<Value>,
}

impl CategoricalDistribution {
    /// One of these, each as likely.
    ///
    /// # Errors
    /// No choices.
    pub fn new(choices: impl IntoIterator<Item = Value>) -> Result<Self, DistributionError> {
        let choices: Vec<Value> = choices.into_iter().collect();
        if choices.is_empty() {
            return Err(invalid("choices is empty; name at least one value".into()));
        }
        Ok(CategoricalDistribution { choices })
    }

    /// The choices, in their order.
    pub fn choices(&self) -> &[Value] {
        &self.choices
    }

    /// Which of the choices a value is ([`Value::is_same`]).
    pub fn index(&self, value: &Value) -> Option<usize> {
        self.choices.iter().position(|choice| choice.is_same(value))
    }
}
