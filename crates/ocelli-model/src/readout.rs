//! From what a network puts out to probabilities.

use ocelli_nn::{Layer, Network};

/// How a network's outputs become the probabilities of classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Readout {
    outputs: Outputs,
    temperature: f64,
}

/// What a network puts out.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outputs {
    /// Probabilities already.
    Probabilities,
    /// Logits of classes of which an image has one.
    Softmax,
    /// Logits of classes of which an image has any number.
    Sigmoid,
}

impl Readout {
    /// Softmax over the outputs; nothing where the network ends in one. The temperature is 1.
    pub fn of(network: &Network) -> Self {
        Self::unless(network, &Layer::Softmax, Outputs::Softmax)
    }

    /// Of classes of which an image has any number: the sigmoid of each output; nothing where the network ends in one.
    pub fn multi_label(network: &Network) -> Self {
        Self::unless(network, &Layer::Sigmoid, Outputs::Sigmoid)
    }

    fn unless(network: &Network, last: &Layer, outputs: Outputs) -> Self {
        let has_it = network.nodes().last().is_some_and(|node| node.layer == *last);
        Readout { outputs: if has_it { Outputs::Probabilities } else { outputs }, temperature: 1.0 }
    }

    /// The same at a temperature, which must be above 0.
    pub fn at_temperature(self, temperature: f64) -> Self {
        Readout { temperature, ..self }
    }

    /// Whether the network's outputs are probabilities already.
    pub fn are_probabilities(&self) -> bool {
        self.outputs == Outputs::Probabilities
    }

    /// Writes the probability of each class for one image: the mean over its views, then the temperature. `outputs` is the
    /// network's, views × classes. Temperatures are for classes of which an image has one.
    ///
    /// # Panics
    /// If it is not whole views.
    pub fn probabilities(&self, outputs: &[f32], probabilities: &mut [f32]) {
        let classes = probabilities.len();
        assert!(outputs.len().is_multiple_of(classes), "{} outputs for {classes} classes", outputs.len());
        let share = classes as f64 / outputs.len() as f64;
        probabilities.fill(0.0);
        for view in outputs.chunks_exact(classes) {
            let mut add = |probability: &dyn Fn(f32) -> f64| {
                let each = probabilities.iter_mut().zip(view);
                each.for_each(|(sum, output)| *sum += (share * probability(*output)) as f32);
            };
            match self.outputs {
                Outputs::Probabilities => add(&f64::from),
                Outputs::Sigmoid => add(&|logit| 1.0 / (1.0 + f64::from(-logit).exp())),
                Outputs::Softmax => {
                    // The largest is taken out first so that nothing overflows.
                    let largest = view.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let power = |logit: f32| f64::from(logit - largest).exp();
                    let sum: f64 = view.iter().map(|logit| power(*logit)).sum();
                    add(&|logit| power(logit) / sum);
                }
            }
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

    const LOGITS: Readout = Readout { outputs: Outputs::Softmax, temperature: 1.0 };

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
        let given = Readout { outputs: Outputs::Probabilities, ..LOGITS };
        assert!(close(&read(given, &[0.25, 0.75, 0.5, 0.5], 2), &[0.375, 0.625]));
    }

    #[test]
    fn each_of_several_labels_has_a_sigmoid() {
        let several = Readout { outputs: Outputs::Sigmoid, ..LOGITS };
        let found = read(several, &[0.0, 3f32.ln(), -1000.0, 0.0, 0.0, -1000.0], 3);
        assert!(close(&found, &[0.5, 0.625, 0.0]), "{found:?}");
    }

    #[test]
    fn a_temperature_divides_the_logits() {
        let hot = read(LOGITS.at_temperature(2.5), &[1.0, 2.0, -4.0], 3);
        assert!(close(&hot, &read(LOGITS, &[0.4, 0.8, -1.6], 3)), "{hot:?}");
        let cold = read(LOGITS.at_temperature(0.01), &[0.0, 200.0, 0.0], 3);
        assert!(close(&cold, &[0.0, 1.0, 0.0]), "{cold:?}");
    }
}
