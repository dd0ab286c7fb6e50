//! Layers as data: PyTorch's names, options and defaults, and the arithmetic of their shapes.
//!
//! One file per layer holds its options, its shape rule, its parameters and its cost. [`Layer`] is the enum over them.

mod activation;
mod adaptive_pool;
mod add;
mod batch_norm;
mod channels;
mod conv2d;
mod dropout;
mod flatten;
mod group_norm;
mod instance_norm;
mod layer_norm;
mod layer_scale;
mod limits;
mod linear;
mod local_response_norm;
mod momentum;
mod multiply;
mod padding;
mod pool;
mod prelu;
mod upsample;
mod window;

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::error::{ShapeError, ShapeErrorKind};
use crate::shape::{Pair, Shape};

pub use activation::{Approximate, Elu, Gelu, LeakyRelu};
pub use adaptive_pool::{AdaptiveAvgPool2d, AdaptiveMaxPool2d};
pub use batch_norm::BatchNorm;
pub use channels::{ChannelShuffle, Narrow};
pub use conv2d::Conv2d;
pub use dropout::{DropMode, Dropout, StochasticDepth};
pub use group_norm::GroupNorm;
pub use instance_norm::InstanceNorm2d;
pub use layer_norm::LayerNorm2d;
pub use layer_scale::LayerScale;
pub use linear::{ChannelLinear, Linear};
pub use local_response_norm::LocalResponseNorm;
pub(crate) use padding::Margins;
pub use padding::{Padding, PaddingMode, Sides};
pub use pool::{AvgPool2d, MaxPool2d};
pub use prelu::Prelu;
pub use upsample::{ScaleFactor, Upsample, UpsampleMode};
pub use window::Window;

/// What a parameter or buffer is to its layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
pub enum Role {
    /// The weight of a convolution (O×I×kH×kW) or linear layer (out×in).
    Weight,
    /// The bias of a convolution or linear layer.
    Bias,
    /// A normalisation's scale (gamma), `weight` in PyTorch.
    NormWeight,
    /// A normalisation's shift (beta), `bias` in PyTorch.
    NormBias,
    /// A layer scale's factors (C×1×1).
    LayerScale,
    /// PReLU's slopes, `weight` in PyTorch.
    Slope,
    /// BatchNorm's running mean: a buffer.
    RunningMean,
    /// BatchNorm's running variance (unbiased): a buffer.
    RunningVar,
    /// How many batches the running averages have seen: a buffer, one `i64`.
    NumBatchesTracked,
}

impl Role {
    /// Whether training changes it by its gradient; the rest are buffers.
    pub const fn is_trainable(self) -> bool {
        matches!(
            self,
            Self::Weight | Self::Bias | Self::NormWeight | Self::NormBias | Self::LayerScale | Self::Slope
        )
    }

    /// The last part of its name in a `state_dict`.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Weight | Self::NormWeight | Self::Slope => "weight",
            Self::Bias | Self::NormBias => "bias",
            Self::LayerScale => "layer_scale",
            Self::RunningMean => "running_mean",
            Self::RunningVar => "running_var",
            Self::NumBatchesTracked => "num_batches_tracked",
        }
    }
}

/// A layer's parameter: its shape (PyTorch's layout) and role. Its name is the node's, a dot, and [`Role::suffix`].
pub(crate) type Parameter = (Vec<usize>, Role);

/// What every layer answers; one file per layer implements it. The defaults are those of a layer
/// that works on each value alone and has no parameters.
trait Spec {
    /// PyTorch's name of the module, as in files.
    fn type_name(&self) -> &'static str;

    /// The fewest and the most inputs that it takes.
    fn inputs(&self) -> RangeInclusive<usize> {
        1..=1
    }

    /// The output's shape for inputs of these shapes, as many as [`Spec::inputs`] allows. Checks the options too.
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        Ok(inputs[0])
    }

    /// Parameters and buffers, in the order of PyTorch's `state_dict`.
    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }

    /// What a [`Role::LayerScale`] or [`Role::Slope`] of its starts at.
    fn initial_value(&self) -> f32 {
        1.0
    }

    /// Multiply-adds for one image, given the shape of its output.
    fn multiply_adds(&self, _output: Shape) -> u64 {
        0
    }

    /// Which part of the input one output value sees.
    fn window(&self, _input: Shape) -> Window {
        Window::POINT
    }
}

