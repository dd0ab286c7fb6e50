//! Gradient clipping: sums of squares, factors, limits.

use super::{Squares, TOGETHER};
use crate::isa::{Isa, Loop};

/// The sum of squares, in double precision.
pub fn sum_of_squares(isa: Isa, values: &[f32]) -> f64 {
    isa.compile(OfValues(values))
}

/// The sum of the squares of products of two values each, in double precision.
///
/// # Panics
/// If the slices differ in length.
pub fn sum_of_squared_products(isa: Isa, values: &[f32], factors: &[f32]) -> f64 {
    assert_eq!(values.len(), factors.len());
    isa.compile(OfProducts(values, factors))
}

/// Multiplies all values.
pub fn scale(isa: Isa, factor: f64, values: &mut [f32]) {
    isa.compile(Scale(factor as f32, values));
}

/// Brings all values into `-limit..=limit`; what is no number stays.
pub fn clamp(isa: Isa, limit: f64, values: &mut [f32]) {
    isa.compile(Clamp(limit as f32, values));
}

struct OfValues<'a>(&'a [f32]);

impl Loop for OfValues<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let mut squares = Squares::new();
        for values in self.0.chunks(TOGETHER) {
            squares.add(values.iter().copied().map(f64::from));
        }
        squares.total()
    }
}

struct OfProducts<'a>(&'a [f32], &'a [f32]);

impl Loop for OfProducts<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let mut squares = Squares::new();
        for (values, factors) in self.0.chunks(TOGETHER).zip(self.1.chunks(TOGETHER)) {
            let both = values.iter().zip(factors);
            squares.add(both.map(|(value, factor)| f64::from(*value) * f64::from(*factor)));
        }
        squares.total()
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
                let halves = vec![0.5; len];
                assert_eq!(sum_of_squared_products(isa, &values, &halves), expected / 4.0, "{len} values");
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
