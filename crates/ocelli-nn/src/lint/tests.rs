use super::*;
use crate::{
    AvgPool2d, ChannelLinear, ChannelShuffle, Conv2d, Dropout, Layer, LayerScale, Linear, MaxPool2d, Prelu,
    Sequential, Shape, StochasticDepth, Upsample, zoo,
};

const IMAGES: Shape = Shape::map(3, 32, 32);

fn conv(inputs: usize, outputs: usize) -> Conv2d {
    Conv2d::new(inputs, outputs, 3).padding(1)
}

/// The rules that a network breaks, with the layers, as "rule: 1 (Conv2d), …".
fn found_with(layers: Sequential, facts: Facts) -> Vec<String> {
    let findings = lint(&layers.build("test").unwrap(), &facts);
    findings.iter().map(|f| format!("{:?} {}: {}", f.severity, f.rule, f.layers.join(", "))).collect()
}

fn found(layers: Sequential) -> Vec<String> {
    found_with(layers, Facts::default())
}

fn nothing() -> Vec<String> {
    Vec::new()
}

#[test]
fn dropout_before_batch_norm() {
    let network =
        |p: f32| Sequential::new(IMAGES).conv2d(conv(3, 8)).dropout2d(p).relu().max_pool2d(2).batch_norm2d(8);
    assert_eq!(found(network(0.2)), ["Serious dropout-before-batch-norm: 1 (Dropout2d), 4 (BatchNorm2d)"]);
    assert_eq!(found(network(0.0)), nothing());
    let after = Sequential::new(IMAGES).conv2d(conv(3, 8).bias(false)).batch_norm2d(8).relu().dropout2d(0.2);
    assert_eq!(found(after), nothing());
    let through = Sequential::new(IMAGES).conv2d(conv(3, 8)).dropout2d(0.2);
    let through = through.layer(Layer::Prelu(Prelu::new(8))).batch_norm2d(8);
    assert_eq!(found(through), ["Serious dropout-before-batch-norm: 1 (Dropout2d), 3 (BatchNorm2d)"]);
    // It leaves mean and variance as they are.
    let alpha = Sequential::new(Shape::features(9)).layer(Layer::AlphaDropout(Dropout::new(0.5)));
    assert_eq!(found(alpha.batch_norm1d(9)), nothing());
    let flat = Sequential::new(Shape::features(9)).dropout(0.5).batch_norm1d(9);
    assert_eq!(found(flat), ["Serious dropout-before-batch-norm: 0 (Dropout), 1 (BatchNorm1d)"]);
}

#[test]
fn dropout_a_layer_before_batch_norm() {
    let network = |between: Sequential| between.conv2d(conv(8, 8).bias(false)).batch_norm2d(8).relu();
    let start = || Sequential::new(IMAGES).conv2d(conv(3, 8)).relu();
    assert_eq!(
        found(network(start().dropout2d(0.2))),
        ["Advice dropout-a-layer-before-batch-norm: 2 (Dropout2d)"]
    );
    assert_eq!(found(network(start())), nothing());
    // Two layers with weights even out more.
    let far = start().dropout2d(0.2).conv2d(conv(8, 8)).relu();
    assert_eq!(found(network(far)), nothing());
    // What is added from elsewhere is not followed.
    let added = start().residual(|body| body.dropout(0.2), |shortcut| shortcut);
    assert_eq!(found(network(added)), nothing());
}

