//! Exports to ONNX in rten and in ONNX Runtime. `cargo xtask test` sets `OCELLI_PYTHON` to an interpreter that has the latter; without it, rten
//! alone is asked.

mod exports;

use exports::lite0::{lite0, photographs};
use exports::made::{chain, classifier, picture, showing_pixels, weights};
use exports::{Case, Found, run};
use ocelli_data::{Channels, Limits, Transform, decode};
use ocelli_export::onnx::{Calibration, Input, Layout, OnnxOptions, export};
use ocelli_export::verify::{Format, Outcome, verify};
use ocelli_model::Classifier;
use ocelli_nn::{Layer, Linear, Network, Node, Shape, Source, zoo};
use serde_json::{Value, json};
use std::path::Path;

/// Of probabilities, through a few layers in f32.
const TOLERANCE: f32 = 2e-6;
/// Of probabilities, through a whole network.
const WHOLE: f32 = 2e-5;

/// Of probabilities of photographs, where a pixel may be a level off.
const PHOTOGRAPH: f32 = 1e-4;

/// The share of pixels that may be a level off, where sums in f32 lie between two, or at edges that bicubic weights are folded at.
const STRAYS: f64 = 1e-3;

fn transforms(list: Value) -> Vec<Transform> {
    serde_json::from_value(list).unwrap_or_else(|error| panic!("{error}"))
}

