//! Layers as TorchScript: one expression for each, over its inputs `x0`, `x1` … and the tensors of its module, `self.weight` and so on.
//!
//! Networks are run as in evaluation, whatever the module's `training` says: dropout does nothing, normalisations use running averages.

use ocelli_nn::{
    Approximate, AvgPool2d, BatchNorm, Conv2d, Gelu, GroupNorm, InstanceNorm2d, Layer, LayerNorm2d,
    LocalResponseNorm, MaxPool2d, Padding, PaddingMode, Pair, Shape, Sides, Upsample, UpsampleMode,
};

use super::float;

/// What a layer makes of inputs of these shapes.
pub(super) fn expression(layer: &Layer, inputs: &[Shape]) -> String {
    match layer {
        Layer::Conv2d(spec) => conv2d(spec),
        Layer::MaxPool2d(spec) => max_pool2d(spec),
        Layer::AvgPool2d(spec) => avg_pool2d(spec),
        Layer::AdaptiveAvgPool2d(spec) => {
            format!("torch.adaptive_avg_pool2d(x0, {})", pair(spec.output_size))
        }
        Layer::AdaptiveMaxPool2d(spec) => {
            format!("(torch.adaptive_max_pool2d(x0, {}))[0]", pair(spec.output_size))
        }
        Layer::Relu => "torch.relu(x0)".into(),
        Layer::Relu6 => "torch.relu6(x0)".into(),
        Layer::LeakyRelu(spec) => format!("torch.leaky_relu(x0, {})", single(spec.negative_slope)),
        Layer::Elu(spec) => format!("torch.elu(x0, {})", single(spec.alpha)),
        Layer::Selu => "torch.selu(x0)".into(),
        Layer::Silu => "torch.silu(x0)".into(),
        Layer::Hardswish => "torch.hardswish(x0)".into(),
        Layer::Hardsigmoid => "torch.hardsigmoid(x0)".into(),
        Layer::Sigmoid => "torch.sigmoid(x0)".into(),
        Layer::Tanh => "torch.tanh(x0)".into(),
        Layer::Gelu(Gelu { approximate: Approximate::None }) => "torch.gelu(x0, approximate=\"none\")".into(),
        Layer::Gelu(Gelu { approximate: Approximate::Tanh }) => "torch.gelu(x0, approximate=\"tanh\")".into(),
        Layer::Prelu(_) => "torch.prelu(x0, self.weight)".into(),
        Layer::Identity
        | Layer::Dropout(_)
        | Layer::Dropout2d(_)
        | Layer::StochasticDepth(_)
        | Layer::AlphaDropout(_) => "x0".into(),
        Layer::Flatten => "torch.flatten(x0, 1)".into(),
        Layer::Linear(spec) => format!("torch.linear(x0, self.weight, {})", bias(spec.bias)),
        Layer::ChannelLinear(spec) => {
            let weight = "torch.unsqueeze(torch.unsqueeze(self.weight, 2), 3)";
            format!("torch.conv2d(x0, {weight}, {})", bias(spec.bias))
        }
        Layer::BatchNorm1d(spec) | Layer::BatchNorm2d(spec) => batch_norm(spec),
        Layer::LayerNorm2d(spec) => layer_norm(spec),
        Layer::GroupNorm(spec) => group_norm(spec),
        Layer::InstanceNorm2d(spec) => instance_norm(spec),
        Layer::LocalResponseNorm(spec) => local_response_norm(spec),
        Layer::LayerScale(_) => "torch.mul(x0, self.layer_scale)".into(),
        Layer::Softmax => "torch.softmax(x0, 1)".into(),
        Layer::LogSoftmax => "torch.log_softmax(x0, 1)".into(),
        Layer::Add => "torch.add(x0, x1)".into(),
        Layer::Multiply => "torch.mul(x0, x1)".into(),
        Layer::Concat => {
            let inputs: Vec<_> = (0..inputs.len()).map(|input| format!("x{input}")).collect();
            format!("torch.cat([{}], 1)", inputs.join(", "))
        }
        Layer::ChannelShuffle(spec) => match inputs[0] {
            Shape::Map { .. } => format!("torch.channel_shuffle(x0, {})", spec.groups),
            // PyTorch's has channels of maps only.
            Shape::Features(_) => {
                format!("torch.squeeze(torch.channel_shuffle(torch.unsqueeze(x0, 2), {}), 2)", spec.groups)
            }
        },
        Layer::Narrow(spec) => format!("torch.narrow(x0, 1, {}, {})", spec.start, spec.length),
        Layer::Upsample(spec) => upsample(spec),
    }
}

