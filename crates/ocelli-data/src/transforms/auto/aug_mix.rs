//! `AugMix`.

use serde::{Deserialize, Serialize};

use super::super::functional::{Chain, Mix};
use super::super::gamma::gamma;
use super::super::transform::Spec;
use super::super::{Drawing, Fill, Interpolation, Operation};
use super::space::{Look, OF_AUGMIX, Reach, Shift};
use crate::DataError;

/// Mixes an image with what several chains of random operations make of it (Hendrycks et al., arXiv:1912.02781).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugMix {
    /// The largest magnitude, 1 to 10. Default: 3.
    pub severity: usize,
    /// How many chains. Default: 3.
    pub mixture_width: usize,
    /// Operations of a chain; 0 or less draws 1 to 3. Default: −1.
    pub chain_depth: i64,
    /// The parameter of the distributions of the weights: the smaller, the more does one outweigh the others. Default: 1.
    pub alpha: f64,
    /// Whether brightness, colour, contrast and sharpness are among the operations. Default: true.
    pub all_ops: bool,
    /// nearest or bilinear. Default: bilinear.
    pub interpolation: Interpolation,
    /// What fills pixels that the image does not reach. Default: black.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill: Option<Fill>,
}

impl Default for AugMix {
    fn default() -> Self {
        Self {
            severity: 3,
            mixture_width: 3,
            chain_depth: -1,
            alpha: 1.0,
            all_ops: true,
            interpolation: Interpolation::Bilinear,
            fill: None,
        }
    }
}

const REACH: Reach =
    Reach { shear: 0.3, translate: Shift::Part(1.0, 3.0), rotate: 30.0, factor: 0.9, posterize: (4.0, 4.0) };

/// How many magnitudes there are.
const BINS: usize = 10;
/// The most chains, and the most operations of one.
const MOST: i64 = 64;

impl AugMix {
    /// Weights that are at least 0 and sum to 1, from Dirichlet's distribution of `count` equal parameters.
    fn weights(&self, count: usize, drawing: &mut Drawing<'_>) -> Vec<f64> {
        let parts: Vec<f64> = (0..count).map(|_| gamma(self.alpha, drawing.stream())).collect();
        let sum: f64 = parts.iter().sum();
        parts.into_iter().map(|part| part / sum).collect()
    }

    /// The operations of one chain.
    fn chain(&self, drawing: &mut Drawing<'_>) -> Result<Vec<Operation>, DataError> {
        let look = Look { interpolation: self.interpolation, fill: self.fill };
        let choices = if self.all_ops { &OF_AUGMIX[..] } else { &OF_AUGMIX[..9] };
        let (first, size) = (drawing.len(), drawing.size());
        let depth = if self.chain_depth > 0 { self.chain_depth as usize } else { 1 + drawing.below(3) };
        for _ in 0..depth {
            let chosen = choices[drawing.below(choices.len())];
            let bin = drawing.below(self.severity);
            let magnitude = chosen.draw_magnitude(&REACH, (BINS, bin), drawing);
            chosen.push(magnitude, look, drawing)?;
        }
        Ok(drawing.split_off(first, size))
    }
}

impl Spec for AugMix {
    fn check(&self) -> Result<(), String> {
        if !(1..=BINS).contains(&self.severity) {
            return Err(format!("severity = {}: 1 to {BINS} is needed", self.severity));
        }
        if self.mixture_width as i64 > MOST || self.chain_depth > MOST {
            return Err(format!("mixture_width and chain_depth may be {MOST} at most"));
        }
        if !(self.alpha > 0.0 && self.alpha.is_finite()) {
            return Err(format!("alpha = {}: a number above 0 is needed", self.alpha));
        }
        self.interpolation.check_for_warping()?;
        self.fill.map_or(Ok(()), |fill| fill.check("fill"))
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let between = self.weights(2, drawing);
        let among = self.weights(self.mixture_width, drawing);
        let mut chains = Vec::with_capacity(self.mixture_width);
        for weight in among {
            let weight = (weight * between[1]) as f32;
            chains.push(Chain { weight, operations: self.chain(drawing)? });
        }
        drawing.push(Operation::Mix(Box::new(Mix { original: between[0] as f32, chains })))
    }
}
