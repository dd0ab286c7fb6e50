//! Activations that work on each value alone, and their gradients; ReLU is a part of
//! [`crate::epilogue`].
//!
//! They are plain loops, which the compiler makes vectors of: the exponential is written without a
//! branch or a call for that.

use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// An activation, by PyTorch's names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `x` where that is positive, elsewhere `x` times this slope.
    LeakyRelu(f32),
    /// `x` where that is positive, elsewhere this factor times `exp(x) − 1` (Clevert et al., 2015).
    Elu(f32),
    /// A scaled ELU whose outputs keep mean 0 and variance 1 (Klambauer et al., 2017).
    Selu,
    /// `x · σ(x)`, also called swish (Elfwing et al., 2017).
    Silu,
    /// `x · min(max(x + 3, 0), 6) / 6` (Howard et al., 2019).
    Hardswish,
    /// `min(max(x + 3, 0), 6) / 6`.
    Hardsigmoid,
    /// `σ(x) = 1 / (1 + exp(−x))`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `x · Φ(x)`, with the normal distribution's `Φ` (Hendrycks & Gimpel, 2016).
    Gelu,
    /// The same with `Φ` by a hyperbolic tangent: PyTorch's `approximate = "tanh"`.
    GeluTanh,
}

const SELU_SCALE: f32 = 1.050_700_9;
const SELU_ALPHA: f32 = 1.673_263_2;

impl Activation {
    /// Whether 0 stays 0, so that the padding of a map need not be cleared.
    #[must_use]
    pub fn keeps_zero(self) -> bool {
        !matches!(self, Self::Hardsigmoid | Self::Sigmoid)
    }
}

/// Calls `$each` with the activation's function and derivative, each a closure that the loop is compiled for.
macro_rules! with_functions {
    ($activation:expr, $each:ident) => {
        match $activation {
            Activation::LeakyRelu(slope) => {
                $each!(|x: f32| x * or(x > 0.0, 1.0, slope), |x: f32| or(x > 0.0, 1.0, slope))
            }
            Activation::Elu(alpha) => $each!(|x: f32| elu(x, alpha), |x: f32| elu_slope(x, alpha)),
            Activation::Selu => $each!(|x: f32| SELU_SCALE * elu(x, SELU_ALPHA), |x: f32| SELU_SCALE
                * elu_slope(x, SELU_ALPHA)),
            Activation::Silu => $each!(|x: f32| x * sigmoid(x), silu_slope),
            Activation::Hardswish => $each!(
                |x: f32| x * ((x + 3.0).clamp(0.0, 6.0) * (1.0 / 6.0)),
                |x: f32| or(x < -3.0, 0.0, or(x > 3.0, 1.0, x / 3.0 + 0.5))
            ),
            Activation::Hardsigmoid => {
                $each!(|x: f32| (x + 3.0).clamp(0.0, 6.0) * (1.0 / 6.0), |x: f32| of(x > -3.0 && x < 3.0)
                    / 6.0)
            }
            Activation::Sigmoid => $each!(sigmoid, |x: f32| sigmoid(x) * sigmoid(-x)),
            Activation::Tanh => $each!(tanh, |x: f32| {
                let y = tanh(x);
                1.0 - y * y
            }),
            Activation::Gelu => $each!(|x: f32| x * normal(x), |x: f32| normal(x) + x * density(x)),
            Activation::GeluTanh => $each!(|x: f32| 0.5 * x * (1.0 + tanh(inner(x))), gelu_tanh_slope),
        }
    };
}

/// `y` is the activation of `x`.
///
/// # Panics
/// If the slices differ in length.
pub fn forward(isa: Isa, activation: Activation, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len());
    isa.run(Forward { activation, x, y });
}

/// Replaces every value by the activation of it.
pub fn in_place(isa: Isa, activation: Activation, values: &mut [f32]) {
    isa.run(InPlace { activation, values });
}

struct InPlace<'a> {
    activation: Activation,
    values: &'a mut [f32],
}

impl Kernel for InPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (x, len) = (self.values.as_ptr(), self.values.len());
        // SAFETY: both are the same values, which are `len` floats.
        if unsafe { sigmoids(simd, self.activation, x, self.values.as_mut_ptr(), len) } {
            return;
        }
        macro_rules! all {
            ($function:expr, $slope:expr) => {{
                let function = $function;
                self.values.iter_mut().for_each(|value| *value = function(*value));
            }};
        }
        with_functions!(self.activation, all);
    }
}

struct Forward<'a> {
    activation: Activation,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // SAFETY: `forward` has seen that the slices have one length.
        if unsafe { sigmoids(simd, self.activation, self.x.as_ptr(), self.y.as_mut_ptr(), self.y.len()) } {
            return;
        }
        let pairs = self.y.iter_mut().zip(self.x);
        macro_rules! all {
            ($function:expr, $slope:expr) => {{
                let function = $function;
                pairs.for_each(|(y, &x)| *y = function(x));
            }};
        }
        with_functions!(self.activation, all);
    }
}

