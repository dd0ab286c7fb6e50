//! From what a network puts out to probabilities.

use ocelli_nn::{Layer, Network};

/// How a network's outputs become the probabilities of classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Readout {
    /// Whether the outputs are probabilities already.
    are_probabilities: bool,
    temperature: f64,
}

impl Readout {
    /// Softmax over the outputs; nothing where the network ends in one. The temperature is 1.
    pub fn of(network: &Network) -> Self {
        let are_probabilities =
            matches!(network.nodes().last().map(|node| &node.layer), Some(Layer::Softmax));
        Readout { are_probabilities, temperature: 1.0 }
    }

    /// The same at a temperature, which must be above 0.
    pub fn at_temperature(self, temperature: f64) -> Self {
        Readout { temperature, ..self }
    }

    /// Whether the network's outputs are probabilities already.
    pub fn are_probabilities(&self) -> bool {
        self.are_probabilities
    }

    /// Writes the probability of each class for one image: the mean over its views, then the temperature. `outputs` is the
    /// network's, views × classes.
    ///
    /// # Panics
    /// If it is not whole views.
    pub fn probabilities(&self, outputs: &[f32], probabilities: &mut [f32]) {
        let classes = probabilities.len();
        assert!(outputs.len().is_multiple_of(classes), "{} outputs for {classes} classes", outputs.len());
        let share = classes as f64 / outputs.len() as f64;
        probabilities.fill(0.0);
        for view in outputs.chunks_exact(classes) {
            if self.are_probabilities {
                probabilities
                    .iter_mut()
                    .zip(view)
                    .for_each(|(sum, p)| *sum += (share * f64::from(*p)) as f32);
                continue;
            }
            // The largest is taken out first so that nothing overflows.
            let largest = view.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let power = |logit: &f32| f64::from(logit - largest).exp();
            let scale = share / view.iter().map(power).sum::<f64>();
            probabilities.iter_mut().zip(view).for_each(|(sum, logit)| *sum += (scale * power(logit)) as f32);
        }
        Self::temper(probabilities, self.temperature);
    }

    /// Brings one image's probabilities to a temperature: in proportion to their powers of 1/`temperature`, as if the logits
    /// had been divided by it. Probabilities count as the smallest normal `f32` at least.
    pub fn temper(probabilities: &mut [f32], temperature: f64) {
        if temperature == 1.0 {
            return;
        }
        let largest = f64::from(probabilities.iter().copied().fold(f32::MIN_POSITIVE, f32::max)).ln();
        let power = |p: f32| ((f64::from(p.max(f32::MIN_POSITIVE)).ln() - largest) / temperature).exp();
        let sum: f64 = probabilities.iter().map(|p| power(*p)).sum();
        probabilities.iter_mut().for_each(|p| *p = (power(*p) / sum) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: Readout = Readout { are_probabilities: false, temperature: 1.0 };

    fn read(readout: Readout, outputs: &[f32], classes: usize) -> Vec<f32> {
        let mut probabilities = vec![0.0; classes];
        readout.probabilities(outputs, &mut probabilities);
        probabilities
    }

    fn close(found: &[f32], expected: &[f32]) -> bool {
        found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    #[test]
    fn probabilities_sum_to_one_however_large_the_logits() {
        let found = read(LOGITS, &[1000.0, 1001.0, -1000.0], 3);
        assert!(close(&found, &[0.268_941_4, 0.731_058_6, 0.0]), "{found:?}");
    }

    #[test]
    fn views_are_averaged_as_probabilities() {
        // Of logits (0, ln 3) and (0, 0): probabilities (1/4, 3/4) and (1/2, 1/2), mean (3/8, 5/8).
        assert!(close(&read(LOGITS, &[0.0, 3f32.ln(), 700.0, 700.0], 2), &[0.375, 0.625]));
        let given = Readout { are_probabilities: true, ..LOGITS };
        assert!(close(&read(given, &[0.25, 0.75, 0.5, 0.5], 2), &[0.375, 0.625]));
    }

    #[test]
    fn a_temperature_divides_the_logits() {
        let hot = read(LOGITS.at_temperature(2.5), &[1.0, 2.0, -4.0], 3);
        assert!(close(&hot, &read(LOGITS, &[0.4, 0.8, -1.6], 3)), "{hot:?}");
        let cold = read(LOGITS.at_temperature(0.01), &[0.0, 200.0, 0.0], 3);
        assert!(close(&cold, &[0.0, 1.0, 0.0]), "{cold:?}");
    }
}