/// Layers on maps of 8×9×7, each list to be tried by itself.
fn map_layers() -> Vec<Value> {
    let conv = |more: Value| {
        let mut layer = json!({ "type": "Conv2d", "in_channels": 8, "out_channels": 8, "kernel_size": 3 });
        let more = more.as_object().expect("options").clone();
        layer.as_object_mut().expect("options").extend(more);
        json!([layer])
    };
    let plain = [
        "ReLU",
        "ReLU6",
        "LeakyReLU",
        "ELU",
        "SELU",
        "SiLU",
        "Hardswish",
        "Hardsigmoid",
        "Sigmoid",
        "Tanh",
        "GELU",
        "PReLU",
    ];
    let mut lists: Vec<Value> = plain.iter().map(|name| json!([{ "type": name }])).collect();
    lists.extend(["Identity", "Dropout", "Dropout2d", "AlphaDropout"].map(|name| json!([{ "type": name }])));
    lists.extend([
        json!([{ "type": "StochasticDepth", "p": 0.3 }]),
        json!([{ "type": "LeakyReLU", "negative_slope": 0.2 }]),
        json!([{ "type": "ELU", "alpha": 0.7 }]),
        json!([{ "type": "GELU", "approximate": "tanh" }]),
        json!([{ "type": "PReLU", "num_parameters": 8 }]),
        conv(json!({ "stride": 2, "padding": 1 })),
        conv(json!({ "kernel_size": [2, 4], "padding": "same" })),
        conv(json!({ "padding": "valid", "bias": false })),
        conv(json!({ "padding": [1, 2, 0, 3] })),
        conv(json!({ "padding": [1, 2], "padding_mode": "reflect" })),
        conv(json!({ "padding": 2, "padding_mode": "replicate" })),
        conv(json!({ "padding": "same", "kernel_size": 4, "padding_mode": "circular" })),
        conv(json!({ "dilation": 2, "padding": "same" })),
        conv(json!({ "groups": 4, "kernel_size": [1, 3] })),
        conv(json!({ "groups": 8, "stride": [2, 1], "bias": false })),
        json!([{ "type": "ChannelLinear", "in_features": 8, "out_features": 5 }]),
        json!([{ "type": "ChannelLinear", "in_features": 8, "out_features": 5, "bias": false }]),
        json!([{ "type": "MaxPool2d", "kernel_size": 2 }]),
        json!([{ "type": "MaxPool2d", "kernel_size": 3, "stride": 2, "padding": 1 }]),
        json!([{ "type": "MaxPool2d", "kernel_size": 3, "stride": 2, "ceil_mode": true }]),
        json!([{ "type": "MaxPool2d", "kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": true }]),
        json!([{ "type": "MaxPool2d", "kernel_size": 2, "stride": 4, "dilation": 3, "padding": 1, "ceil_mode": true }]),
        json!([{ "type": "AvgPool2d", "kernel_size": 2 }]),
        json!([{ "type": "AvgPool2d", "kernel_size": 3, "stride": 2, "padding": 1 }]),
        json!([{ "type": "AvgPool2d", "kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": false }]),
        json!([{ "type": "AvgPool2d", "kernel_size": [4, 2], "stride": 3, "padding": [2, 1], "ceil_mode": true }]),
        json!([{ "type": "AvgPool2d", "kernel_size": 3, "stride": 2, "ceil_mode": true, "count_include_pad": false }]),
        json!([{ "type": "AvgPool2d", "kernel_size": 3, "padding": 1, "divisor_override": 5 }]),
        json!([{ "type": "AdaptiveAvgPool2d", "output_size": 1 }]),
        json!([{ "type": "AdaptiveAvgPool2d", "output_size": [3, 7] }]),
        json!([{ "type": "AdaptiveAvgPool2d", "output_size": [4, 7] }]),
        json!([{ "type": "AdaptiveAvgPool2d", "output_size": [13, 5] }]),
        json!([{ "type": "AdaptiveMaxPool2d", "output_size": 1 }]),
        json!([{ "type": "AdaptiveMaxPool2d", "output_size": [3, 7] }]),
        json!([{ "type": "AdaptiveMaxPool2d", "output_size": [13, 5] }]),
        json!([{ "type": "BatchNorm2d", "num_features": 8 }]),
        json!([{ "type": "ReLU" }, { "type": "BatchNorm2d", "num_features": 8, "eps": 0.01 }]),
        json!([{ "type": "BatchNorm2d", "num_features": 8, "affine": false }]),
        json!([{ "type": "BatchNorm2d", "num_features": 8, "track_running_stats": false }]),
        json!([{ "type": "LayerNorm2d", "normalized_shape": 8 }]),
        json!([{ "type": "LayerNorm2d", "normalized_shape": 8, "elementwise_affine": false }]),
        json!([{ "type": "LayerNorm2d", "normalized_shape": 8, "bias": false, "eps": 0.1 }]),
        json!([{ "type": "GroupNorm", "num_groups": 4, "num_channels": 8 }]),
        json!([{ "type": "GroupNorm", "num_groups": 1, "num_channels": 8, "affine": false }]),
        json!([{ "type": "InstanceNorm2d", "num_features": 8 }]),
        json!([{ "type": "InstanceNorm2d", "num_features": 8, "affine": true }]),
        json!([{ "type": "InstanceNorm2d", "num_features": 8, "affine": true, "track_running_stats": true }]),
        json!([{ "type": "LocalResponseNorm", "size": 5, "alpha": 0.5 }]),
        json!([{ "type": "LocalResponseNorm", "size": 4, "alpha": 0.5, "beta": 0.5, "k": 2.0 }]),
        json!([{ "type": "LayerScale", "num_channels": 8 }]),
        json!([{ "type": "ChannelShuffle", "groups": 4 }]),
        json!([{ "type": "Narrow", "start": 3, "length": 4 }]),
        json!([{ "type": "Upsample", "scale_factor": 2.0 }]),
        json!([{ "type": "Upsample", "scale_factor": [1.5, 0.7] }]),
        json!([{ "type": "Upsample", "size": [13, 5] }]),
        json!([{ "type": "Upsample", "scale_factor": 2.0, "mode": "bilinear" }]),
        json!([{ "type": "Upsample", "scale_factor": [1.7, 0.6], "mode": "bilinear" }]),
        json!([{ "type": "Upsample", "size": [13, 7], "mode": "bilinear" }]),
        json!([{ "type": "Upsample", "size": [13, 5], "mode": "bilinear", "align_corners": true }]),
    ]);
    lists
}

/// Layers on 12 features.
fn feature_layers() -> Vec<Value> {
    vec![
        json!([{ "type": "BatchNorm1d", "num_features": 12 }]),
        json!([{ "type": "Tanh" }, { "type": "BatchNorm1d", "num_features": 12 }]),
        json!([{ "type": "GroupNorm", "num_groups": 3, "num_channels": 12 }]),
        json!([{ "type": "PReLU", "num_parameters": 12 }]),
        json!([{ "type": "ChannelShuffle", "groups": 3 }]),
        json!([{ "type": "Narrow", "start": 2, "length": 5 }]),
        json!([{ "type": "Softmax" }]),
        json!([{ "type": "LogSoftmax" }]),
        json!([{ "type": "Linear", "in_features": 12, "out_features": 7, "bias": false }]),
    ]
}