/// `dx` is the gradient of `x`, or is added to it if `add`, from the gradient `dy` of the activation of
/// `x`.
///
/// # Panics
/// If the slices differ in length.
pub fn backward(isa: Isa, activation: Activation, x: &[f32], dy: &[f32], dx: &mut [f32], add: bool) {
    assert!(x.len() == dy.len() && x.len() == dx.len());
    isa.run(Backward { activation, x, dy, dx, add });
}

struct Backward<'a> {
    activation: Activation,
    x: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
    add: bool,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        // What is there counts once or not at all; NaN times 0 must not.
        let triples = self.dx.iter_mut().zip(self.x.iter().zip(self.dy));
        macro_rules! all {
            ($function:expr, $slope:expr) => {{
                let slope = $slope;
                if self.add {
                    triples.for_each(|(dx, (&x, dy))| *dx += slope(x) * dy);
                } else {
                    triples.for_each(|(dx, (&x, dy))| *dx = slope(x) * dy);
                }
            }};
        }
        with_functions!(self.activation, all);
    }
}

/// SiLU and the sigmoid, which stand after every convolution of some networks, in vectors of their own; false
/// for other activations. What does not fill a vector goes the way of all others.
///
/// # Safety
/// `x` is readable and `y` writable for `len` floats; they may be the same.
#[inline(always)]
unsafe fn sigmoids<S: Simd>(simd: S, activation: Activation, x: *const f32, y: *mut f32, len: usize) -> bool {
    let weigh = match activation {
        Activation::Silu => true,
        Activation::Sigmoid => false,
        _ => return false,
    };
    let whole = len / S::LANES * S::LANES;
    // SAFETY: the caller's promise.
    unsafe {
        for i in (0..whole).step_by(S::LANES) {
            let v = simd.load(x.add(i));
            let above = if weigh { v } else { simd.splat(1.0) };
            simd.store(y.add(i), simd.div(above, below_sigmoid(simd, v)));
        }
        for i in whole..len {
            let v = *x.add(i);
            *y.add(i) = if weigh { v * sigmoid(v) } else { sigmoid(v) };
        }
    }
    true
}

/// 1 + exp(−x), by powers of two: the fewest operations that leave sigmoid and SiLU within 3e-7 of their values
/// for |x| up to 10, and within 1.3e-6 where these are next to nothing.
#[inline(always)]
fn below_sigmoid<S: Simd>(simd: S, x: S::V) -> S::V {
    // Beyond ±87 it stays what it is there; `max` and `min` return their second operand for NaN.
    let x = simd.min(simd.splat(87.0), simd.max(simd.splat(-87.0), x));
    let minus_log2_e = simd.splat(-std::f32::consts::LOG2_E);
    // Adding 1.5 · 2²³ rounds to a whole number.
    let magic = simd.splat(12_582_912.0);
    let n = simd.sub(simd.fma(x, minus_log2_e, magic), magic);
    let r = simd.fma(x, minus_log2_e, simd.sub(simd.splat(0.0), n));
    // 2ʳ for |r| up to ½: the polynomial of the fifth degree with the least relative error, 7.5e-8.
    let mut p = simd.splat(1.327_647_2e-3);
    for coefficient in [9.675_541e-3, 5.550_713e-2, 0.240_221_2, 0.693_146_94, 1.000_000_1] {
        p = simd.fma(p, r, simd.splat(coefficient));
    }
    simd.add(simd.splat(1.0), simd.scale(p, n))
}

#[inline(always)]
fn or(condition: bool, yes: f32, no: f32) -> f32 {
    if condition { yes } else { no }
}

#[inline(always)]
fn of(condition: bool) -> f32 {
    or(condition, 1.0, 0.0)
}

/// `exp(x)` in parts (Cody & Waite's reduction, the Cephes library's polynomial): `exp(r) − 1` with |r| at
/// most ln 2 / 2, and the power of two that it lacks. Beyond ±87 it stays what it is there.
#[inline(always)]
fn exponential(x: f32) -> (f32, f32) {
    // Adding 1.5 · 2²³ rounds to a whole number, which is then in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 87.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let p = ((((1.987_569_1e-4 * r + 1.398_2e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2) * r
        + 1.666_666_5e-1)
        * r
        + 0.5;
    let power = rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    (p * r * r + r, f32::from_bits(power))
}

#[inline(always)]
fn exp(x: f32) -> f32 {
    let (less_one, power) = exponential(x);
    (less_one + 1.0) * power
}

/// `exp(x) − 1`, to full precision near 0 too.
#[inline(always)]
fn exp_less_one(x: f32) -> f32 {
    let (less_one, power) = exponential(x);
    less_one * power + (power - 1.0)
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    // Beyond ±10 the quotient is 1 in f32.
    let e = exp_less_one(2.0 * x.clamp(-10.0, 10.0));
    e / (e + 2.0)
}

#[inline(always)]
fn elu(x: f32, alpha: f32) -> f32 {
    or(x > 0.0, x, alpha * exp_less_one(x))
}

#[inline(always)]
fn elu_slope(x: f32, alpha: f32) -> f32 {
    or(x > 0.0, 1.0, alpha * exp(x))
}

#[inline(always)]
fn silu_slope(x: f32) -> f32 {
    let s = sigmoid(x);
    s + x * s * sigmoid(-x)
}

