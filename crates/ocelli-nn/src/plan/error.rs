//! What can keep a network from having a plan.

use std::fmt;

use crate::weights::WeightsError;

/// Why a network could not be compiled.
#[derive(Debug)]
pub struct PlanError(Reason);

#[derive(Debug)]
enum Reason {
    Weights(WeightsError),
    Memory { bytes: usize },
    Window { layer: String, kernel: (usize, usize) },
    OneValue { layer: String },
    Batch,
    State(String),
}

impl PlanError {
    pub(super) fn weights(error: WeightsError) -> Self {
        Self(Reason::Weights(error))
    }

    pub(super) fn memory(bytes: usize) -> Self {
        Self(Reason::Memory { bytes })
    }

    pub(super) fn window(layer: &str, kernel: (usize, usize)) -> Self {
        Self(Reason::Window { layer: layer.to_owned(), kernel })
    }

    pub(super) fn one_value(layer: &str) -> Self {
        Self(Reason::OneValue { layer: layer.to_owned() })
    }

    pub(super) fn batch() -> Self {
        Self(Reason::Batch)
    }

    pub(super) fn state(message: String) -> Self {
        Self(Reason::State(message))
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::Weights(_) => write!(f, "the weights do not fit the network"),
            Reason::Memory { bytes } => write!(
                f,
                "the plan needs {:.1} GB of memory and could not get it: use a smaller batch or image",
                *bytes as f64 / 1e9
            ),
            Reason::Window { layer, kernel } => write!(
                f,
                "layer `{layer}` pools windows of {}×{}, needs at most 65,536 values in a window: use \
                 smaller ones one after another",
                kernel.0, kernel.1
            ),
            Reason::OneValue { layer } => write!(
                f,
                "layer `{layer}` normalises one value alone, needs more than one: use a batch of at least 2, or \
                 larger images"
            ),
            Reason::Batch => write!(f, "got a batch of 0 images, needs at least 1"),
            Reason::State(message) => write!(f, "the optimizer's state does not fit: {message}"),
        }
    }
}

impl std::error::Error for PlanError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Reason::Weights(error) => Some(error),
            _ => None,
        }
    }
}
