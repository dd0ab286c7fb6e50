//! `Normalize`.

use serde::{Deserialize, Serialize};

use super::super::transform::Spec;
use super::super::{Drawing, Transform};
use crate::DataError;

/// Subtracts the mean of each channel and divides by its standard deviation, both in units of 0..1.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalize {
    /// The mean of each channel. Measured from the training split if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f32>>,
    /// The standard deviation of each channel. Measured from the training split if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f32>>,
}

impl Normalize {
    /// The one in a list of transforms, if it has one.
    pub fn of(list: &[Transform]) -> Option<&Self> {
        list.iter().find_map(|transform| match transform {
            Transform::Normalize(normalize) => Some(normalize),
            _ => None,
        })
    }
}

impl Spec for Normalize {
    fn is_deterministic(&self) -> bool {
        true
    }

    fn draw(&self, _: &mut Drawing<'_>) -> Result<(), DataError> {
        Ok(())
    }
}