/// One layer of a network: which operation, with its options.
///
/// In TOML and JSON, `type` is PyTorch's name of the module and the options are beside it:
/// `{ type = "Conv2d", in_channels = 3, out_channels = 16, kernel_size = 3, padding = 1 }`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Layer {
    /// Convolution over a map.
    Conv2d(Conv2d),
    /// The largest value of each window.
    MaxPool2d(MaxPool2d),
    /// The mean of each window.
    AvgPool2d(AvgPool2d),
    /// The mean of windows chosen so that the output has a given size.
    AdaptiveAvgPool2d(AdaptiveAvgPool2d),
    /// The largest value of windows chosen so that the output has a given size.
    AdaptiveMaxPool2d(AdaptiveMaxPool2d),
    /// max(x, 0).
    #[serde(rename = "ReLU")]
    Relu,
    /// min(max(x, 0), 6).
    #[serde(rename = "ReLU6")]
    Relu6,
    /// x, and a slope times x where that is negative.
    #[serde(rename = "LeakyReLU")]
    LeakyRelu(LeakyRelu),
    /// x, and α (exp(x) − 1) where that is negative.
    #[serde(rename = "ELU")]
    Elu(Elu),
    /// ELU scaled so that mean 0 and variance 1 stay (Klambauer et al., 2017, arXiv:1706.02515).
    #[serde(rename = "SELU")]
    Selu,
    /// x σ(x), also called swish (Elfwing et al., 2017, arXiv:1702.03118).
    #[serde(rename = "SiLU")]
    Silu,
    /// x min(max(x + 3, 0), 6) / 6 (Howard et al., 2019, arXiv:1905.02244).
    Hardswish,
    /// min(max(x + 3, 0), 6) / 6.
    Hardsigmoid,
    /// σ(x) = 1 / (1 + exp(−x)).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// x Φ(x), with the normal distribution's Φ.
    #[serde(rename = "GELU")]
    Gelu(Gelu),
    /// x, and a learned slope times x where that is negative.
    #[serde(rename = "PReLU")]
    Prelu(Prelu),
    /// What comes in.
    Identity,
    /// In training, zeroes each value with probability p and scales the rest by 1/(1−p).
    Dropout(Dropout),
    /// In training, zeroes whole channels with probability p and scales the rest by 1/(1−p).
    Dropout2d(Dropout),
    /// In training, zeroes whole images with probability p and scales the rest by 1/(1−p).
    StochasticDepth(StochasticDepth),
    /// In training, sets each value with probability p to what SELU goes to, and keeps mean 0 and variance 1.
    AlphaDropout(Dropout),
    /// A map to a row of features, in the order channel, height, width.
    Flatten,
    /// A fully connected layer on features.
    Linear(Linear),
    /// A fully connected layer on the channels of each pixel of a map.
    ChannelLinear(ChannelLinear),
    /// Batch normalisation of features.
    BatchNorm1d(BatchNorm),
    /// Batch normalisation of the channels of a map.
    BatchNorm2d(BatchNorm),
    /// Normalisation over the channels of each pixel of a map.
    LayerNorm2d(LayerNorm2d),
    /// Normalisation of groups of an image's channels.
    GroupNorm(GroupNorm),
    /// Normalisation of each channel of an image.
    InstanceNorm2d(InstanceNorm2d),
    /// A value over a power of its neighbouring channels' mean square.
    LocalResponseNorm(LocalResponseNorm),
    /// Each channel times a factor that is learned.
    LayerScale(LayerScale),
    /// exp(x) / Σ exp(x) over the features (PyTorch's `Softmax(dim=1)`).
    Softmax,
    /// ln (exp(x) / Σ exp(x)) over the features (PyTorch's `LogSoftmax(dim=1)`).
    LogSoftmax,
    /// The sum of two inputs of one shape: the end of a residual block.
    Add,
    /// The product of two inputs of one shape, or of a map and one factor for each of its channels (C×1×1).
    Multiply,
    /// The channels of all inputs, one input after another.
    Concat,
    /// Channels regrouped, so that each group has some of every group before.
    ChannelShuffle(ChannelShuffle),
    /// Some neighbouring channels.
    Narrow(Narrow),
    /// A map resized, as a rule to a larger one.
    Upsample(Upsample),
}

