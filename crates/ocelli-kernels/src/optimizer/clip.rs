//! Gradient clipping: sums of squares, factors, limits.

use crate::isa::{Isa, Loop};

/// Sums that are kept side by side: as many as fill vectors of doubles.
const SUMS: usize = 16;

/// The sum of squares, in double precision.
pub fn sum_of_squares(isa: Isa, values: &[f32]) -> f64 {
    isa.compile(Squares(values))
}

/// Multiplies all values.
pub fn scale(isa: Isa, factor: f64, values: &mut [f32]) {
    isa.compile(Scale(factor as f32, values));
}

/// Brings all values into `-limit..=limit`; what is no number stays.
pub fn clamp(isa: Isa, limit: f64, values: &mut [f32]) {
    isa.compile(Clamp(limit as f32, values));
}

struct Squares<'a>(&'a [f32]);

impl Loop for Squares<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let mut sums = [0.0_f64; SUMS];
        for values in self.0.chunks(SUMS) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += f64::from(*value) * f64::from(*value);
            }
        }
        sums.iter().sum()
    }
}

struct Scale<'a>(f32, &'a mut [f32]);

impl Loop for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.1.iter_mut().for_each(|value| *value *= self.0);
    }
}

struct Clamp<'a>(f32, &'a mut [f32]);

impl Loop for Clamp<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let limit = self.0;
        for value in self.1 {
            *value = if *value > limit { limit } else { *value };
            *value = if *value < -limit { -limit } else { *value };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_scales_and_limits() {
        for isa in Isa::available() {
            for len in [0, 1, 15, 16, 17, 100] {
                let values: Vec<f32> = (0..len).map(|i| i as f32 - 7.5).collect();
                let expected: f64 = values.iter().map(|v| f64::from(*v).powi(2)).sum();
                assert_eq!(sum_of_squares(isa, &values), expected, "{len} values");
                let mut scaled = values.clone();
                scale(isa, 0.5, &mut scaled);
                assert!(scaled.iter().zip(&values).all(|(s, v)| *s == v / 2.0));
                let mut limited = values.clone();
                clamp(isa, 3.0, &mut limited);
                assert!(limited.iter().zip(&values).all(|(l, v)| *l == v.clamp(-3.0, 3.0)));
            }
            let mut strange = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
            clamp(isa, 1.0, &mut strange);
            assert!(strange[0].is_nan() && strange[1..] == [1.0, -1.0]);
        }
    }
}