/// A network around layers: from 3×9×7 images to five classes.
fn around(layers: &Value, of_features: bool) -> ocelli_nn::Network {
    let input = Shape::map(3, 9, 7);
    let mut all: Vec<Layer> = serde_json::from_value(json!([
        { "type": "Conv2d", "in_channels": 3, "out_channels": 8, "kernel_size": 3, "padding": 1 }
    ]))
    .expect("layers");
    if of_features {
        all.extend([Layer::Flatten, Linear::new(8 * 9 * 7, 12).into()]);
    }
    let middle: Vec<Layer> =
        serde_json::from_value(layers.clone()).unwrap_or_else(|error| panic!("{layers}: {error}"));
    all.extend(middle);
    if !of_features {
        all.push(Layer::Flatten);
    }
    let features = chain(input, all.clone()).output().channels();
    all.push(Linear::new(features, 5).into());
    chain(input, all)
}

#[test]
fn every_layer_answers_the_same() {
    let mut cases = Vec::new();
    let lists = map_layers().into_iter().map(|list| (list, false));
    for (list, of_features) in lists.chain(feature_layers().into_iter().map(|list| (list, true))) {
        let network = around(&list, of_features);
        let weights = weights(&network, 5);
        let model = classifier(&network, weights, transforms(json!([{ "type": "Resize", "size": [9, 7] }])));
        for keep_batch_norm in [false, true] {
            if keep_batch_norm && !list.to_string().contains("Norm") {
                continue;
            }
            let options = OnnxOptions { input: Input::Floats, keep_batch_norm, ..OnnxOptions::default() };
            let images = (0..3).map(|seed| picture(9, 7, 3, seed)).collect();
            let name = format!("{list}, batch norm kept: {keep_batch_norm}");
            cases.push(Case {
                name,
                model: model.clone(),
                options,
                images,
                tolerance: TOLERANCE,
                strays: 0.0,
                calibration: None,
            });
        }
    }
    run(&cases);
}

/// Sizes that are odd, tiny, wide, tall, and those of photographs.
const SIZES: [(usize, usize); 14] = [
    (1, 1),
    (1, 7),
    (5, 3),
    (17, 16),
    (28, 28),
    (31, 47),
    (64, 48),
    (200, 33),
    (33, 300),
    (375, 500),
    (500, 333),
    (97, 1024),
    (768, 1024),
    (1080, 1920),
];

