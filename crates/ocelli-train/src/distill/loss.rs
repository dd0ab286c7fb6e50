//! The loss of distillation.

/// How much a student makes of what its teacher says: (1 − α) × the loss of the labels + α T² KL(softmax(teacher / T) ‖ softmax(student
/// / T)), the mean over images. It is Hinton et al. (2015), where T² keeps the two parts' gradients in proportion whatever T is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distillation {
    /// T, above 0: how much of what the teacher holds for unlikely is told apart (default 4; the paper has 2 to 20).
    pub temperature: f64,
    /// α, 0 to 1: what the teacher counts beside the labels (default 0.9: the paper finds a considerably lower weight on the
    /// labels best).
    pub alpha: f64,
}

impl Default for Distillation {
    fn default() -> Self {
        Distillation { temperature: 4.0, alpha: 0.9 }
    }
}

impl Distillation {
    /// The mean loss of a batch, from that of its labels, `of_labels`, whose gradient with respect to the logits is in `gradient`, and
    /// becomes that of the whole.
    ///
    /// `student`, `teacher` (logits) and `gradient` are images × classes.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn forward(
        &self,
        student: &[f32],
        teacher: &[f32],
        classes: usize,
        of_labels: f64,
        gradient: &mut [f32],
    ) -> f64 {
        assert!(
            student.len() == teacher.len() && student.len() == gradient.len(),
            "logits and their gradient"
        );
        let images = (student.len() / classes) as f64;
        let Distillation { temperature, alpha } = *self;
        let slope = alpha * temperature / images;
        let rows = student.chunks_exact(classes).zip(teacher.chunks_exact(classes));
        let mut divergence = 0.0;
        for ((student, teacher), gradient) in rows.zip(gradient.chunks_exact_mut(classes)) {
            let [ours, theirs] = [student, teacher].map(|row| self.logarithm(row));
            for ((student, teacher), gradient) in student.iter().zip(teacher).zip(gradient) {
                let our = f64::from(*student) / temperature - ours;
                let their = f64::from(*teacher) / temperature - theirs;
                let (p, q) = (our.exp(), their.exp());
                // What the teacher holds for impossible adds nothing, however the student sees it.
                if q > 0.0 {
                    divergence += q * (their - our);
                }
                *gradient = ((1.0 - alpha) * f64::from(*gradient) + slope * (p - q)) as f32;
            }
        }
        (1.0 - alpha) * of_labels + alpha * temperature * temperature * divergence / images
    }

    /// The logarithm of what the powers of a row at the temperature sum up to.
    fn logarithm(&self, row: &[f32]) -> f64 {
        let largest = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max)) / self.temperature;
        let power = |logit: &f32| (f64::from(*logit) / self.temperature - largest).exp();
        largest + row.iter().map(power).sum::<f64>().ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(distillation: Distillation, student: &[f32], teacher: &[f32]) -> (f64, Vec<f32>) {
        let mut gradient = vec![0.0; student.len()];
        let loss = distillation.forward(student, teacher, 3, 0.0, &mut gradient);
        (loss, gradient)
    }

    #[test]
    fn without_weight_the_labels_alone_count_and_with_all_of_it_the_teacher() {
        let (student, teacher) = ([1.0, 2.0, -3.0], [0.0, 0.0, 5.0]);
        let mut gradient = [0.5, -0.25, -0.25];
        let none = Distillation { alpha: 0.0, ..Distillation::default() };
        assert_eq!(none.forward(&student, &teacher, 3, 1.5, &mut gradient), 1.5);
        assert_eq!(gradient, [0.5, -0.25, -0.25]);
        let all = Distillation { alpha: 1.0, ..Distillation::default() };
        let whole = all.forward(&student, &teacher, 3, 1.5, &mut gradient);
        assert_eq!((whole, gradient.to_vec()), of(all, &student, &teacher));
    }

    #[test]
    fn nothing_is_learned_from_oneself() {
        let same = [1.0, 2.0, -3.0, 0.0, 700.0, 1.0];
        let (loss, gradient) = of(Distillation::default(), &same, &same);
        assert_eq!((loss, gradient), (0.0, vec![0.0; 6]));
        // Logits that differ by the same everywhere say the same.
        let moved = same.map(|logit| logit + 2.0);
        assert!(of(Distillation::default(), &same, &moved).0.abs() < 1e-9);
    }

    #[test]
    fn what_the_teacher_holds_for_impossible_does_no_harm() {
        let (loss, gradient) = of(Distillation::default(), &[0.0, 0.0, -9.0], &[0.0, 0.0, f32::NEG_INFINITY]);
        assert!(loss.is_finite() && gradient.iter().all(|slope| slope.is_finite()), "{loss} {gradient:?}");
    }

    proptest! {
        #[test]
        fn the_gradient_is_that_of_the_loss(
            student in prop::collection::vec(-6.0_f32..6.0, 6),
            teacher in prop::collection::vec(-6.0_f32..6.0, 6),
            temperature in 0.5_f64..20.0,
            alpha in 0.0_f64..=1.0,
        ) {
            let distillation = Distillation { temperature, alpha };
            let (loss, gradient) = of(distillation, &student, &teacher);
            prop_assert!(loss >= -1e-9, "{loss}");
            for (place, slope) in gradient.iter().enumerate() {
                let moved = |by: f32| {
                    let mut student = student.clone();
                    student[place] += by;
                    (of(distillation, &student, &teacher).0, f64::from(student[place]))
                };
                let ((more, right), (less, left)) = (moved(0.01), moved(-0.01));
                let found = (more - less) / (right - left);
                prop_assert!((found - f64::from(*slope)).abs() < 2e-3 * (1.0 + temperature.recip()), "{found} {slope}");
            }
        }
    }
}
