//! Every transform of evaluation: the numbers that the network gets are the same to the bit.

use std::path::Path;

use ocelli_data::transforms::Workspace;
use ocelli_data::{Channels, Compiled, Key, Limits, decode};
use ocelli_export::torchscript;
use ocelli_model::Classifier;
use ocelli_nn::Shape;
use ocelli_testing::to_channels_first;
use serde_json::{Value, json};

use crate::lite0::photographs;
use crate::session::Session;
use crate::{names, small, transforms};

/// What a list of transforms makes of a file here, in PyTorch's order.
fn prepared(classifier: &Classifier, file: &str) -> Vec<f32> {
    let shape = classifier.network().input();
    let size = shape.size().expect("a map");
    let compiled = Compiled::new(classifier.transforms(), (size.height, size.width, shape.channels()));
    let compiled = compiled.expect("transforms that fit");
    let mut out = vec![0.0; compiled.views() * shape.elements()];
    let channels = classifier.image_channels().expect("grey or colours");
    let image = decode::read(Path::new(file), channels, &Limits::default()).expect("an image");
    compiled.run(image.view(), Key::default(), &mut Workspace::default(), &mut out).expect("it can be done");
    to_channels_first(&out, shape)
}

#[test]
fn every_transform_makes_the_same_numbers() {
    let Some(mut session) = Session::new() else { return };
    let (_, files) = photographs(session.python(), session.folder());
    let mut cases = Vec::new();
    for (number, (list, channels, side)) in lists().into_iter().enumerate() {
        let network = small(Shape::map(channels, side, side), 3);
        let weights = network.init(1);
        let described = list.to_string();
        let mut classifier =
            Classifier::new(network, weights, transforms(list), names(3)).expect("parts that fit");
        if described.contains("Grayscale") && channels == 1 {
            classifier = classifier.with_image_channels(Channels::Rgb);
        }
        let model = format!("transforms-{number}");
        let bytes = torchscript::export(&classifier).expect("transforms that can be exported");
        std::fs::write(session.path(&model), bytes).expect("a file");
        // Grey that a JPEG decoder makes is its own.
        let grey = classifier.image_channels().expect("grey or colours").count() == 1;
        for file in files.iter().filter(|file| !grey || file.ends_with(".png")) {
            for form in ["float", "uint8"] {
                let job = session.run_image(&model, "preprocess", file, form, json!({}));
                cases.push((job, format!("{described}, {form}, {file}"), prepared(&classifier, file)));
            }
        }
    }
    let answers = session.finish();
    for (job, what, expected) in &cases {
        // Blurred levels lie within one where sums in another order round otherwise.
        let most = if what.contains("GaussianBlur") { 1.01 / 255.0 } else { 0.0 };
        let got = answers.output(*job);
        assert_eq!(got.len(), expected.len(), "{what}");
        let worst = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= most, "{what}: {worst}");
    }
}

/// Lists of transforms, the channels that they make, and the sides of what they make.
fn lists() -> Vec<(Value, usize, usize)> {
    let mut lists = Vec::new();
    for mode in ["nearest", "nearest-exact", "bilinear", "bicubic"] {
        for antialias in [true, false] {
            let resize =
                json!({ "type": "Resize", "size": [31, 31], "interpolation": mode, "antialias": antialias });
            lists.push((json!([resize]), 3, 31));
        }
    }
    let normalize =
        json!({ "type": "Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225] });
    let crop = |size: usize| json!({ "type": "CenterCrop", "size": size });
    lists.extend([
        (json!([{ "type": "Resize", "size": 77 }, crop(64), normalize]), 3, 64),
        (json!([{ "type": "Resize", "size": 77, "max_size": 90 }, crop(80), { "type": "ToTensor" }]), 3, 80),
        (json!([{ "type": "ToImage" }, { "type": "Resize", "max_size": 50 }, crop(45)]), 3, 45),
        (json!([crop(33), { "type": "ToDtype", "scale": true }, normalize]), 3, 33),
        (json!([crop(20), { "type": "Pad", "padding": [1, 2, 3, 4], "fill": [9, 120, 255] }, crop(28)]), 3, 28),
        (json!([{ "type": "PILToTensor" }, { "type": "Pad", "padding": 300, "fill": 7 }, crop(320)]), 3, 320),
        (json!([{ "type": "FiveCrop", "size": 2 }]), 3, 2),
        (json!([{ "type": "Resize", "size": 40 }, { "type": "FiveCrop", "size": 32 }, normalize]), 3, 32),
        (json!([{ "type": "Resize", "size": 40 }, { "type": "TenCrop", "size": 32 }]), 3, 32),
        (json!([{ "type": "Resize", "size": 40 }, { "type": "TenCrop", "size": 31, "vertical_flip": true }]), 3, 31),
        (json!([{ "type": "Resize", "size": 40 }, crop(32), { "type": "Grayscale" }]), 1, 32),
        (json!([{ "type": "Grayscale", "num_output_channels": 3 }, { "type": "Resize", "size": [9, 9] }]), 3, 9),
        (json!([{ "type": "Resize", "size": [28, 28] }, { "type": "Normalize", "mean": [0.5], "std": [0.25] }]), 1, 28),
        (json!([{ "type": "Resize", "size": [40, 40] }, { "type": "GaussianBlur", "kernel_size": [5, 3], "sigma": 1.3 }]), 3, 40),
    ]);
    for mode in ["edge", "reflect", "symmetric"] {
        let pad = json!({ "type": "Pad", "padding": [1, 2, 5, 0], "padding_mode": mode });
        lists.push((json!([{ "type": "Resize", "size": [8, 8] }, pad, crop(12)]), 3, 12));
    }
    lists
}
