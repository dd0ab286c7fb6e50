//! Temperature scaling: probabilities made sharper or flatter until they are what they say.

use super::Predictions;
use ocelli_model::Readout;

/// Temperatures that are looked at.
const COLDEST: f64 = 0.01;
const HOTTEST: f64 = 100.0;
/// Steps of the search: each at least halves the interval.
const STEPS: usize = 80;

/// The temperature at which the logarithmic loss of these predictions is least: Guo et al., "On Calibration of Modern Neural
/// Networks" (2017). The answers stay the same, only their probabilities change. `None` where no temperature from 0.01 to 100 is
/// best: all images are right (then colder is always better), or they are worse than chance. Takes 4 bytes for each image and class
/// while it works.
pub fn fit_temperature(predictions: &Predictions) -> Option<f64> {
    let logits: Vec<f32> =
        predictions.probabilities().iter().map(|p| p.max(f32::MIN_POSITIVE).ln()).collect();
    // The loss is convex in the inverse of the temperature.
    let (mut low, mut high) = (1.0 / HOTTEST, 1.0 / COLDEST);
    let rising = |inverse| slopes(predictions, &logits, inverse).0 > 0.0;
    if predictions.is_empty() || rising(low) || !rising(high) {
        return None;
    }
    let mut inverse = 1.0;
    for _ in 0..STEPS {
        let (slope, curvature) = slopes(predictions, &logits, inverse);
        if slope > 0.0 {
            high = inverse
        } else {
            low = inverse
        }
        let newton = inverse - slope / curvature;
        let next = if newton > low && newton < high { newton } else { f64::midpoint(low, high) };
        if (next - inverse).abs() <= 1e-12 * inverse {
            break;
        }
        inverse = next;
    }
    Some(1.0 / inverse)
}

/// The first and second derivative of the loss by the temperature's inverse.
fn slopes(predictions: &Predictions, logits: &[f32], inverse: f64) -> (f64, f64) {
    let (mut slope, mut curvature) = (0.0, 0.0);
    for (row, label) in logits.chunks_exact(predictions.classes()).zip(predictions.labels()) {
        let largest = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
        for logit in row {
            let logit = f64::from(*logit) - largest;
            let power = (inverse * logit).exp();
            sum += power;
            first += power * logit;
            second += power * logit * logit;
        }
        let mean = first / sum;
        slope += mean - (f64::from(row[*label as usize]) - largest);
        curvature += second / sum - mean * mean;
    }
    (slope, curvature)
}

/// The same predictions with their probabilities at a temperature: in proportion to their powers of 1/`temperature`, which is
/// what dividing the logits by it makes of them.
pub fn at_temperature(mut predictions: Predictions, temperature: f64) -> Predictions {
    predictions.rows_mut().for_each(|row| Readout::temper(row, temperature));
    predictions
}

#[cfg(test)]
mod tests {
    use super::super::log_loss;
    use super::*;

    #[test]
    fn the_fitted_temperature_is_where_the_loss_is_least() {
        let mut predictions = Predictions::new(2, 4);
        for (label, confidence) in [(0, 0.99), (0, 0.98), (0, 0.97), (1, 0.99)] {
            predictions.push(0, label, &[confidence, 1.0 - confidence]);
        }
        let best = fit_temperature(&predictions).unwrap();
        assert!(best > 2.0, "three of four are right, and all are sure: {best}");
        let at = |temperature| log_loss(&at_temperature(predictions.clone(), temperature));
        assert!(at(best) < at(best * 1.01) && at(best) < at(best / 1.01));
        let again = fit_temperature(&at_temperature(predictions.clone(), best)).unwrap();
        assert!((again - 1.0).abs() < 1e-5, "what is fitted already stays: {again}");
    }

    #[test]
    fn where_all_is_right_nothing_can_be_fitted() {
        let mut predictions = Predictions::new(2, 1);
        assert_eq!(fit_temperature(&predictions), None);
        predictions.push(0, 0, &[0.6, 0.4]);
        assert_eq!(fit_temperature(&predictions), None);
        let mut wrong = Predictions::new(2, 1);
        wrong.push(0, 1, &[0.6, 0.4]);
        assert_eq!(fit_temperature(&wrong), None);
    }
}
