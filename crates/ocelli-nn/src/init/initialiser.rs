//! What weights are drawn from: the functions of `torch.nn.init`, as data.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// One way to fill a parameter: a function of `torch.nn.init`, with its options and defaults.
///
/// In files `init` is the function's name without the underscore at its end, and its options are beside it:
/// `{ init = "kaiming_normal", mode = "fan_out", nonlinearity = "relu" }`.
///
/// A fan is counted as PyTorch counts it, from the shape O×I×kH×kW alone: fan_in is I·kH·kW (I being the input channels
/// of one group) and fan_out is O·kH·kW.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "init", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Initialiser {
    /// What PyTorch's modules do when they are made: weights and biases of convolutions and linear layers uniform within
    /// ±1/√fan_in (the fan of the layer's weight), scales of normalisation 1 and shifts 0.
    #[default]
    Default,
    /// Uniform over [a, b).
    Uniform(Uniform),
    /// Normal.
    Normal(Normal),
    /// Normal, drawn again until it lies within bounds.
    TruncNormal(TruncNormal),
    /// One value everywhere.
    Constant(Constant),
    /// 1 everywhere.
    Ones,
    /// 0 everywhere.
    Zeros,
    /// Uniform within ±gain·√(6 / (fan_in + fan_out)) (Glorot & Bengio, 2010).
    XavierUniform(Xavier),
    /// Normal with standard deviation gain·√(2 / (fan_in + fan_out)) (Glorot & Bengio, 2010).
    XavierNormal(Xavier),
    /// Uniform within ±gain·√(3 / fan) (He et al., 2015, arXiv:1502.01852).
    KaimingUniform(Kaiming),
    /// Normal with standard deviation gain / √fan (He et al., 2015, arXiv:1502.01852).
    KaimingNormal(Kaiming),
    /// A random orthogonal matrix (Saxe et al., 2013, arXiv:1312.6120) of the weight as O × (I·kH·kW): its rows are
    /// orthonormal, or its columns if it has more rows than columns. The work grows as the shorter side's square times the longer.
    Orthogonal(Orthogonal),
    /// Each output channel of a convolution passes on the input channel of its number: the identity, as far as there are channels.
    Dirac(Dirac),
    /// 0 for the weight of the normalisation that ends the body of each residual block, which then begins as the identity
    /// (Goyal et al., 2017, arXiv:1706.02677; torchvision's `zero_init_residual`). It fits no other parameter.
    ZeroGamma,
}

/// Options of `uniform`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Uniform {
    /// The lower bound; default 0.
    pub a: f64,
    /// The upper bound; default 1.
    pub b: f64,
}

impl Default for Uniform {
    fn default() -> Self {
        Self { a: 0.0, b: 1.0 }
    }
}

/// Options of `normal`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Normal {
    /// The mean; default 0.
    pub mean: f64,
    /// The standard deviation; default 1.
    pub std: f64,
}

impl Default for Normal {
    fn default() -> Self {
        Self { mean: 0.0, std: 1.0 }
    }
}

/// Options of `trunc_normal`. The bounds are values, not multiples of `std`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TruncNormal {
    /// The mean before truncation, at most 2 std outside the bounds; default 0.
    pub mean: f64,
    /// The standard deviation before truncation, more than 0; default 1.
    pub std: f64,
    /// The least value; default −2.
    pub a: f64,
    /// The largest value; default 2.
    pub b: f64,
}

impl Default for TruncNormal {
    fn default() -> Self {
        Self { mean: 0.0, std: 1.0, a: -2.0, b: 2.0 }
    }
}

/// Options of `constant`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// The value.
    pub val: f64,
}

/// Options of `xavier_uniform` and `xavier_normal`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Xavier {
    /// Scales the result; default 1. In files also a nonlinearity's name, for its gain: `gain = "tanh"`.
    #[serde(deserialize_with = "gain")]
    pub gain: f64,
}