fn conv2d(spec: &Conv2d) -> String {
    let Conv2d { stride, dilation, groups, .. } = *spec;
    let Sides { left, right, top, bottom } = sides(spec);
    let even = left == right && top == bottom;
    let (input, padding) = match spec.padding_mode {
        PaddingMode::Zeros if even => ("x0".to_owned(), format!("[{top}, {left}]")),
        mode => {
            let mode = match mode {
                PaddingMode::Zeros => "constant",
                PaddingMode::Reflect => "reflect",
                PaddingMode::Replicate => "replicate",
                PaddingMode::Circular => "circular",
            };
            let sides = [left, right, top, bottom];
            (format!("torch.pad(x0, {sides:?}, mode=\"{mode}\")"), "[0, 0]".to_owned())
        }
    };
    let (bias, stride, dilation) = (bias(spec.bias), pair(stride), pair(dilation));
    format!("torch.conv2d({input}, self.weight, {bias}, {stride}, {padding}, {dilation}, {groups})")
}

/// What a convolution adds on each side.
fn sides(spec: &Conv2d) -> Sides {
    match spec.padding {
        Padding::Each(Pair { height, width }) => {
            Sides { left: width, right: width, top: height, bottom: height }
        }
        Padding::Sides(sides) => sides,
        Padding::Valid => Sides { left: 0, right: 0, top: 0, bottom: 0 },
        Padding::Same => {
            // What the taps reach; where it is odd, the greater half is right and below.
            let Pair { height, width } = spec.kernel_size;
            let (down, across) = ((height - 1) * spec.dilation.height, (width - 1) * spec.dilation.width);
            Sides { left: across / 2, right: across.div_ceil(2), top: down / 2, bottom: down.div_ceil(2) }
        }
    }
}

fn max_pool2d(spec: &MaxPool2d) -> String {
    let [kernel, stride, padding, dilation] =
        [spec.kernel_size, spec.stride, spec.padding, spec.dilation].map(pair);
    format!("torch.max_pool2d(x0, {kernel}, {stride}, {padding}, {dilation}, {})", truth(spec.ceil_mode))
}

fn avg_pool2d(spec: &AvgPool2d) -> String {
    let [kernel, stride, padding] = [spec.kernel_size, spec.stride, spec.padding].map(pair);
    let (ceil, include) = (truth(spec.ceil_mode), truth(spec.count_include_pad));
    let divisor = spec.divisor_override.map_or("None".to_owned(), |divisor| divisor.to_string());
    format!("torch.avg_pool2d(x0, {kernel}, {stride}, {padding}, {ceil}, {include}, {divisor})")
}

fn batch_norm(spec: &BatchNorm) -> String {
    let (affine, running) = (affine(spec.affine), running(spec.track_running_stats));
    let by_batch = truth(!spec.track_running_stats);
    format!("torch.batch_norm(x0, {affine}, {running}, {by_batch}, 0., {}, True)", single(spec.eps))
}

fn instance_norm(spec: &InstanceNorm2d) -> String {
    let (affine, running) = (affine(spec.affine), running(spec.track_running_stats));
    let by_image = truth(!spec.track_running_stats);
    format!("torch.instance_norm(x0, {affine}, {running}, {by_image}, 0., {}, True)", single(spec.eps))
}

