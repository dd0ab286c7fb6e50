//! `RandomChoice`.

use serde::{Deserialize, Serialize};

use super::super::transform::Spec;
use super::super::{Drawing, Transform};
use super::check_members;
use crate::DataError;

/// Does one of a list of transforms.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomChoice {
    /// The list.
    pub transforms: Vec<Transform>,
    /// How likely each is, relative to the others. Default: all alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<Vec<f64>>,
}

impl Spec for RandomChoice {
    fn check(&self) -> Result<(), String> {
        if let Some(p) = &self.p {
            if p.len() != self.transforms.len() {
                return Err(format!("p has {} numbers for {} transforms", p.len(), self.transforms.len()));
            }
            let total: f64 = p.iter().sum();
            if p.iter().any(|p| p.is_nan() || *p < 0.0) || total <= 0.0 || !total.is_finite() {
                return Err(format!("p = {p:?} must be at least 0, and one of them above"));
            }
        }
        check_members(&self.transforms)
    }

    fn output_size(&self, size: Option<(usize, usize)>) -> Option<(usize, usize)> {
        let mut sizes = self.transforms.iter().map(|member| member.output_size(size));
        let first = sizes.next()??;
        sizes.all(|other| other == Some(first)).then_some(first)
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let chosen = match &self.p {
            None => drawing.below(self.transforms.len()),
            Some(p) => {
                let mut left = drawing.uniform((0.0, p.iter().sum()));
                let below = |p: &f64| {
                    left -= p;
                    left < 0.0
                };
                let last = p.iter().rposition(|p| *p > 0.0).unwrap_or(0);
                p.iter().position(below).unwrap_or(last)
            }
        };
        self.transforms[chosen].draw_into(drawing)
    }
}
