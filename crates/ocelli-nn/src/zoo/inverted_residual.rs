//! What MobileNets and EfficientNets are made of: convolutions with their normalisation, and the inverted residual block
//! (Sandler et al., 2018, arXiv:1801.04381), which widens the map, filters each channel alone, and narrows it again without
//! an activation; some weigh the channels in between (squeeze and excitation, Hu et al., 2017, arXiv:1709.01507).

use crate::builder::Sequential;
use crate::layers::{BatchNorm, Conv2d, Layer, Padding, StochasticDepth};

/// How a family normalises.
#[derive(Clone, Copy)]
pub(super) struct Norm {
    eps: f32,
    momentum: f32,
}

impl Norm {
    /// PyTorch's defaults.
    pub(super) const PYTORCH: Self = Self { eps: 1e-5, momentum: 0.1 };
    /// What networks that came from TensorFlow keep.
    pub(super) const TENSORFLOW: Self = Self { eps: 1e-3, momentum: 0.01 };
}

/// A convolution without bias, its BatchNorm2d, and an activation if there is one, under these names.
pub(super) fn conv_norm(
    layers: Sequential,
    conv: Conv2d,
    norm: Norm,
    activation: Option<Layer>,
    [conv_name, norm_name, activation_name]: [String; 3],
) -> Sequential {
    let batch_norm = BatchNorm::new(conv.out_channels).eps(norm.eps).momentum(norm.momentum);
    let layers = layers.conv2d(conv.bias(false)).named(conv_name).batch_norm2d(batch_norm).named(norm_name);
    match activation {
        Some(activation) => layers.layer(activation).named(activation_name),
        None => layers,
    }
}

/// The names in torchvision's `Conv2dNormActivation`.
pub(super) fn numbered(path: &str) -> [String; 3] {
    [0, 1, 2].map(|place| format!("{path}.{place}"))
}

/// A convolution of an inverted residual block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// 1×1, to more channels.
    Expand,
    /// Of each channel alone.
    Depthwise,
    /// 1×1, to the block's outputs.
    Project,
}

/// The inverted residual block. Where its output has the input's shape, the input is added.
pub(super) struct InvertedResidual {
    pub(super) inputs: usize,
    /// Channels of the depthwise convolution. If they are the inputs', nothing expands.
    pub(super) expanded: usize,
    pub(super) outputs: usize,
    /// Of the depthwise convolution, as `stride` and `padding`.
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: Padding,
    /// After expansion and depthwise convolution.
    pub(super) activation: Layer,
    /// Before the projection.
    pub(super) squeeze: Option<Squeeze>,
    pub(super) norm: Norm,
    /// The probability that the whole branch of an image is left out in training.
    pub(super) drop: Option<f32>,
    /// The names of a part, its normalisation and its activation within the block; parts are counted from 0.
    pub(super) names: fn(Part, usize) -> [String; 3],
}

impl InvertedResidual {
    /// Appends the block, whose layers' names begin with `path`.
    pub(super) fn append(&self, layers: Sequential, path: &str) -> Sequential {
        if self.stride != 1 || self.inputs != self.outputs {
            return self.body(layers, path);
        }
        let body = |layers| match self.drop {
            Some(p) => {
                let depth = Layer::StochasticDepth(StochasticDepth::new(p));
                self.body(layers, path).layer(depth).named(format!("{path}.stochastic_depth"))
            }
            None => self.body(layers, path),
        };
        layers.residual(body, |shortcut| shortcut).named(format!("{path}.add"))
    }

    fn body(&self, mut layers: Sequential, path: &str) -> Sequential {
        let Self { inputs, expanded, outputs, .. } = *self;
        let depthwise = Conv2d::new(expanded, expanded, self.kernel).stride(self.stride).groups(expanded);
        let parts = [
            (Part::Expand, Conv2d::new(inputs, expanded, 1)),
            (Part::Depthwise, depthwise.padding(self.padding)),
            (Part::Project, Conv2d::new(expanded, outputs, 1)),
        ];
        let mut place = 0;
        for (part, conv) in parts {
            if part == Part::Expand && inputs == expanded {
                continue;
            }
            if let (Part::Project, Some(squeeze)) = (part, &self.squeeze) {
                layers = squeeze.append(layers, expanded, &format!("{path}.block.{place}"));
                place += 1;
            }
            let names = (self.names)(part, place).map(|name| format!("{path}.{name}"));
            let activation = (part != Part::Project).then_some(self.activation);
            layers = conv_norm(layers, conv, self.norm, activation, names);
            place += 1;
        }
        layers
    }
}

/// Squeeze and excitation, as torchvision's `SqueezeExcitation`: each channel times a gate from 0 to 1 that two 1×1
/// convolutions make of the means of all channels.
pub(super) struct Squeeze {
    /// Channels between the two convolutions.
    pub(super) channels: usize,
    /// After the first convolution.
    pub(super) activation: Layer,
    /// After the second: Sigmoid or the like.
    pub(super) gate: Layer,
}

impl Squeeze {
    fn append(&self, layers: Sequential, channels: usize, path: &str) -> Sequential {
        let at = |part: &str| format!("{path}.{part}");
        let map = layers.output();
        let layers = layers
            .adaptive_avg_pool2d(1)
            .named(at("avgpool"))
            .conv2d(Conv2d::new(channels, self.channels, 1))
            .named(at("fc1"))
            .layer(self.activation)
            .named(at("activation"))
            .conv2d(Conv2d::new(self.channels, channels, 1))
            .named(at("fc2"))
            .layer(self.gate)
            .named(at("scale_activation"));
        let gates = layers.output();
        layers.combine(Layer::Multiply, [gates, map]).named(at("multiply"))
    }
}