impl Layer {
    /// The one place that knows every layer.
    fn spec(&self) -> Box<dyn Spec> {
        let of_values = |type_name| -> Box<dyn Spec> { Box::new(activation::OfValues::named(type_name)) };
        match *self {
            Self::Conv2d(spec) => Box::new(spec),
            Self::MaxPool2d(spec) => Box::new(spec),
            Self::AvgPool2d(spec) => Box::new(spec),
            Self::AdaptiveAvgPool2d(spec) => Box::new(spec),
            Self::AdaptiveMaxPool2d(spec) => Box::new(spec),
            Self::Relu => Box::new(activation::Relu),
            Self::Relu6 => of_values("ReLU6"),
            Self::LeakyRelu(LeakyRelu { negative_slope }) => {
                let option = Some(("negative_slope", negative_slope));
                Box::new(activation::OfValues { type_name: "LeakyReLU", option })
            }
            Self::Elu(Elu { alpha }) => {
                Box::new(activation::OfValues { type_name: "ELU", option: Some(("alpha", alpha)) })
            }
            Self::Selu => of_values("SELU"),
            Self::Silu => of_values("SiLU"),
            Self::Hardswish => of_values("Hardswish"),
            Self::Hardsigmoid => of_values("Hardsigmoid"),
            Self::Sigmoid => of_values("Sigmoid"),
            Self::Tanh => of_values("Tanh"),
            Self::Gelu(_) => of_values("GELU"),
            Self::Prelu(spec) => Box::new(spec),
            Self::Identity => of_values("Identity"),
            Self::Dropout(spec) => Box::new(dropout::OfValues(spec)),
            Self::Dropout2d(spec) => Box::new(dropout::OfChannels(spec)),
            Self::AlphaDropout(spec) => Box::new(dropout::Alpha(spec)),
            Self::StochasticDepth(spec) => Box::new(spec),
            Self::Flatten => Box::new(flatten::Flatten),
            Self::Linear(spec) => Box::new(spec),
            Self::ChannelLinear(spec) => Box::new(spec),
            Self::BatchNorm1d(spec) => Box::new(batch_norm::OfFeatures(spec)),
            Self::BatchNorm2d(spec) => Box::new(batch_norm::OfMaps(spec)),
            Self::LayerNorm2d(spec) => Box::new(spec),
            Self::InstanceNorm2d(spec) => Box::new(spec),
            Self::GroupNorm(spec) => Box::new(spec),
            Self::LocalResponseNorm(spec) => Box::new(spec),
            Self::LayerScale(spec) => Box::new(spec),
            Self::Softmax => Box::new(activation::OfFeatures("Softmax")),
            Self::LogSoftmax => Box::new(activation::OfFeatures("LogSoftmax")),
            Self::Add => Box::new(add::Add),
            Self::Multiply => Box::new(multiply::Multiply),
            Self::Concat => Box::new(channels::Concat),
            Self::ChannelShuffle(spec) => Box::new(spec),
            Self::Narrow(spec) => Box::new(spec),
            Self::Upsample(spec) => Box::new(spec),
        }
    }

