//! How far results are from what they should be.

use std::collections::BTreeMap;

/// Collects the worst error of each case, prints them, and fails if one is beyond its tolerance.
#[derive(Default)]
pub struct Report {
    worst: BTreeMap<String, (f64, String)>,
    failures: Vec<String>,
}

impl Report {
    /// Compares `got` with `expected`. The error is the largest difference over the largest expected magnitude, or over
    /// `floor` if that is larger; a value that is not a number where one is expected is an infinite error.
    pub fn compare(
        &mut self,
        case: &str,
        what: &str,
        got: &[f32],
        expected: &[f32],
        floor: f64,
        tolerance: f64,
    ) {
        let error =
            if got.len() == expected.len() { relative_error(got, expected, floor) } else { f64::INFINITY };
        if error.is_nan() || error > tolerance {
            let lengths = format!("{} values, expected {}", got.len(), expected.len());
            self.failures
                .push(format!("{case}: {what}: error {error:.1e} beyond {tolerance:.0e} ({lengths})"));
        }
        let worst = self.worst.entry(case.to_owned()).or_default();
        if error > worst.0 {
            *worst = (error, what.to_owned());
        }
    }

    /// Prints the worst error of every case.
    ///
    /// # Panics
    /// If any was beyond its tolerance.
    pub fn finish(self) {
        for (case, (error, what)) in &self.worst {
            println!("{case:40} {error:8.1e}  {what}");
        }
        assert!(
            self.failures.is_empty(),
            "{} comparisons failed:\n{}",
            self.failures.len(),
            self.failures.join("\n")
        );
    }
}

fn relative_error(got: &[f32], expected: &[f32], floor: f64) -> f64 {
    let scale = expected.iter().fold(floor, |scale, &value| scale.max(f64::from(value.abs())));
    let difference = |(&got, &expected): (&f32, &f32)| {
        let difference = (f64::from(got) - f64::from(expected)).abs();
        if difference.is_nan() { f64::INFINITY } else { difference }
    };
    got.iter().zip(expected).map(difference).fold(0.0, f64::max) / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_relative_to_the_largest() {
        assert_eq!(relative_error(&[1.0, 3.0], &[1.0, 4.0], 0.1), 0.25);
        assert_eq!(relative_error(&[0.5], &[0.0], 1.0), 0.5);
        assert_eq!(relative_error(&[f32::NAN], &[0.0], 1.0), f64::INFINITY);
    }

    #[test]
    #[should_panic(expected = "infinite input: output")]
    fn a_nan_is_a_failure() {
        let mut report = Report::default();
        report.compare("infinite input", "output", &[f32::NAN], &[1.0], 0.1, 1e-3);
        report.finish();
    }
}