impl Default for Xavier {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

/// Options of `kaiming_uniform` and `kaiming_normal`.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kaiming {
    /// The slope below 0 of the leaky ReLU that follows; default 0. Other nonlinearities ignore it.
    pub a: f64,
    /// Which fan; default fan_in, which keeps the forward pass's variance.
    pub mode: FanMode,
    /// What follows; default leaky_relu.
    pub nonlinearity: Nonlinearity,
}

/// Options of `orthogonal`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Orthogonal {
    /// Scales the result; default 1. In files also a nonlinearity's name, for its gain.
    #[serde(deserialize_with = "gain")]
    pub gain: f64,
}

impl Default for Orthogonal {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

/// Options of `dirac`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dirac {
    /// Into how many groups the output channels are cut, each of which passes on the input; default 1. Must divide them.
    pub groups: usize,
    /// What the output channels of a group begin as for which it has no input channel; default zeros.
    pub rest: Rest,
}

impl Default for Dirac {
    fn default() -> Self {
        Self { groups: 1, rest: Rest::Zeros }
    }
}

/// What an initialiser leaves over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rest {
    /// 0, as `torch.nn.init.dirac_` has it.
    #[default]
    Zeros,
    /// PyTorch's default: `dirac_(weight[:in_channels])` over a new convolution.
    Default,
}

/// Which fan the variance is divided by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FanMode {
    /// Inputs of one output: the forward pass keeps its variance.
    #[default]
    FanIn,
    /// Outputs that one input reaches: the backward pass keeps its variance.
    FanOut,
}

/// The nonlinearity after a layer, by which weights are scaled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nonlinearity {
    /// None.
    #[serde(alias = "conv1d", alias = "conv2d", alias = "conv3d")]
    Linear,
    /// σ(x).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// max(x, 0).
    Relu,
    /// x, and a slope times x where that is negative.
    #[default]
    LeakyRelu,
    /// Scaled ELU.
    Selu,
}

/// The slope of a leaky ReLU where [`Nonlinearity::gain`] is given none.
const USUAL_SLOPE: f64 = 0.01;

impl Nonlinearity {
    /// The gain that `torch.nn.init.calculate_gain` recommends. `slope` is the leaky ReLU's below 0, 0.01 if not given;
    /// others ignore it.
    ///
    /// ```
    /// use ocelli_nn::init::Nonlinearity;
    ///
    /// assert_eq!(Nonlinearity::Tanh.gain(None), 5.0 / 3.0);
    /// ```
    pub fn gain(self, slope: Option<f64>) -> f64 {
        match self {
            Self::Tanh => 5.0 / 3.0,
            Self::Selu => 0.75,
            _ => self.squared_gain(slope.unwrap_or(USUAL_SLOPE)).sqrt(),
        }
    }

    /// The gain's square, by which a variance is scaled: exactly 2 for ReLU.
    pub(super) fn squared_gain(self, slope: f64) -> f64 {
        match self {
            Self::Linear | Self::Sigmoid => 1.0,
            Self::Tanh => 25.0 / 9.0,
            Self::Relu => 2.0,
            Self::LeakyRelu => 2.0 / (1.0 + slope * slope),
            Self::Selu => 0.5625,
        }
    }
}

/// A gain in a file: a number, or the name of the nonlinearity whose gain it is.
fn gain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    struct Gain;

    impl Visitor<'_> for Gain {
        type Value = f64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number or a nonlinearity's name")
        }

        fn visit_f64<E: Error>(self, number: f64) -> Result<f64, E> {
            Ok(number)
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<f64, E> {
            Ok(number as f64)
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<f64, E> {
            Ok(number as f64)
        }

        fn visit_str<E: Error>(self, name: &str) -> Result<f64, E> {
            Nonlinearity::deserialize(serde::de::value::StrDeserializer::new(name)).map(|n| n.gain(None))
        }
    }

    deserializer.deserialize_any(Gain)
}

