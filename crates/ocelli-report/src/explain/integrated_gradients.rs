//! Integrated gradients: how much each number of the image adds to a class's logit.

use ocelli_nn::plan::{GradientPlan, PlanOptions};

use super::{Explainer, Heat, Seen};
use crate::ReportError;

/// Points between the baseline and the image whose gradients are computed together.
const TOGETHER: usize = 8;

/// What each number of an image adds to the logit of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Of each pixel.
    pub channels: usize,
    /// Height × width × channels.
    pub values: Vec<f32>,
    /// The class's logit for the image, less that for the baseline: what the values sum to, but for the error of the integral.
    pub difference: f64,
}

impl Attribution {
    /// The sum of all values.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.values.iter().map(|value| f64::from(*value)).sum()
    }

    /// How much each pixel counts, for or against the class: the sum of its channels' sizes as a share of what all but one in
    /// a hundred pixels stay below.
    #[must_use]
    pub fn heat(&self) -> Heat {
        let sizes: Vec<f32> = self
            .values
            .chunks_exact(self.channels)
            .map(|pixel| pixel.iter().map(|v| v.abs()).sum())
            .collect();
        let mut sorted = sizes.clone();
        sorted.sort_by(f32::total_cmp);
        let most = sorted[(sorted.len() - 1) * 99 / 100];
        let share = |size: &f32| if most > 0.0 { (size / most).min(1.0) } else { 0.0 };
        let layer = "the image".to_string();
        Heat { height: self.height, width: self.width, values: sizes.iter().map(share).collect(), layer }
    }
}

impl Explainer<'_> {
    /// How much each number of the image adds to the logit of a class (Sundararajan et al., 2017): its gradient, averaged from a
    /// baseline to the image by Gauss–Legendre quadrature at so many points, times what it differs from the baseline. The
    /// baseline is 0 after normalisation, the mean colour of the training images, as Captum has it. `class` counts from 0.
    ///
    /// # Errors
    /// The network cannot be run here.
    ///
    /// # Panics
    /// If there is no such class, or `points` is 0.
    pub fn integrated_gradients(
        &self,
        seen: &Seen,
        class: usize,
        points: usize,
    ) -> Result<Attribution, ReportError> {
        // Both ends go through the plan together.
        let options = PlanOptions { batch: TOGETHER.min(points).max(2), ..PlanOptions::default() };
        let mut plan = GradientPlan::new(&self.network, &self.weights(&self.network), options)?;
        let classes = self.network.output().elements();
        let ends = plan.forward(&[&seen.input[..], &vec![0.0; seen.input.len()]].concat());
        let difference = f64::from(ends[class]) - f64::from(ends[classes + class]);
        let nodes = gauss_legendre(points);
        let (mut sums, mut images) = (vec![0.0_f64; seen.input.len()], Vec::new());
        for nodes in nodes.chunks(TOGETHER) {
            images.clear();
            nodes.iter().for_each(|(at, _)| images.extend(seen.input.iter().map(|value| value * *at as f32)));
            let mut chosen = vec![0.0; plan.forward(&images).len()];
            chosen.iter_mut().skip(class).step_by(classes).for_each(|one| *one = 1.0);
            let gradients = plan.backward(&chosen);
            for (gradient, (_, weight)) in gradients.chunks_exact(sums.len()).zip(nodes) {
                sums.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += weight * f64::from(*g));
            }
        }
        let values =
            sums.iter().zip(&seen.input).map(|(sum, value)| (sum * f64::from(*value)) as f32).collect();
        let (height, width) = (seen.picture().height(), seen.picture().width());
        Ok(Attribution { height, width, channels: seen.picture().channels(), values, difference })
    }
}

/// Places and weights of Gauss–Legendre quadrature over 0 to 1, by Newton's method on the polynomial's recurrence.
fn gauss_legendre(points: usize) -> Vec<(f64, f64)> {
    assert!(points > 0, "an integral needs a point");
    let n = points as f64;
    let node = |i: usize| {
        let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..100 {
            let (mut value, mut before) = (1.0, 0.0);
            for j in 0..points {
                let j = j as f64;
                (value, before) = (((2.0 * j + 1.0) * x * value - j * before) / (j + 1.0), value);
            }
            slope = n * (x * value - before) / (x * x - 1.0);
            let step = value / slope;
            x -= step;
            if step.abs() < 1e-15 {
                break;
            }
        }
        (0.5 * (1.0 - x), 1.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..points).map(node).collect()
}

#[cfg(test)]
mod tests {
    use super::gauss_legendre;

    #[test]
    fn quadrature_is_exact_for_polynomials() {
        for points in [1, 2, 5, 8, 50] {
            let nodes = gauss_legendre(points);
            for power in 0..2 * points {
                let sum: f64 = nodes.iter().map(|(x, w)| w * x.powi(power as i32)).sum();
                let exact = 1.0 / (power as f64 + 1.0);
                assert!((sum - exact).abs() < 1e-13, "{points} points, x^{power}: {sum}");
            }
        }
    }
}
