//! Networks from files may say anything: whatever they say is an error or works, and nothing panics or overflows.

use ocelli_nn::{
    AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, BatchNorm, ChannelLinear, ChannelShuffle, Conv2d,
    GroupNorm, InstanceNorm2d, Layer, LayerNorm2d, LayerScale, Linear, LocalResponseNorm, MaxPool2d, Narrow,
    Network, Node, Padding, PaddingMode, Pair, Prelu, Shape, Sides, Source, Summary, Upsample, UpsampleMode,
};
use proptest::prelude::*;

/// Small numbers, and those at which arithmetic goes wrong.
fn number() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 0..9usize,
        2 => any::<usize>(),
        1 => prop::sample::select(vec![65_535, 65_536, 1 << 31, 1 << 32, 1 << 63, usize::MAX - 1, usize::MAX]),
    ]
}

fn pair() -> impl Strategy<Value = Pair> {
    (number(), number()).prop_map(Pair::from)
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        3 => (number(), number(), number()).prop_map(|(c, h, w)| Shape::map(c, h, w)),
        1 => number().prop_map(Shape::features),
    ]
}

fn padding() -> impl Strategy<Value = (Padding, PaddingMode)> {
    let sides = (number(), number(), number(), number())
        .prop_map(|(left, right, top, bottom)| Padding::Sides(Sides { left, right, top, bottom }));
    let padding =
        prop_oneof![pair().prop_map(Padding::Each), Just(Padding::Same), Just(Padding::Valid), sides];
    let modes = [PaddingMode::Zeros, PaddingMode::Reflect, PaddingMode::Replicate, PaddingMode::Circular];
    (padding, prop::sample::select(modes.to_vec()))
}

fn layer() -> impl Strategy<Value = Layer> {
    prop_oneof![
        (number(), number(), pair(), pair(), pair(), any::<bool>()).prop_map(
            |(i, o, kernel, stride, padding, bias)| {
                Conv2d::new(i, o, kernel).stride(stride).padding(padding).bias(bias).into()
            }
        ),
        (number(), number(), pair(), pair(), padding(), number()).prop_map(
            |(i, o, kernel, dilation, (padding, mode), groups)| {
                let conv = Conv2d::new(i, o, kernel).dilation(dilation).groups(groups);
                conv.padding(padding).padding_mode(mode).into()
            }
        ),
        (pair(), pair(), pair()).prop_map(|(kernel, stride, padding)| {
            Layer::MaxPool2d(MaxPool2d::new(kernel).stride(stride).padding(padding))
        }),
        (pair(), pair(), pair(), pair()).prop_map(|(kernel, stride, padding, dilation)| {
            let pool = MaxPool2d::new(kernel).stride(stride).padding(padding).dilation(dilation);
            Layer::MaxPool2d(pool.ceil_mode(true))
        }),
        (pair(), pair(), pair()).prop_map(|(kernel, stride, padding)| {
            Layer::AvgPool2d(AvgPool2d::new(kernel).stride(stride).padding(padding))
        }),
        (pair(), pair(), number()).prop_map(|(kernel, stride, divisor)| {
            let pool = AvgPool2d::new(kernel).stride(stride).ceil_mode(true);
            Layer::AvgPool2d(pool.divisor_override(divisor))
        }),
        pair().prop_map(|size| Layer::AdaptiveMaxPool2d(AdaptiveMaxPool2d::new(size))),
        (number(), number()).prop_map(|(i, o)| Layer::ChannelLinear(ChannelLinear::new(i, o))),
        pair().prop_map(|size| Layer::Upsample(Upsample::to(size))),
        any::<(f64, f64)>()
            .prop_map(|factor| { Layer::Upsample(Upsample::by(factor).mode(UpsampleMode::Bilinear)) }),
        (0.0..3.0f64).prop_map(|factor| Layer::Upsample(Upsample::by(factor))),
        pair().prop_map(|size| Layer::AdaptiveAvgPool2d(AdaptiveAvgPool2d::new(size))),
        any::<f32>().prop_map(|p| Layer::Dropout(p.into())),
        any::<f32>().prop_map(|p| Layer::Dropout2d(p.into())),
        (number(), number()).prop_map(|(i, o)| Linear::new(i, o).into()),
        (number(), any::<f32>(), any::<f32>()).prop_map(|(n, eps, momentum)| {
            Layer::BatchNorm2d(BatchNorm::new(n).eps(eps).momentum(momentum))
        }),
        number().prop_map(|n| Layer::BatchNorm1d(n.into())),
        (number(), number(), any::<f32>()).prop_map(|(groups, channels, eps)| {
            Layer::GroupNorm(GroupNorm::new(groups, channels).eps(eps))
        }),
        (number(), any::<f32>(), any::<bool>()).prop_map(|(n, momentum, track)| {
            Layer::InstanceNorm2d(InstanceNorm2d::new(n).momentum(momentum).track_running_stats(track))
        }),
        (number(), any::<f32>()).prop_map(|(n, eps)| Layer::LayerNorm2d(LayerNorm2d::new(n).eps(eps))),
        (number(), any::<f32>(), any::<f32>()).prop_map(|(size, alpha, k)| {
            Layer::LocalResponseNorm(LocalResponseNorm { k, ..LocalResponseNorm::new(size).alpha(alpha) })
        }),
        number().prop_map(|n| Layer::Prelu(Prelu::new(n))),
        number().prop_map(|n| Layer::LayerScale(LayerScale::new(n))),
        any::<f32>().prop_map(|p| Layer::AlphaDropout(p.into())),
        any::<f32>().prop_map(|p| Layer::StochasticDepth(p.into())),
        prop::sample::select(vec![
            Layer::LogSoftmax,
            Layer::Relu,
            Layer::Flatten,
            Layer::Softmax,
            Layer::Add,
            Layer::Multiply,
            Layer::Concat
        ]),
        number().prop_map(|groups| Layer::ChannelShuffle(ChannelShuffle::new(groups))),
        (number(), number()).prop_map(|(start, length)| Layer::Narrow(Narrow::new(start, length))),
    ]
}

