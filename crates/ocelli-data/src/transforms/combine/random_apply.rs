//! `RandomApply`.

use serde::{Deserialize, Serialize};

use super::super::span::{check_probability, half};
use super::super::transform::Spec;
use super::super::{Drawing, Transform};
use super::check_members;
use crate::DataError;

/// Does a list of transforms, all of it or nothing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomApply {
    /// The list.
    pub transforms: Vec<Transform>,
    /// The probability that it is done. Default: 0.5.
    #[serde(default = "half")]
    pub p: f32,
}

impl Spec for RandomApply {
    fn check(&self) -> Result<(), String> {
        check_probability(self.p)?;
        check_members(&self.transforms)
    }

    fn output_size(&self, size: Option<(usize, usize)>) -> Option<(usize, usize)> {
        let done = self.transforms.iter().fold(size, |size, member| member.output_size(size));
        size.filter(|_| done == size)
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        if !drawing.chance(self.p) {
            return Ok(());
        }
        self.transforms.iter().try_for_each(|member| member.draw_into(drawing))
    }
}
