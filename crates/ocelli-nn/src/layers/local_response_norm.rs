//! Local response normalisation.

use serde::{Deserialize, Serialize};

use super::Spec;
use super::limits::check_option_count;
use super::window::need_map;
use crate::error::ShapeError;
use crate::shape::Shape;

/// Options of PyTorch's `nn.LocalResponseNorm` (Krizhevsky et al., 2012): y = x / (k + alpha · m)^beta, where m is the mean
/// of x² over `size` channels around each, those that are not there counting as zeros.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalResponseNorm {
    /// Channels of the window.
    pub size: usize,
    /// The factor of the mean; default 1e-4.
    #[serde(default = "default_alpha")]
    pub alpha: f32,
    /// The exponent; default 0.75.
    #[serde(default = "default_beta")]
    pub beta: f32,
    /// What is added to the mean; default 1.
    #[serde(default = "default_k")]
    pub k: f32,
}

fn default_alpha() -> f32 {
    1e-4
}

fn default_beta() -> f32 {
    0.75
}

fn default_k() -> f32 {
    1.0
}

impl LocalResponseNorm {
    /// With alpha 1e-4, beta 0.75 and k 1.
    pub fn new(size: usize) -> Self {
        Self { size, alpha: default_alpha(), beta: default_beta(), k: default_k() }
    }

    /// The factor of the mean.
    #[must_use]
    pub fn alpha(mut self, alpha: f32) -> Self {
        self.alpha = alpha;
        self
    }

    /// The exponent.
    #[must_use]
    pub fn beta(mut self, beta: f32) -> Self {
        self.beta = beta;
        self
    }

    /// What is added to the mean.
    #[must_use]
    pub fn k(mut self, k: f32) -> Self {
        self.k = k;
        self
    }
}

impl Spec for LocalResponseNorm {
    fn type_name(&self) -> &'static str {
        "LocalResponseNorm"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        check_option_count("size", self.size)?;
        for (name, value) in [("alpha", self.alpha), ("beta", self.beta), ("k", self.k)] {
            if !value.is_finite() {
                return Err(ShapeError::option(name, value, "a number"));
            }
        }
        need_map(inputs[0])?;
        Ok(inputs[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layer;

    #[test]
    fn takes_maps() {
        let (map, norm) = (Shape::map(3, 4, 5), LocalResponseNorm::new(5));
        assert_eq!(Layer::LocalResponseNorm(norm).output_shape(&[map]), Ok(map));
        assert!(Layer::LocalResponseNorm(norm).output_shape(&[Shape::features(3)]).is_err());
        for bad in
            [LocalResponseNorm::new(0), norm.alpha(f32::NAN), norm.beta(f32::INFINITY), norm.k(f32::NAN)]
        {
            assert!(Layer::LocalResponseNorm(bad).output_shape(&[map]).is_err());
        }
    }
}
