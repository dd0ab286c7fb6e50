//! Drawing values of one parameter.

use ocelli_kernels::random::Stream;

use super::initialiser::{Dirac, FanMode, Initialiser, Kaiming, Normal, Rest, TruncNormal, Uniform, Xavier};
use super::orthogonal::orthonormal;

/// Values of a parameter of this shape, `weight` being the shape of its layer's weight. `None` for what an [`Initialiser`]
/// leaves to the layer ([`Initialiser::Default`]).
pub(super) fn values(initialiser: &Initialiser, shape: &[usize], stream: &mut Stream) -> Option<Vec<f32>> {
    let count = shape.iter().product();
    let all = |value: f64| vec![value as f32; count];
    Some(match *initialiser {
        Initialiser::Default => return None,
        Initialiser::Uniform(Uniform { a, b }) => {
            let draw = |_| (a + (b - a) * f64::from(stream.uniform())) as f32;
            (0..count).map(draw).collect()
        }
        Initialiser::Normal(Normal { mean, std }) => {
            let mean = mean as f32;
            normal(count, std, stream).into_iter().map(|value| value + mean).collect()
        }
        Initialiser::TruncNormal(spec) => (0..count).map(|_| trunc_normal(spec, stream)).collect(),
        Initialiser::Constant(spec) => all(spec.val),
        Initialiser::Ones => all(1.0),
        Initialiser::Zeros | Initialiser::ZeroGamma => all(0.0),
        Initialiser::XavierUniform(spec) => within(count, (3.0 * xavier(spec, shape)).sqrt(), stream),
        Initialiser::XavierNormal(spec) => normal(count, xavier(spec, shape).sqrt(), stream),
        Initialiser::KaimingUniform(spec) => within(count, (3.0 * kaiming(spec, shape)).sqrt(), stream),
        Initialiser::KaimingNormal(spec) => normal(count, kaiming(spec, shape).sqrt(), stream),
        Initialiser::Orthogonal(spec) => orthogonal(shape, spec.gain, stream),
        Initialiser::Dirac(spec) => dirac(shape, spec, stream),
    })
}

/// PyTorch's default for weights and biases of convolutions and linear layers, whose weight has the shape `weight`.
pub(super) fn by_fan_in(count: usize, weight: &[usize], stream: &mut Stream) -> Vec<f32> {
    within(count, (1.0 / fans(weight).0 as f64).sqrt(), stream)
}

/// Uniform within ±bound.
fn within(count: usize, bound: f64, stream: &mut Stream) -> Vec<f32> {
    let bound = bound as f32;
    (0..count).map(|_| (2.0 * stream.uniform() - 1.0) * bound).collect()
}

fn normal(count: usize, std: f64, stream: &mut Stream) -> Vec<f32> {
    let std = std as f32;
    (0..count).map(|_| stream.normal() * std).collect()
}

/// fan_in and fan_out of a weight.
fn fans(shape: &[usize]) -> (usize, usize) {
    let window: usize = shape[2..].iter().product();
    (shape[1] * window, shape[0] * window)
}

/// The variance of Glorot & Bengio.
fn xavier(spec: Xavier, shape: &[usize]) -> f64 {
    let (fan_in, fan_out) = fans(shape);
    spec.gain * spec.gain * 2.0 / (fan_in as f64 + fan_out as f64)
}

/// The variance of He et al.
fn kaiming(spec: Kaiming, shape: &[usize]) -> f64 {
    let (fan_in, fan_out) = fans(shape);
    let fan = match spec.mode {
        FanMode::FanIn => fan_in,
        FanMode::FanOut => fan_out,
    };
    spec.nonlinearity.squared_gain(spec.a) / fan as f64
}

/// One value, drawn until it lies within the bounds: from the normal distribution where they are wide, otherwise from the
/// uniform one, of which as many stay as the density says. With a mean at most 2 std outside the bounds that takes fewer
/// than 50 draws in the mean.
fn trunc_normal(spec: TruncNormal, stream: &mut Stream) -> f32 {
    let TruncNormal { mean, std, a, b } = spec;
    let (least, most) = (a as f32, b as f32);
    if b - a > std {
        loop {
            let value = (mean + std * f64::from(stream.normal())) as f32;
            if (least..=most).contains(&value) {
                return value;
            }
        }
    }
    let exponent = |value: f64| -0.5 * ((value - mean) / std).powi(2);
    let highest = exponent(mean.clamp(a, b));
    loop {
        let value = a + (b - a) * f64::from(stream.uniform());
        if f64::from(stream.uniform()) < (exponent(value) - highest).exp() {
            return (value as f32).clamp(least, most);
        }
    }
}

/// The weight as a matrix of O rows, orthogonalised from normal values as PyTorch does it.
fn orthogonal(shape: &[usize], gain: f64, stream: &mut Stream) -> Vec<f32> {
    let rows = shape[0];
    let columns = shape[1..].iter().product();
    let drawn: Vec<f64> = (0..rows * columns).map(|_| f64::from(stream.normal())).collect();
    orthonormal(&drawn, rows, columns).into_iter().map(|value| (gain * value) as f32).collect()
}

fn dirac(shape: &[usize], spec: Dirac, stream: &mut Stream) -> Vec<f32> {
    let &[outputs, inputs, height, width] = shape else { unreachable!("rules give it convolutions alone") };
    let count = outputs * inputs * height * width;
    let mut values = match spec.rest {
        Rest::Zeros => vec![0.0; count],
        Rest::Default => by_fan_in(count, shape, stream),
    };
    let of_group = outputs / spec.groups;
    let middle = height / 2 * width + width / 2;
    for group in 0..spec.groups {
        for channel in 0..of_group.min(inputs) {
            let filter = inputs * height * width;
            let filter = &mut values[(group * of_group + channel) * filter..][..filter];
            filter.fill(0.0);
            filter[channel * height * width + middle] = 1.0;
        }
    }
    values
}
