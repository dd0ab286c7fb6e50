//! Activations that work on each value alone: the function, and its slope at a value.

use crate::layers::{Approximate, Layer};

/// The activation of `x`, if the layer is one.
pub(super) fn value(layer: &Layer, x: f64) -> Option<f64> {
    // NaN passes through all of them.
    Some(match *layer {
        Layer::Relu => {
            if x <= 0.0 {
                0.0
            } else {
                x
            }
        }
        Layer::Relu6 => x.clamp(0.0, 6.0),
        Layer::LeakyRelu(spec) => {
            if x > 0.0 {
                x
            } else {
                x * f64::from(spec.negative_slope)
            }
        }
        Layer::Elu(spec) => elu(x, f64::from(spec.alpha)),
        Layer::Selu => SELU_SCALE * elu(x, SELU_ALPHA),
        Layer::Silu => x * sigmoid(x),
        Layer::Hardswish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Layer::Hardsigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Layer::Sigmoid => sigmoid(x),
        Layer::Tanh => x.tanh(),
        Layer::Gelu(spec) if spec.approximate == Approximate::Tanh => 0.5 * x * (1.0 + inner(x).tanh()),
        Layer::Gelu(_) => x * normal(x),
        Layer::Identity => x,
        _ => return None,
    })
}

/// Its derivative at `x`.
pub(super) fn slope(layer: &Layer, x: f64) -> Option<f64> {
    let step = |condition: bool| if condition { 1.0 } else { 0.0 };
    Some(match *layer {
        Layer::Relu => step(x > 0.0 || x.is_nan()),
        Layer::Relu6 => step(x > 0.0 && x < 6.0),
        Layer::LeakyRelu(spec) => {
            if x > 0.0 {
                1.0
            } else {
                f64::from(spec.negative_slope)
            }
        }
        Layer::Elu(spec) => elu_slope(x, f64::from(spec.alpha)),
        Layer::Selu => SELU_SCALE * elu_slope(x, SELU_ALPHA),
        Layer::Silu => sigmoid(x) * (1.0 + x * sigmoid(-x)),
        Layer::Hardswish if x < -3.0 => 0.0,
        Layer::Hardswish if x > 3.0 => 1.0,
        Layer::Hardswish => x / 3.0 + 0.5,
        Layer::Hardsigmoid => step(x > -3.0 && x < 3.0) / 6.0,
        Layer::Sigmoid => sigmoid(x) * sigmoid(-x),
        Layer::Tanh => 1.0 - x.tanh().powi(2),
        Layer::Gelu(spec) if spec.approximate == Approximate::Tanh => {
            let y = inner(x).tanh();
            let of_inner = ROOT_2_OVER_PI * (1.0 + 3.0 * CUBIC * x * x);
            0.5 * (1.0 + y) + 0.5 * x * (1.0 - y * y) * of_inner
        }
        Layer::Gelu(_) => normal(x) + x * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt(),
        Layer::Identity => 1.0,
        _ => return None,
    })
}

const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const ROOT_2_OVER_PI: f64 = 0.797_884_560_802_865_4;
const CUBIC: f64 = 0.044715;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn elu(x: f64, alpha: f64) -> f64 {
    if x > 0.0 { x } else { alpha * x.exp_m1() }
}

fn elu_slope(x: f64, alpha: f64) -> f64 {
    if x > 0.0 { 1.0 } else { alpha * x.exp() }
}

fn inner(x: f64) -> f64 {
    ROOT_2_OVER_PI * (x + CUBIC * x.powi(3))
}

/// The normal distribution's Φ, by its power series: Φ(x) = ½ + φ(x) Σ x^(2n+1) / (2n+1)!!.
fn normal(x: f64) -> f64 {
    if x.abs() > 9.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut term, mut sum) = (x, x);
    let mut n = 1.0;
    while term.abs() > 1e-18 * sum.abs() {
        term *= x * x / (2.0 * n + 1.0);
        sum += term;
        n += 1.0;
    }
    0.5 + (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt() * sum
}
