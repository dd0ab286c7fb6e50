//! `RandomOrder`.

use serde::{Deserialize, Serialize};

use super::super::transform::Spec;
use super::super::{Drawing, Transform};
use super::check_members;
use crate::DataError;

/// Does a list of transforms in random order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomOrder {
    /// The list.
    pub transforms: Vec<Transform>,
}

impl Spec for RandomOrder {
    fn check(&self) -> Result<(), String> {
        check_members(&self.transforms)
    }

    fn output_size(&self, size: Option<(usize, usize)>) -> Option<(usize, usize)> {
        let done = self.transforms.iter().fold(size, |size, member| member.output_size(size));
        // Whatever comes last must leave the same size.
        let all = self.transforms.iter().all(|member| member.output_size(done) == done);
        done.filter(|_| all)
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let mut order: Vec<usize> = (0..self.transforms.len()).collect();
        drawing.shuffle(&mut order);
        order.into_iter().try_for_each(|place| self.transforms[place].draw_into(drawing))
    }
}