fn layer_norm(spec: &LayerNorm2d) -> String {
    let LayerNorm2d { normalized_shape, eps, elementwise_affine, bias } = *spec;
    let weight = if elementwise_affine { "self.weight" } else { "None" };
    let bias = if elementwise_affine && bias { "self.bias" } else { "None" };
    let last = "torch.permute(x0, [0, 2, 3, 1])";
    let normalised =
        format!("torch.layer_norm({last}, [{normalized_shape}], {weight}, {bias}, {}, True)", single(eps));
    format!("torch.permute({normalised}, [0, 3, 1, 2])")
}

fn group_norm(spec: &GroupNorm) -> String {
    format!("torch.group_norm(x0, {}, {}, {}, True)", spec.num_groups, affine(spec.affine), single(spec.eps))
}

/// As PyTorch's own function says it.
fn local_response_norm(spec: &LocalResponseNorm) -> String {
    let LocalResponseNorm { size, alpha, beta, k } = *spec;
    let squares = "torch.unsqueeze(torch.mul(x0, x0), 1)";
    let padded =
        format!("torch.constant_pad_nd({squares}, [0, 0, 0, 0, {}, {}], 0)", size / 2, (size - 1) / 2);
    let means = format!("torch.squeeze(torch.avg_pool3d({padded}, [{size}, 1, 1], [1, 1, 1]), 1)");
    let base = format!("torch.add(torch.mul({means}, {}), {})", single(alpha), single(k));
    format!("torch.div(x0, torch.pow({base}, {}))", single(beta))
}

fn upsample(spec: &Upsample) -> String {
    let size = spec.size.map_or("None".to_owned(), pair);
    let factors = spec
        .scale_factor
        .map_or("None".to_owned(), |factor| format!("[{}, {}]", float(factor.height), float(factor.width)));
    match spec.mode {
        UpsampleMode::Nearest => format!("torch.upsample_nearest2d(x0, {size}, {factors})"),
        UpsampleMode::Bilinear => {
            format!("torch.upsample_bilinear2d(x0, {size}, {}, {factors})", truth(spec.align_corners))
        }
    }
}

fn bias(there: bool) -> &'static str {
    if there { "self.bias" } else { "None" }
}

fn affine(there: bool) -> &'static str {
    if there { "self.weight, self.bias" } else { "None, None" }
}

fn running(there: bool) -> &'static str {
    if there { "self.running_mean, self.running_var" } else { "None, None" }
}

fn truth(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

fn pair(pair: Pair) -> String {
    format!("[{}, {}]", pair.height, pair.width)
}

fn single(value: f32) -> String {
    float(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(layer: impl Into<Layer>) -> String {
        expression(&layer.into(), &[Shape::map(4, 8, 8)])
    }

    #[test]
    fn even_padding_is_the_convolutions_own() {
        let conv = Conv2d::new(4, 8, 3).padding(1).bias(false);
        assert_eq!(said(conv), "torch.conv2d(x0, self.weight, None, [1, 1], [1, 1], [1, 1], 1)");
    }

    #[test]
    fn other_padding_comes_before() {
        let same = said(Conv2d::new(4, 8, (4, 3)).padding(Padding::Same).dilation(3));
        assert!(same.starts_with("torch.conv2d(torch.pad(x0, [3, 3, 4, 5], mode=\"constant\"), "), "{same}");
        let reflect = said(Conv2d::new(4, 8, 3).padding(1).padding_mode(PaddingMode::Reflect));
        assert!(
            reflect.contains("[1, 1, 1, 1], mode=\"reflect\"") && reflect.contains("[0, 0]"),
            "{reflect}"
        );
    }

    #[test]
    fn what_a_layer_lacks_is_none() {
        let plain = BatchNorm::new(4).affine(false).track_running_stats(false).eps(0.5);
        let expected = "torch.batch_norm(x0, None, None, None, None, True, 0., 0.5, True)";
        assert_eq!(said(Layer::BatchNorm2d(plain)), expected);
        let norm = LayerNorm2d::new(4).bias(false);
        assert!(said(Layer::LayerNorm2d(norm)).contains("[4], self.weight, None, "));
    }
}
