//! What a parameter may be.

use super::ImportanceError;

/// What a parameter may be, as Optuna's distributions have it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Domain {
    /// Numbers from `low` to `high`.
    Numbers {
        /// The smallest.
        low: f64,
        /// The greatest.
        high: f64,
        /// Whether they are spread evenly in the logarithm.
        log: bool,
        /// The distance of neighbours; 1 for whole numbers, logarithmic ones included.
        step: Option<f64>,
    },
    /// As many choices, named by 0, 1, ….
    Choices(usize),
}

impl Domain {
    /// Whether there is but one value.
    pub(super) fn is_single(&self) -> bool {
        match *self {
            Domain::Numbers { low, high, step, .. } => high - low < step.unwrap_or(f64::MIN_POSITIVE),
            Domain::Choices(count) => count == 1,
        }
    }

    pub(super) fn has(&self, value: f64) -> bool {
        match *self {
            Domain::Numbers { low, high, .. } => (low..=high).contains(&value),
            Domain::Choices(count) => value >= 0.0 && value.fract() == 0.0 && value < count as f64,
        }
    }

    pub(super) fn check(&self, parameter: usize) -> Result<(), ImportanceError> {
        let problem = match *self {
            Domain::Numbers { low, high, .. } if !(low.is_finite() && high.is_finite() && low <= high) => {
                "its bounds must be finite, the lower one first"
            }
            Domain::Numbers { low, log: true, .. } if low <= 0.0 => "logarithmic bounds must be positive",
            Domain::Numbers { step: Some(step), .. } if !(step > 0.0 && step.is_finite()) => {
                "its step must be positive"
            }
            Domain::Choices(0) => "it has no choices",
            _ => return Ok(()),
        };
        Err(ImportanceError::Domain { parameter, problem })
    }
}