impl Initialiser {
    /// Normal with mean 0.
    pub fn normal(std: f64) -> Self {
        Self::Normal(Normal { mean: 0.0, std })
    }

    /// Truncated normal with mean 0, within ±2 (not ±2 std), as networks with layer normalisation take it with a small std.
    pub fn trunc_normal(std: f64) -> Self {
        Self::TruncNormal(TruncNormal { std, ..TruncNormal::default() })
    }

    /// Normal with variance 2/fan: `kaiming_normal` for ReLU.
    pub fn kaiming_normal(mode: FanMode) -> Self {
        Self::KaimingNormal(Kaiming { mode, nonlinearity: Nonlinearity::Relu, ..Kaiming::default() })
    }

    /// Uniform within ±1/√fan: `kaiming_uniform(a=√5)`.
    pub fn uniform_by_fan(mode: FanMode) -> Self {
        Self::KaimingUniform(Kaiming { a: 5f64.sqrt(), mode, ..Kaiming::default() })
    }

    /// Its name in files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Uniform(_) => "uniform",
            Self::Normal(_) => "normal",
            Self::TruncNormal(_) => "trunc_normal",
            Self::Constant(_) => "constant",
            Self::Ones => "ones",
            Self::Zeros => "zeros",
            Self::XavierUniform(_) => "xavier_uniform",
            Self::XavierNormal(_) => "xavier_normal",
            Self::KaimingUniform(_) => "kaiming_uniform",
            Self::KaimingNormal(_) => "kaiming_normal",
            Self::Orthogonal(_) => "orthogonal",
            Self::Dirac(_) => "dirac",
            Self::ZeroGamma => "zero_gamma",
        }
    }

    /// What is wrong with its options, whatever it fills.
    pub(super) fn check(&self) -> Result<(), String> {
        match *self {
            Self::Uniform(Uniform { a, b }) => {
                finite(&[("a", a), ("b", b)])?;
                need(a <= b, || format!("a = {a} and b = {b}, needs a of at most b"))
            }
            Self::Normal(Normal { mean, std }) => {
                finite(&[("mean", mean), ("std", std)])?;
                need(std >= 0.0, || format!("std = {std}, needs at least 0"))
            }
            Self::TruncNormal(spec) => spec.check(),
            Self::Constant(Constant { val }) => finite(&[("val", val)]),
            Self::XavierUniform(Xavier { gain })
            | Self::XavierNormal(Xavier { gain })
            | Self::Orthogonal(Orthogonal { gain }) => finite(&[("gain", gain)]),
            Self::KaimingUniform(Kaiming { a, .. }) | Self::KaimingNormal(Kaiming { a, .. }) => {
                finite(&[("a", a)])
            }
            Self::Dirac(Dirac { groups, .. }) => {
                need(groups >= 1, || format!("groups = {groups}, needs at least 1"))
            }
            Self::Default | Self::Ones | Self::Zeros | Self::ZeroGamma => Ok(()),
        }
    }
}

impl TruncNormal {
    /// Beside what makes sense, what keeps drawing again short.
    fn check(&self) -> Result<(), String> {
        let Self { mean, std, a, b } = *self;
        finite(&[("mean", mean), ("std", std), ("a", a), ("b", b)])?;
        need(std > 0.0, || format!("std = {std}, needs more than 0"))?;
        need(a < b, || format!("a = {a} and b = {b}, needs a less than b"))?;
        let near = a - 2.0 * std <= mean && mean <= b + 2.0 * std;
        need(near, || format!("mean = {mean}, needs at most 2 std outside {a} to {b}"))
    }
}

fn need(condition: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(format!("got {}", problem())) }
}

/// Each number must be one in `f32`.
fn finite(options: &[(&str, f64)]) -> Result<(), String> {
    match options.iter().find(|(_, value)| !(*value as f32).is_finite()) {
        None => Ok(()),
        Some((name, value)) => Err(format!("got {name} = {value}, needs a finite number")),
    }
}