#[test]
fn bias_before_batch_norm() {
    let network = |bias| Sequential::new(IMAGES).conv2d(conv(3, 8).bias(bias)).batch_norm2d(8).relu();
    assert_eq!(found(network(true)), ["Advice bias-before-batch-norm: 0 (Conv2d)"]);
    assert_eq!(found(network(false)), nothing());
    let between = Sequential::new(IMAGES).conv2d(conv(3, 8)).relu().batch_norm2d(8);
    assert_eq!(found(between), nothing());
    // Something else reads it too: there the bias counts.
    let read_twice = Sequential::new(IMAGES)
        .conv2d(conv(3, 8))
        .residual(|body| body.batch_norm2d(8).relu(), |shortcut| shortcut);
    assert_eq!(found(read_twice), nothing());
    let point = |bias| {
        let linear = ChannelLinear::new(3, 8).bias(bias);
        Sequential::new(IMAGES).layer(Layer::ChannelLinear(linear)).batch_norm2d(8).relu()
    };
    assert_eq!(found(point(true)), ["Advice bias-before-batch-norm: 0 (ChannelLinear)"]);
    assert_eq!(found(point(false)), nothing());
    let linear =
        |bias| Sequential::new(Shape::features(4)).layer(Linear::new(4, 3).bias(bias)).batch_norm1d(3);
    assert_eq!(found(linear(true)), ["Advice bias-before-batch-norm: 0 (Linear)"]);
    assert_eq!(found(linear(false)), nothing());
}

#[test]
fn batch_norm_with_a_small_batch() {
    let network = || Sequential::new(IMAGES).conv2d(conv(3, 8).bias(false)).batch_norm2d(8).relu();
    let of = |batch_size| found_with(network(), Facts { batch_size: Some(batch_size), last_batch: None });
    assert_eq!(of(2), ["Serious batch-norm-small-batch: 1 (BatchNorm2d)"]);
    assert_eq!(of(4), ["Serious batch-norm-small-batch: 1 (BatchNorm2d)"]);
    assert_eq!(of(8), ["Advice batch-norm-small-batch: 1 (BatchNorm2d)"]);
    assert_eq!(of(16), nothing());
    assert_eq!(found(network()), nothing());
    let without = Sequential::new(IMAGES).conv2d(conv(3, 8)).relu();
    assert_eq!(found_with(without, Facts { batch_size: Some(1), last_batch: None }), nothing());
}

#[test]
fn batch_norm_over_a_single_value() {
    let network = |head: Sequential| found_with(head, Facts { batch_size: Some(64), last_batch: Some(1) });
    let features = Sequential::new(Shape::features(9)).batch_norm1d(9);
    assert_eq!(network(features), ["Advice batch-norm-last-batch: 0 (BatchNorm1d)"]);
    assert_eq!(network(Sequential::new(IMAGES).batch_norm2d(3)), nothing());
    let two = Facts { batch_size: Some(64), last_batch: Some(2) };
    assert_eq!(found_with(Sequential::new(Shape::features(9)).batch_norm1d(9), two), nothing());
}

#[test]
fn no_nonlinearity_between() {
    let start = || Sequential::new(IMAGES).conv2d(conv(3, 8).bias(false)).batch_norm2d(8);
    let growing = Sequential::new(IMAGES).conv2d(conv(3, 16)).conv2d(conv(16, 32)).relu();
    assert_eq!(found(growing), ["Serious no-nonlinearity-between: 0 (Conv2d), 1 (Conv2d)"]);
    let serious = |pair: &str| vec![format!("Serious no-nonlinearity-between: {pair}")];
    assert_eq!(found(start().avg_pool2d(2).conv2d(conv(8, 8))), serious("0 (Conv2d), 3 (Conv2d)"));
    assert_eq!(found(start().relu().conv2d(conv(8, 8))), nothing());
    // Max pooling is no linear function.
    assert_eq!(found(start().max_pool2d(2).conv2d(conv(8, 8))), nothing());
    let head = |layers: Sequential| layers.linear(20, 30).dropout(0.5).linear(30, 10);
    assert_eq!(found(head(Sequential::new(Shape::features(20)))), serious("0 (Linear), 2 (Linear)"));
    // What moves, repeats or scales channels is linear, as is dropping a whole image's.
    for linear in [
        Layer::ChannelShuffle(ChannelShuffle::new(2)),
        Layer::LayerScale(LayerScale::new(8)),
        Layer::Upsample(Upsample::by(2.0)),
        Layer::StochasticDepth(StochasticDepth::new(0.1)),
    ] {
        let between = start().layer(linear).conv2d(conv(8, 8));
        assert_eq!(found(between), serious("0 (Conv2d), 3 (Conv2d)"), "{linear:?}");
    }
    let points = |layer: Layer| start().layer(layer).layer(Layer::ChannelLinear(ChannelLinear::new(8, 8)));
    assert_eq!(found(points(Layer::Identity)), serious("0 (Conv2d), 3 (ChannelLinear)"));
    assert_eq!(found(points(Layer::Prelu(Prelu::new(1)))), nothing());
    // What comes from an addition may have passed a nonlinearity.
    let added = start().residual(|body| body.relu(), |shortcut| shortcut).conv2d(conv(8, 8));
    assert_eq!(found(added), nothing());
}