/// Transforms, and of how many channels the images before and after them are.
fn preprocessings() -> Vec<(usize, usize, Value)> {
    vec![
        (3, 3, json!([{ "type": "Resize", "size": [16, 16] }])),
        (3, 3, json!([{ "type": "Resize", "size": [16, 16], "antialias": false }])),
        (3, 3, json!([{ "type": "Resize", "size": [16, 16], "interpolation": "bicubic" }])),
        (
            3,
            3,
            json!([{ "type": "Resize", "size": [16, 16], "interpolation": "bicubic", "antialias": false }]),
        ),
        (3, 3, json!([{ "type": "Resize", "size": [16, 16], "interpolation": "nearest" }])),
        (3, 3, json!([{ "type": "Resize", "size": [16, 16], "interpolation": "nearest-exact" }])),
        (3, 3, json!([{ "type": "Resize", "size": 20 }, { "type": "CenterCrop", "size": 16 }])),
        (3, 3, json!([{ "type": "Resize", "size": 13 }, { "type": "CenterCrop", "size": 16 }])),
        (
            3,
            3,
            json!([{ "type": "Resize", "size": 12, "max_size": 21 }, { "type": "CenterCrop", "size": 16 }]),
        ),
        (3, 3, json!([{ "type": "Resize", "max_size": 23 }, { "type": "CenterCrop", "size": 16 }])),
        (
            3,
            3,
            json!([{ "type": "Resize", "size": 19, "interpolation": "nearest" }, { "type": "CenterCrop", "size": 16 }]),
        ),
        (3, 3, json!([{ "type": "CenterCrop", "size": 16 }])),
        (
            3,
            3,
            json!([{ "type": "Pad", "padding": [1, 2, 3, 4], "fill": [250.0, 20.0, 90.0] }, { "type": "CenterCrop", "size": 16 }]),
        ),
        (
            3,
            3,
            json!([{ "type": "Resize", "size": [12, 10] }, { "type": "Pad", "padding": [3, 2], "padding_mode": "reflect" }]),
        ),
        (
            3,
            3,
            json!([{ "type": "Resize", "size": [12, 10] }, { "type": "Pad", "padding": [3, 2], "padding_mode": "symmetric" }]),
        ),
        (
            3,
            3,
            json!([{ "type": "Resize", "size": [12, 10] }, { "type": "Pad", "padding": [1, 2, 5, 2], "padding_mode": "edge" }]),
        ),
        (3, 1, json!([{ "type": "Resize", "size": [16, 16] }, { "type": "Grayscale" }])),
        (
            3,
            3,
            json!([{ "type": "Grayscale", "num_output_channels": 3 }, { "type": "Resize", "size": [16, 16] }]),
        ),
        (
            1,
            3,
            json!([{ "type": "Resize", "size": [16, 16] }, { "type": "Grayscale", "num_output_channels": 3 }]),
        ),
        (1, 1, json!([{ "type": "Resize", "size": [16, 16] }, { "type": "ToTensor" }])),
        (
            3,
            3,
            json!([{ "type": "Resize", "size": [16, 16] }, { "type": "GaussianBlur", "kernel_size": [3, 5], "sigma": 0.8 }]),
        ),
        (
            3,
            3,
            json!([
                { "type": "ToImage" },
                { "type": "Resize", "size": 18 },
                { "type": "CenterCrop", "size": 16 },
                { "type": "ToDtype", "scale": true },
                { "type": "Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225] },
            ]),
        ),
    ]
}

#[test]
fn preprocessing_makes_the_same_pixels() {
    let mut cases = Vec::new();
    for (channels, made, list) in preprocessings() {
        let image_channels =
            serde_json::from_value(json!(if channels == 3 { "rgb" } else { "grey" })).expect("channels");
        let size = Transform::output_size;
        let all = transforms(list.clone());
        let (height, width) = all.iter().fold(None, |seen, step| size(step, seen)).expect("a fixed size");
        let model = showing_pixels(all, Shape::map(made, height, width)).with_image_channels(image_channels);
        for layout in [Layout::Nchw, Layout::Nhwc] {
            // The other layout differs by a transposition in the beginning, which a few sizes tell.
            let every = if layout == Layout::Nchw { 1 } else { 4 };
            let images = SIZES
                .iter()
                .zip(0..)
                .step_by(every)
                .map(|(&(height, width), seed)| picture(height, width, channels, seed))
                .collect();
            let options = OnnxOptions { layout, ..OnnxOptions::default() };
            let name = format!("{list} {layout:?}");
            cases.push(Case {
                name,
                model: model.clone(),
                options,
                images,
                tolerance: 1e-6,
                strays: STRAYS,
                calibration: None,
            });
        }
    }
    run(&cases);
}

#[test]
fn what_comes_after_the_network_is_in_the_graph() {
    let resized = json!([{ "type": "Resize", "size": [9, 7] }]);
    let five = json!([{ "type": "Resize", "size": [12, 10] }, { "type": "FiveCrop", "size": [9, 7] }]);
    let ten = json!([{ "type": "Resize", "size": [12, 10] }, { "type": "TenCrop", "size": [9, 7] }, { "type": "ToTensor" }]);
    let turned = json!([{ "type": "Resize", "size": [12, 10] }, { "type": "TenCrop", "size": [9, 7], "vertical_flip": true }]);
    let ends = [json!([{ "type": "ReLU" }]), json!([{ "type": "Tanh" }])];
    let mut cases = Vec::new();
    for (number, list) in [resized, five, ten, turned].into_iter().enumerate() {
        for (end, layers) in ends.iter().enumerate() {
            let mut network = around(layers, true);
            // The second ends in its probabilities.
            if end == 1 {
                let mut nodes = network.nodes().to_vec();
                let last = ocelli_nn::Source::Node(nodes.len() - 1);
                nodes.push(ocelli_nn::Node {
                    name: "softmax".into(),
                    layer: Layer::Softmax,
                    inputs: vec![last],
                });
                network = ocelli_nn::Network::new("ending", network.input(), nodes).expect("a network");
            }
            let plain = classifier(&network, weights(&network, 3), transforms(list.clone()));
            let warm = plain.clone().with_temperature(2.3).expect("a temperature");
            let several = plain.clone().with_thresholds(vec![0.4; 5]).expect("thresholds");
            for (what, model) in [("plain", plain), ("warm", warm), ("several labels", several)] {
                // A softmax before a sigmoid is no sensible end, but is what it is.
                let images = (0..4).map(|seed| picture(30, 20 + number, 3, seed)).collect();
                let name = format!("{list} {what} {layers}");
                cases.push(Case {
                    name,
                    model,
                    options: OnnxOptions::default(),
                    images,
                    tolerance: TOLERANCE,
                    strays: 0.0,
                    calibration: None,
                });
            }
        }
    }
    run(&cases);
}

/// A network with one linear layer to ten classes after its flattening.
fn with_small_head(network: &Network) -> Network {
    let flat = network.nodes().iter().position(|node| node.layer == Layer::Flatten).expect("a flattening");
    let mut nodes = network.nodes()[..=flat].to_vec();
    let features = network.shape_of(Source::Node(flat)).channels();
    let head = Node {
        name: "head".into(),
        layer: Linear::new(features, 10).into(),
        inputs: vec![Source::Node(flat)],
    };
    nodes.push(head);
    Network::new(network.name(), network.input(), nodes).expect("a network")
}

#[test]
fn photographs_get_the_same_probabilities() {
    let Some(python) = std::env::var_os("OCELLI_PYTHON") else {
        eprintln!("skipped: OCELLI_PYTHON is not set");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (weights, files) = photographs(Path::new(&python), folder.path());
    let model = lite0(&weights, (0..1000).map(|class| format!("class {class}")).collect());
    let read = |file| decode::read(file, Channels::Rgb, &Limits::default()).expect("a photograph");
    let images: Vec<_> = files.iter().map(read).collect();
    let forms = [(Input::Images, Layout::Nchw), (Input::Images, Layout::Nhwc), (Input::Floats, Layout::Nchw)];
    let cases = forms.map(|(input, layout)| Case {
        name: format!("photographs, {input:?} {layout:?}"),
        model: model.clone(),
        options: OnnxOptions { input, layout, ..OnnxOptions::default() },
        images: images.clone(),
        tolerance: if input == Input::Images { PHOTOGRAPH } else { WHOLE },
        strays: 0.0,
        calibration: None,
    });
    run(&cases);
}

#[test]
fn plain_networks_answer_the_same() {
    networks_answer_the_same(&["lesson", "lesson-bn", "lenet5", "alexnet", "vgg11_bn", "squeezenet1_1"]);
}

#[test]
fn residual_networks_answer_the_same() {
    networks_answer_the_same(&["resnet20", "resnet18", "resnext50_32x4d", "convnext_tiny"]);
}

#[test]
fn networks_of_many_small_layers_answer_the_same() {
    networks_answer_the_same(&[
        "mobilenet_v2",
        "mobilenet_v3_small",
        "efficientnet_b0",
        "efficientnet_lite0",
        "shufflenet_v2_x1_0",
        "densenet121",
    ]);
}

/// Networks of the zoo, with batch normalisation folded and kept.
fn networks_answer_the_same(names: &[&str]) {
    let mut cases = Vec::new();
    for &name in names {
        let (side, channels) = match name {
            "lenet5" => (28, 1),
            "alexnet" => (63, 3),
            _ => (48, 3),
        };
        let network = zoo::build(name, Shape::map(channels, side, side), 10).expect("a network of the zoo");
        // Their heads are half a gigabyte of linear layers.
        let network =
            if matches!(name, "alexnet" | "vgg11_bn") { with_small_head(&network) } else { network };
        let list = json!([{ "type": "Resize", "size": side + 8 }, { "type": "CenterCrop", "size": side }]);
        let model = classifier(&network, weights(&network, 11), transforms(list));
        for keep_batch_norm in [false, true] {
            let sizes = SIZES[4..12].iter().step_by(2);
            let images = sizes.map(|&(height, width)| picture(height, width, channels, 7)).collect();
            let options = OnnxOptions { keep_batch_norm, ..OnnxOptions::default() };
            let name = format!("{name}, batch norm kept: {keep_batch_norm}");
            cases.push(Case {
                name,
                model: model.clone(),
                options,
                images,
                tolerance: WHOLE,
                strays: 0.0,
                calibration: None,
            });
        }
    }
    let found = run(&cases);
    for (folded, kept) in found.chunks_exact(2).map(|pair| (&pair[0], &pair[1])) {
        let norms = |found: &Found| found.operators.get("BatchNormalization").copied().unwrap_or(0);
        assert!(norms(folded) <= norms(kept));
    }
}

#[test]
fn with_eight_bits_answers_are_near() {
    let mut cases = Vec::new();
    for name in
        ["lesson", "lesson-bn", "resnet20", "resnet18", "mobilenet_v2", "mobilenet_v3_small", "squeezenet1_1"]
    {
        let side = 48;
        let network = zoo::build(name, Shape::map(3, side, side), 10).expect("a network of the zoo");
        let list = json!([{ "type": "Resize", "size": side + 8 }, { "type": "CenterCrop", "size": side }]);
        let model = classifier(&network, weights(&network, 11), transforms(list));
        let calibrating: Vec<_> = (0..20).map(|seed| picture(50, 60, 3, seed)).collect();
        let calibration = Calibration::of(&model, &calibrating).expect("a network that runs");
        for keep_batch_norm in [false, true] {
            let images = (30..34).map(|seed| picture(60, 50, 3, seed)).collect();
            let options = OnnxOptions { keep_batch_norm, ..OnnxOptions::default() };
            let name = format!("{name}, batch norm kept: {keep_batch_norm}");
            let calibration = Some(calibration.clone());
            cases.push(Case {
                name,
                model: model.clone(),
                options,
                images,
                tolerance: 0.05,
                strays: 0.0,
                calibration,
            });
        }
    }
    for found in run(&cases) {
        let count = |operator: &str| found.operators.get(operator).copied().unwrap_or(0);
        let layers = count("Conv") + count("Gemm");
        // Each has a weight and an input that were bytes, and nearly all a bias.
        assert!(layers > 0 && count("DequantizeLinear") > 2 * layers, "{:?}", found.operators);
        assert!(count("QuantizeLinear") >= layers / 2, "{:?}", found.operators);
    }
}

#[test]
fn nothing_can_be_calibrated_without_images() {
    let network = zoo::build("lesson", Shape::map(3, 32, 32), 10).expect("a network of the zoo");
    let model =
        classifier(&network, network.init(1), transforms(json!([{ "type": "Resize", "size": [32, 32] }])));
    let error = Calibration::of(&model, &[]).expect_err("no images");
    assert!(error.to_string().contains("no images"), "{error}");
}

#[test]
fn the_form_that_takes_floats_has_one_view() {
    let network = around(&json!([{ "type": "ReLU" }]), false);
    let list = json!([{ "type": "Resize", "size": [12, 10] }, { "type": "FiveCrop", "size": [9, 7] }]);
    let model = classifier(&network, network.init(1), transforms(list));
    let options = OnnxOptions { input: Input::Floats, ..OnnxOptions::default() };
    let error = export(&model, &options).expect_err("five views");
    assert!(error.to_string().contains("5 views"), "{error}");
}

#[test]
fn the_gate_compares() {
    if std::env::var_os("OCELLI_PYTHON").is_none() {
        eprintln!("skipped: OCELLI_PYTHON is not set");
        return;
    }
    let network = zoo::build("lesson-bn", Shape::map(3, 32, 32), 10).expect("a network of the zoo");
    let list = json!([{ "type": "Resize", "size": 36 }, { "type": "CenterCrop", "size": 32 }]);
    let [model, other] =
        [3, 4].map(|seed| classifier(&network, weights(&network, seed), transforms(list.clone())));
    let images: Vec<_> = (0..6).map(|seed| picture(40, 30 + seed as usize, 3, seed)).collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("model.onnx");
    for (input, layout) in [
        (Input::Images, Layout::Nchw),
        (Input::Images, Layout::Nhwc),
        (Input::Floats, Layout::Nchw),
        (Input::Floats, Layout::Nhwc),
    ] {
        let options = OnnxOptions { input, layout, ..OnnxOptions::default() };
        std::fs::write(&file, export(&model, &options).expect("an export")).expect("a file is written");
        let Outcome::Compared(found) = verify(&model, &file, Format::Onnx, &images).expect("a runtime")
        else {
            panic!("OCELLI_PYTHON has ONNX Runtime")
        };
        assert!(found.agrees() && found.same == 6 && found.images() == 6, "{found:?}");
        assert!(found.runtime.starts_with("ONNX Runtime ") && !found.eight_bits, "{found:?}");
        let Outcome::Compared(found) = verify(&other, &file, Format::Onnx, &images).expect("a runtime")
        else {
            panic!("OCELLI_PYTHON has ONNX Runtime")
        };
        assert!(!found.agrees(), "another model");
    }
    let names = (0..10).map(|class| format!("other {class}")).collect();
    let renamed = Classifier::new(network.clone(), weights(&network, 3), transforms(list), names)
        .expect("parts that fit");
    let error = verify(&renamed, &file, Format::Onnx, &images).expect_err("other classes");
    assert!(error.to_string().contains("classes are not the model's"), "{error}");
    let whole = std::fs::read(&file).expect("the file");
    std::fs::write(&file, &whole[..whole.len() / 2]).expect("a file is written");
    assert!(verify(&model, &file, Format::Onnx, &images).is_err(), "half a file");
}