/// With the channels or features that come in, so that more of them pass.
fn fitted(layer: Layer, input: Shape) -> Layer {
    match layer {
        Layer::Conv2d(spec) => Conv2d { in_channels: input.channels(), ..spec }.into(),
        Layer::Linear(spec) => Linear { in_features: input.channels(), ..spec }.into(),
        Layer::BatchNorm2d(spec) => Layer::BatchNorm2d(BatchNorm { num_features: input.channels(), ..spec }),
        Layer::GroupNorm(spec) => Layer::GroupNorm(GroupNorm { num_channels: input.channels(), ..spec }),
        Layer::InstanceNorm2d(spec) => {
            Layer::InstanceNorm2d(InstanceNorm2d { num_features: input.channels(), ..spec })
        }
        Layer::LayerNorm2d(_) => Layer::LayerNorm2d(LayerNorm2d::new(input.channels())),
        Layer::LayerScale(_) => Layer::LayerScale(LayerScale::new(input.channels())),
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_layers_are_an_error_or_work(input in shape(), layers in prop::collection::vec((layer(), any::<bool>()), 1..6)) {
        let mut nodes: Vec<Node> = Vec::new();
        let mut last = input;
        for (layer, fit) in layers {
            let layer = if fit { fitted(layer, last) } else { layer };
            let source = nodes.len().checked_sub(1).map_or(Source::Input, Source::Node);
            let inputs = vec![source; *layer.inputs().start()];
            if let Ok(output) = layer.output_shape(&vec![last; *layer.inputs().start()]) {
                last = output;
            }
            nodes.push(Node { name: nodes.len().to_string(), layer, inputs });
        }
        if let Ok(network) = Network::new("hostile", input, nodes) {
            let summary = Summary::with_batch(&network, usize::MAX);
            prop_assert_eq!(summary.layers.len(), network.nodes().len());
            prop_assert!(!summary.to_string().is_empty());
            prop_assert_eq!(&Network::from_toml(&network.to_toml(), input, 1).unwrap(), &network);
            let json = serde_json::to_string(&network).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Network>(&json).unwrap(), &network);
        }
    }

    #[test]
    fn any_text_is_an_error_or_a_network(text in "(layers|type|=|\\[|\\]|\\{|\\}|\"Conv2d\"|\"Residual\"|body|,|\n| |[0-9]|\"){0,40}") {
        let _ = Network::from_toml(&text, Shape::map(3, 8, 8), 10);
    }
}