#[test]
fn factors_of_a_larger_layer_are_meant() {
    // Through fewer channels than come in and go out, as between the blocks of MobileNetV2.
    let narrow = |middle| Sequential::new(Shape::features(20)).linear(20, middle).linear(middle, 30);
    assert_eq!(found(narrow(5)), nothing());
    assert_eq!(found(narrow(25)).len(), 1);
    let apart = Sequential::new(IMAGES)
        .conv2d(Conv2d::new(3, 8, (1, 5)).padding((0, 2)))
        .conv2d(Conv2d::new(8, 8, (5, 1)).padding((2, 0)));
    assert_eq!(found(apart), nothing());
    // Space and channels apart: a depthwise convolution and one of single pixels.
    let depthwise = |groups| {
        Sequential::new(Shape::map(8, 32, 32)).conv2d(conv(8, 8).groups(groups)).conv2d(Conv2d::new(8, 16, 1))
    };
    assert_eq!(found(depthwise(8)), nothing());
    assert_eq!(found(depthwise(1)), ["Serious no-nonlinearity-between: 0 (Conv2d), 1 (Conv2d)"]);
}

#[test]
fn maps_shrunk_to_nothing() {
    let network = |side| {
        let pooled = Sequential::new(Shape::map(3, side, side)).conv2d(conv(3, 8)).max_pool2d(8).relu();
        pooled.conv2d(conv(8, 8)).relu().conv2d(Conv2d::new(8, 8, 1)).flatten()
    };
    assert_eq!(found(network(8)), ["Serious maps-shrunk-to-nothing: 3 (Conv2d)"]);
    assert_eq!(found(network(16)), nothing());
    // A 1×1 convolution of a pixel, as in squeeze and excitation, loses nothing.
    let squeeze = Sequential::new(IMAGES).conv2d(conv(3, 8)).relu().conv2d(conv(8, 8)).relu();
    let squeeze = squeeze.conv2d(conv(8, 8)).relu().conv2d(conv(8, 8)).relu();
    let squeeze = squeeze.max_pool2d(4).conv2d(conv(8, 8)).relu();
    assert_eq!(found(squeeze.adaptive_avg_pool2d(1).conv2d(Conv2d::new(8, 4, 1)).relu()), nothing());
}

#[test]
fn adaptive_pooling_that_repeats() {
    let network = |side: usize| Sequential::new(IMAGES).max_pool2d(32 / side).adaptive_avg_pool2d(7);
    assert_eq!(found(network(4)), ["Advice adaptive-pool-repeats: 1 (AdaptiveAvgPool2d)"]);
    assert_eq!(found(network(8)), nothing());
}