/// The normal distribution's density.
#[inline(always)]
fn density(x: f32) -> f32 {
    0.398_942_3 * exp(-0.5 * x * x)
}

/// The normal distribution's `Φ`: Abramowitz & Stegun 26.2.17, within 7.5e-8.
#[inline(always)]
fn normal(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let p = ((((1.330_274_5 * t - 1.821_256) * t + 1.781_477_9) * t - 0.356_563_78) * t + 0.319_381_54) * t;
    let upper = density(x) * p;
    or(x > 0.0, 1.0 - upper, upper)
}

const ROOT_2_OVER_PI: f32 = 0.797_884_6;
const CUBIC: f32 = 0.044_715;

#[inline(always)]
fn inner(x: f32) -> f32 {
    ROOT_2_OVER_PI * (x + CUBIC * x * x * x)
}

#[inline(always)]
fn gelu_tanh_slope(x: f32) -> f32 {
    let y = tanh(inner(x));
    0.5 * (1.0 + y) + 0.5 * x * (1.0 - y * y) * ROOT_2_OVER_PI * (1.0 + 3.0 * CUBIC * x * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Activation; 10] = [
        Activation::LeakyRelu(0.1),
        Activation::Elu(0.7),
        Activation::Selu,
        Activation::Silu,
        Activation::Hardswish,
        Activation::Hardsigmoid,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Gelu,
        Activation::GeluTanh,
    ];

    /// The definition in f64; `Φ` by Simpson's rule over the density.
    fn definition(activation: Activation, x: f64) -> f64 {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let elu = |alpha: f64| if x > 0.0 { x } else { alpha * x.exp_m1() };
        match activation {
            Activation::LeakyRelu(slope) => {
                if x > 0.0 {
                    x
                } else {
                    x * f64::from(slope)
                }
            }
            Activation::Elu(alpha) => elu(f64::from(alpha)),
            Activation::Selu => 1.050_700_987_355_480_5 * elu(1.673_263_242_354_377_2),
            Activation::Silu => x * sigmoid(x),
            Activation::Hardswish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
            Activation::Hardsigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
            Activation::Sigmoid => sigmoid(x),
            Activation::Tanh => x.tanh(),
            Activation::Gelu => x * normal(x),
            Activation::GeluTanh => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
                0.5 * x * (1.0 + inner.tanh())
            }
        }
    }

    fn normal(x: f64) -> f64 {
        if x.abs() > 12.0 {
            return if x > 0.0 { 1.0 } else { 0.0 };
        }
        let density = |t: f64| (-0.5 * t * t).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let n = 2000;
        let h = x / f64::from(n);
        let inner: f64 = (1..n).map(|i| density(f64::from(i) * h) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
        0.5 + h / 3.0 * (density(0.0) + inner + density(x))
    }

    fn points() -> Vec<f32> {
        let near: Vec<f32> = (-400..400).map(|i| (i as f32 + 0.37) * 0.031).collect();
        let far = [-1e30, -200.0, -88.0, -30.0, -1e-3, -1e-7, 0.0, 1e-7, 1e-3, 30.0, 88.0, 200.0, 1e30];
        near.into_iter().chain(far).collect()
    }

    #[test]
    fn values_are_those_of_the_definition() {
        let x = points();
        for isa in Isa::available() {
            for activation in ALL {
                let mut y = vec![f32::NAN; x.len()];
                forward(isa, activation, &x, &mut y);
                for (&x, &y) in x.iter().zip(&y) {
                    let want = definition(activation, f64::from(x));
                    // A few roundings, of the value and of those that it is made of.
                    let most = 4e-7 * (want.abs() + f64::from(x.abs()).min(1.0));
                    assert!(
                        (f64::from(y) - want).abs() <= most,
                        "{activation:?} {isa:?}: {y} for {want} at {x}"
                    );
                }
            }
        }
    }

    #[test]
    fn slopes_are_numerical_ones() {
        let x = points();
        for isa in Isa::available() {
            for activation in ALL {
                let (dy, mut dx) = (vec![2.0; x.len()], vec![0.5; x.len()]);
                backward(isa, activation, &x, &dy, &mut dx, true);
                for (&x, &dx) in x.iter().zip(&dx).filter(|(x, _)| x.abs() < 100.0 && x.abs() > 1e-4) {
                    let h = 1e-5;
                    let at = |x: f64| definition(activation, x);
                    let want = 0.5 + 2.0 * (at(f64::from(x) + h) - at(f64::from(x) - h)) / (2.0 * h);
                    assert!(
                        (f64::from(dx) - want).abs() < 6e-6,
                        "{activation:?} {isa:?}: {dx} for {want} at {x}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_number_stays_none_and_zero_zero() {
        for isa in Isa::available() {
            for activation in ALL {
                let mut y = [1.0; 2];
                forward(isa, activation, &[f32::NAN, 0.0], &mut y);
                assert!(y[0].is_nan(), "{activation:?}");
                assert_eq!(y[1] == 0.0, activation.keeps_zero(), "{activation:?}");
            }
        }
    }
}