    /// Its type as PyTorch names it and files write it: "Conv2d", "ReLU".
    pub fn type_name(&self) -> &'static str {
        self.spec().type_name()
    }

    /// The fewest and the most inputs that it takes: one, but for layers that join several.
    pub fn inputs(&self) -> RangeInclusive<usize> {
        self.spec().inputs()
    }

    /// The shape that comes out for inputs of these shapes.
    ///
    /// # Errors
    /// If the layer cannot take them, or its own options are not valid; nothing else about the layer need be
    /// checked before. Sizes beyond [`MAX_ELEMENTS`](crate::shape::MAX_ELEMENTS) are errors too.
    pub fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let spec = self.spec();
        let takes = spec.inputs();
        if !takes.contains(&inputs.len()) {
            let needs = match (*takes.start(), *takes.end()) {
                (1, 1) => "1 input".to_owned(),
                (least, most) if least == most => format!("{least} inputs"),
                (least, _) => format!("at least {least} inputs"),
            };
            let got = inputs.len().to_string();
            return Err(ShapeError::new(ShapeErrorKind::Inputs, got, needs, "change the layer's inputs"));
        }
        for &input in inputs {
            limits::check_shape(input)?;
        }
        let output = spec.output_shape(inputs)?;
        limits::check_shape(output)?;
        for (shape, _) in spec.parameters() {
            limits::check_parameter(&shape)?;
        }
        Ok(output)
    }

    /// The parameters and buffers as (last part of the name, shape in PyTorch's layout, role), in `state_dict` order.
    pub fn parameters(&self) -> Vec<(&'static str, Vec<usize>, Role)> {
        self.spec().parameters().into_iter().map(|(shape, role)| (role.suffix(), shape, role)).collect()
    }

    /// What the parameters that start at a number of the layer's own choice start at.
    pub(crate) fn initial_value(&self) -> f32 {
        self.spec().initial_value()
    }

    /// Multiply-adds of one image's forward pass, for inputs that [`Layer::output_shape`] took; 0 for inputs that it refuses.
    ///
    /// Only convolutions and linear layers count, without their bias: the usual reading, in which ResNet-18 has
    /// 1.814 × 10⁹ at 224×224.
    pub fn multiply_adds(&self, inputs: &[Shape]) -> u64 {
        self.output_shape(inputs).map_or(0, |output| self.spec().multiply_adds(output))
    }

    /// Which part of its input one output value sees.
    pub fn window(&self, input: Shape) -> Window {
        self.spec().window(input)
    }

    /// A layer of a type, as files name it, with some valid options; `None` if there is no such type.
    pub(crate) fn example(type_name: &str) -> Option<Self> {
        Self::examples().into_iter().find(|layer| layer.type_name() == type_name)
    }

    /// The names of all types, as files write them.
    pub fn type_names() -> Vec<&'static str> {
        Self::examples().iter().map(Self::type_name).collect()
    }

    /// One layer of every type.
    fn examples() -> Vec<Self> {
        vec![
            Self::Conv2d(Conv2d::new(1, 1, 1)),
            Self::MaxPool2d(MaxPool2d::new(1)),
            // Every option, so that files may say it: what is None is not written.
            Self::AvgPool2d(AvgPool2d::new(1).divisor_override(1)),
            Self::AdaptiveAvgPool2d(AdaptiveAvgPool2d::new(1)),
            Self::AdaptiveMaxPool2d(AdaptiveMaxPool2d::new(1)),
            Self::Relu,
            Self::Relu6,
            Self::LeakyRelu(LeakyRelu::default()),
            Self::Elu(Elu::default()),
            Self::Selu,
            Self::Silu,
            Self::Hardswish,
            Self::Hardsigmoid,
            Self::Sigmoid,
            Self::Tanh,
            Self::Gelu(Gelu::default()),
            Self::Prelu(Prelu::default()),
            Self::Identity,
            Self::Dropout(Dropout::default()),
            Self::Dropout2d(Dropout::default()),
            Self::AlphaDropout(Dropout::default()),
            Self::StochasticDepth(StochasticDepth::new(0.5)),
            Self::Flatten,
            Self::Linear(Linear::new(1, 1)),
            Self::ChannelLinear(ChannelLinear::new(1, 1)),
            Self::BatchNorm1d(BatchNorm::new(1)),
            Self::BatchNorm2d(BatchNorm::new(1)),
            Self::LayerNorm2d(LayerNorm2d::new(1)),
            Self::GroupNorm(GroupNorm::new(1, 1)),
            Self::InstanceNorm2d(InstanceNorm2d::new(1)),
            Self::LocalResponseNorm(LocalResponseNorm::new(1)),
            Self::LayerScale(LayerScale::new(1)),
            Self::Softmax,
            Self::LogSoftmax,
            Self::Add,
            Self::Multiply,
            Self::Concat,
            Self::ChannelShuffle(ChannelShuffle::new(1)),
            Self::Narrow(Narrow::new(0, 1)),
            // As above, though only one of the two is given at a time.
            Self::Upsample(Upsample { size: Some(Pair::square(1)), ..Upsample::by(1.0) }),
        ]
    }
}

impl From<Conv2d> for Layer {
    fn from(spec: Conv2d) -> Self {
        Self::Conv2d(spec)
    }
}

impl From<Linear> for Layer {
    fn from(spec: Linear) -> Self {
        Self::Linear(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_written_and_read_under_its_name() {
        for layer in Layer::examples() {
            let written = serde_json::to_value(layer).unwrap();
            assert_eq!(written["type"], layer.type_name());
            assert_eq!(serde_json::from_value::<Layer>(written).unwrap(), layer);
            assert_eq!(Layer::example(layer.type_name()), Some(layer));
        }
    }

    #[test]
    fn options_may_be_left_out() {
        let read = |text| serde_json::from_str::<Layer>(text).unwrap();
        let conv = r#"{"type": "Conv2d", "in_channels": 3, "out_channels": 4, "kernel_size": [3, 5]}"#;
        assert_eq!(read(conv), Conv2d::new(3, 4, (3, 5)).into());
        assert_eq!(read(r#"{"type": "MaxPool2d", "kernel_size": 2}"#), Layer::MaxPool2d(2.into()));
        assert_eq!(read(r#"{"type": "AvgPool2d", "kernel_size": 2}"#), Layer::AvgPool2d(2.into()));
        assert_eq!(read(r#"{"type": "Dropout"}"#), Layer::Dropout(0.5.into()));
        assert_eq!(read(r#"{"type": "BatchNorm2d", "num_features": 4}"#), Layer::BatchNorm2d(4.into()));
        assert!(serde_json::from_str::<Layer>(r#"{"type": "Dropout", "q": 0.5}"#).is_err());
    }
}