#[test]
fn receptive_fields() {
    let network = |convolutions: usize, stride: usize| {
        let start = Sequential::new(Shape::map(3, 64, 64))
            .conv2d(Conv2d::new(3, 4, 7).padding(3).stride(stride))
            .relu();
        (0..convolutions).fold(start, |layers, _| layers.conv2d(conv(4, 4)).relu())
    };
    let of = |layers: Sequential| found(layers.adaptive_avg_pool2d(1).flatten());
    let name = |convolutions: usize| format!("{} (AdaptiveAvgPool2d)", 2 + 2 * convolutions);
    // 7, 7 + 4·2 = 15, 7 + 5·2 = 17 and 7 + 13·2 = 33 of 64 pixels.
    assert_eq!(of(network(0, 1)), [format!("Serious receptive-field-small: {}", name(0))]);
    assert_eq!(of(network(4, 1)), [format!("Serious receptive-field-small: {}", name(4))]);
    assert_eq!(of(network(5, 1)), [format!("Advice receptive-field-small: {}", name(5))]);
    assert_eq!(of(network(13, 1)), nothing());
    // 7 + 2·8·48 = 775 pixels.
    assert_eq!(of(network(48, 8)), [format!("Advice receptive-field-large: {}", name(48))]);
    assert_eq!(of(network(40, 8)), nothing());
    // Linear layers see all places apart.
    assert_eq!(
        found(network(0, 8).flatten().linear(256, 256).relu().linear(256, 2)).len(),
        1,
        "the head alone"
    );
    let mean = network(0, 1).avg_pool2d(AvgPool2d::new(64));
    assert_eq!(found(mean), ["Serious receptive-field-small: 2 (AvgPool2d)"]);
}

#[test]
fn a_heavy_head() {
    let network = |pool: usize| {
        let body = Sequential::new(IMAGES).conv2d(conv(3, 64)).relu().conv2d(conv(64, 64)).relu();
        body.max_pool2d(MaxPool2d::new(pool)).flatten().linear(64 * (32 / pool) * (32 / pool), 64)
    };
    // 64·1024 + 64 beside 38,720 of the convolutions; 64·16,384 + 64.
    assert_eq!(found(network(8)), nothing());
    assert_eq!(found(network(2)), ["Advice heavy-head: 6 (Linear)"]);
    let linear_alone = Sequential::new(IMAGES).flatten().linear(3072, 10);
    assert_eq!(found(linear_alone), nothing());
}

#[test]
fn nothing_serious_is_said_of_the_zoo() {
    for name in zoo::NAMES {
        let network = zoo::build(name, zoo::default_input(name).unwrap(), 1000).unwrap();
        let findings = lint(&network, &Facts { batch_size: Some(64), last_batch: Some(3) });
        let serious: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Serious).collect();
        assert!(serious.is_empty(), "{name}: {serious:?}");
    }
    let rules = |name: &str, side: usize| {
        let network = zoo::build(name, Shape::map(3, side, side), 10).unwrap();
        lint(&network, &Facts::default()).iter().map(|finding| finding.rule).collect::<Vec<_>>()
    };
    assert_eq!(rules("lesson", 32), nothing());
    assert_eq!(rules("lesson-bn", 32), ["dropout-a-layer-before-batch-norm", "bias-before-batch-norm"]);
    assert_eq!(rules("resnet18", 224), nothing());
    assert_eq!(rules("vgg16", 224), ["heavy-head"]);
    assert_eq!(rules("resnet20", 32), nothing());
    // Made for 224×224.
    assert_eq!(rules("resnet18", 32), ["maps-shrunk-to-nothing", "receptive-field-large"]);
    assert_eq!(rules("vgg11", 32), ["adaptive-pool-repeats", "heavy-head"]);
}

#[test]
fn findings_say_what_why_where_and_what_to_change() {
    let network = (0..6)
        .fold(Sequential::new(Shape::features(4)), |layers, _| layers.linear(4, 4).batch_norm1d(4).relu());
    let findings = lint(&network.build("test").unwrap(), &Facts::default());
    let text = findings[0].to_string();
    assert!(
        text.starts_with("advice: a bias before BatchNorm [bias-before-batch-norm]\n  at      0 (Linear), "),
        "{text}"
    );
    assert!(text.contains("9 (Linear) and 2 more\n  why     BatchNorm subtracts"), "{text}");
    assert!(text.ends_with("  change  set bias = false; BatchNorm's own bias does its work"), "{text}");
    let json = serde_json::to_value(&findings[0]).unwrap();
    assert_eq!(
        (json["severity"].as_str(), json["layers"][5].as_str()),
        (Some("advice"), Some("15 (Linear)"))
    );
    assert_eq!(
        lint(&Sequential::new(IMAGES).layer(Layer::Relu).build("test").unwrap(), &Facts::default()),
        []
    );
}
