//! What holds for every transform, whatever the image.

use ocelli_data::transforms::functional;
use ocelli_data::{Compiled, Image, Key, Transform, Workspace};
use proptest::prelude::*;
use serde_json::json;

/// Transforms of every kind, with settings that differ from the defaults here and there.
fn transforms() -> Vec<Transform> {
    let list = json!([
        { "type": "Resize", "size": 9 },
        { "type": "Resize", "size": 9, "max_size": 14, "interpolation": "bicubic" },
        { "type": "Resize", "size": [7, 12], "interpolation": "bicubic", "antialias": false },
        { "type": "Resize", "max_size": 11, "interpolation": "nearest-exact" },
        { "type": "CenterCrop", "size": [6, 15] },
        { "type": "RandomCrop", "size": [8, 5], "padding": 3, "pad_if_needed": true, "fill": 9 },
        { "type": "RandomCrop", "size": 8, "padding": [1, 2, 3, 4], "pad_if_needed": true, "padding_mode": "edge" },
        { "type": "RandomResizedCrop", "size": 10 },
        { "type": "RandomResizedCrop", "size": [4, 6], "interpolation": "nearest", "ratio": [0.1, 10.0] },
        { "type": "Pad", "padding": [1, 2], "padding_mode": "edge" },
        { "type": "Pad", "padding": 1, "padding_mode": "symmetric" },
        { "type": "Pad", "padding": 4, "fill": 250 },
        { "type": "RandomHorizontalFlip" },
        { "type": "RandomVerticalFlip", "p": 0.4 },
        { "type": "AlternatingHorizontalFlip" },
        { "type": "RandomRotation", "degrees": 200, "fill": 7 },
        { "type": "RandomRotation", "degrees": [80, 100], "expand": true, "interpolation": "bilinear" },
        { "type": "RandomRotation", "degrees": [90, 90], "expand": true },
        { "type": "RandomAffine", "degrees": 30, "translate": [0.5, 1.0], "scale": [0.3, 3], "shear": 20 },
        { "type": "RandomAffine", "degrees": 0, "shear": [-9, 9, -60, 60], "interpolation": "bilinear", "center": [0, 3] },
        { "type": "RandomPerspective", "p": 1.0, "distortion_scale": 0.9 },
        { "type": "ElasticTransform", "alpha": 90.0, "sigma": [1.0, 3.0] },
        { "type": "ElasticTransform", "sigma": 0.0, "interpolation": "nearest" },
        { "type": "ColorJitter", "brightness": 0.8, "contrast": [0.0, 4.0], "saturation": 2, "hue": 0.5 },
        { "type": "RandomGrayscale", "p": 0.5 },
        { "type": "Grayscale", "num_output_channels": 3 },
        { "type": "Grayscale" },
        { "type": "GaussianBlur", "kernel_size": 1 },
        { "type": "RandomInvert" },
        { "type": "RandomPosterize", "bits": 2 },
        { "type": "RandomSolarize", "threshold": 100 },
        { "type": "RandomAdjustSharpness", "sharpness_factor": 5 },
        { "type": "RandomAutocontrast" },
        { "type": "RandomEqualize" },
        { "type": "RandomErasing", "p": 1.0, "value": 3 },
        { "type": "RandAugment", "num_ops": 3, "magnitude": 30 },
        { "type": "AutoAugment", "policy": "svhn", "fill": 128 },
        { "type": "TrivialAugmentWide", "interpolation": "bilinear" },
        { "type": "AugMix" },
        { "type": "AugMix", "severity": 10, "mixture_width": 2, "chain_depth": 3, "alpha": 0.2, "all_ops": false },
        { "type": "RandomApply", "transforms": [{ "type": "RandomInvert" }, { "type": "RandomRotation", "degrees": 9 }] },
        { "type": "RandomChoice", "p": [1, 3], "transforms": [{ "type": "RandomInvert" }, { "type": "RandomCrop",
          "size": 6, "pad_if_needed": true }] },
        { "type": "RandomOrder", "transforms": [{ "type": "RandomEqualize" }, { "type": "RandomResizedCrop", "size": 5 }] },
        { "type": "ToImage" },
        { "type": "PILToTensor" }
    ]);
    serde_json::from_value(list).unwrap()
}

fn picture(height: usize, width: usize, channels: usize, seed: u8) -> Image {
    let byte = |i: usize| (i as u8).wrapping_mul(37).wrapping_add((i / 5) as u8) ^ seed;
    Image::new(height, width, channels, (0..height * width * channels).map(byte).collect())
}

proptest! {
    #[test]
    fn every_transform_takes_every_image(
        height in 1usize..20, width in 1usize..20, rgb: bool, seed: u8, sample: u64, epoch in 0u64..3,
    ) {
        let channels = if rgb { 3 } else { 1 };
        let image = picture(height, width, channels, seed);
        let mut workspace = Workspace::default();
        for transform in transforms() {
            let key = Key { seed: 1, epoch, sample };
            let operations = transform.draw((height, width, channels), key).unwrap();
            prop_assert_eq!(&operations, &transform.draw((height, width, channels), key).unwrap());
            let made = operations.iter().fold(image.clone(), |image, operation| operation.apply(image.view()));
            prop_assert_eq!(made.channels(), transform.output_channels(channels), "{:?}", transform);
            if let Some(size) = transform.output_size(Some((height, width))) {
                prop_assert_eq!((made.height(), made.width()), size, "{:?}", transform);
            }
            // In a pipeline, with its buffers used before, in the same place: the same numbers.
            let shape = (made.height(), made.width(), made.channels());
            let compiled = Compiled::new(std::slice::from_ref(&transform), shape).unwrap();
            let mut out = vec![f32::NAN; made.pixels().len()];
            let run = compiled.run(image.view(), key, &mut workspace, &mut out);
            if transform.is_deterministic() {
                run.unwrap();
                let numbers: Vec<f32> = made.pixels().iter().map(|byte| f32::from(*byte) / 255.0).collect();
                prop_assert_eq!(out, numbers, "{:?}", transform);
            } else if run.is_ok() {
                prop_assert!(out.iter().all(|value| (0.0..=1.0).contains(value)));
            }
        }
    }

    #[test]
    fn lists_in_one_pipeline_do_what_they_do_one_after_the_other(
        height in 4usize..16, width in 4usize..16, rgb: bool, sample: u64,
        chosen in prop::collection::vec(0..transforms().len(), 0..6),
    ) {
        let channels = if rgb { 3 } else { 1 };
        let all = transforms();
        let list: Vec<Transform> = chosen.into_iter().map(|at| all[at].clone()).collect();
        let image = picture(height, width, channels, 99);
        let key = Key { seed: 3, epoch: 1, sample };
        // Streams are named by place: what is alone in a list draws as the first does.
        let deterministic: Vec<Transform> = list.into_iter().filter(Transform::is_deterministic).collect();
        let mut expected = image.clone();
        for transform in &deterministic {
            let shape = (expected.height(), expected.width(), expected.channels());
            for operation in transform.draw(shape, key).unwrap() {
                expected = operation.apply(expected.view());
            }
        }
        let shape = (expected.height(), expected.width(), expected.channels());
        let compiled = Compiled::new(&deterministic, shape).unwrap();
        let mut out = vec![f32::NAN; expected.pixels().len()];
        compiled.run(image.view(), key, &mut Workspace::default(), &mut out).unwrap();
        let table = functional::Table::scale(shape.2);
        prop_assert_eq!(out, functional::normalize(expected.view(), &table));
    }
}

#[test]
fn written_transforms_are_read_again() {
    let list = transforms();
    let text = serde_json::to_string(&list).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Transform>>(&text).unwrap(), list);
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    struct Recipe {
        train: Vec<Transform>,
    }
    let recipe = Recipe { train: list };
    let text = toml::to_string(&recipe).unwrap();
    assert_eq!(toml::from_str::<Recipe>(&text).unwrap(), recipe);
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let wrong = json!([
        [{ "type": "Resize" }, "max_size"],
        [{ "type": "Resize", "size": [3, 4], "max_size": 9 }, "shorter side"],
        [{ "type": "Resize", "size": 30, "max_size": 9 }, "greater"],
        [{ "type": "Resize", "size": 0 }, "sides of 1"],
        [{ "type": "RandomCrop", "size": 4, "padding": 99999999 }, "padding"],
        [{ "type": "RandomCrop", "size": 4, "fill": 256 }, "fill"],
        [{ "type": "RandomResizedCrop", "size": 4, "scale": [0.9, 0.1] }, "scale"],
        [{ "type": "RandomResizedCrop", "size": 4, "ratio": [0.0, 1.0] }, "ratio"],
        [{ "type": "RandomVerticalFlip", "p": -0.1 }, "probability"],
        [{ "type": "RandomRotation", "degrees": -3 }, "degrees"],
        [{ "type": "RandomRotation", "degrees": 3, "interpolation": "bicubic" }, "interpolation"],
        [{ "type": "RandomAffine", "degrees": 3, "translate": [0.0, 1.5] }, "translate"],
        [{ "type": "RandomAffine", "degrees": 3, "scale": [0.0, 1.5] }, "scale"],
        [{ "type": "RandomPerspective", "distortion_scale": 2 }, "distortion_scale"],
        [{ "type": "ElasticTransform", "sigma": 1e9 }, "sigma"],
        [{ "type": "ColorJitter", "hue": 0.6 }, "hue"],
        [{ "type": "ColorJitter", "brightness": -1 }, "brightness"],
        [{ "type": "Grayscale", "num_output_channels": 2 }, "num_output_channels"],
        [{ "type": "GaussianBlur", "kernel_size": 4 }, "odd"],
        [{ "type": "GaussianBlur", "kernel_size": 3, "sigma": 0 }, "sigma"],
        [{ "type": "RandomPosterize", "bits": 9 }, "bits"],
        [{ "type": "RandomSolarize", "threshold": 300 }, "threshold"],
        [{ "type": "RandomErasing", "value": "random" }, "Normalize"],
        [{ "type": "RandomErasing", "value": -1 }, "Normalize"],
        [{ "type": "RandAugment", "magnitude": 31 }, "magnitude"],
        [{ "type": "RandAugment", "num_ops": 1000000 }, "num_ops"],
        [{ "type": "AugMix", "severity": 0 }, "severity"],
        [{ "type": "RandomApply", "transforms": [] }, "at least one"],
        [{ "type": "RandomApply", "transforms": [{ "type": "Normalize" }] }, "Normalize"],
        [{ "type": "RandomApply", "transforms": [{ "type": "RandomInvert", "p": 2 }] }, "RandomInvert"],
        [{ "type": "RandomChoice", "transforms": [{ "type": "RandomInvert" }], "p": [0] }, "p = "],
        [{ "type": "ToDtype" }, "scale"]
    ]);
    for case in wrong.as_array().unwrap() {
        let transform: Transform = serde_json::from_value(case[0].clone()).unwrap();
        let refused = Compiled::new(std::slice::from_ref(&transform), (4, 4, 3));
        let said = refused.err().unwrap_or_else(|| panic!("{transform:?} is taken")).to_string();
        assert!(said.starts_with(transform.name()), "{said}");
        assert!(said.contains(case[1].as_str().unwrap()), "{said}");
    }
    for unreadable in [
        json!({ "type": "RandomInvert", "probability": 1 }),
        json!({ "type": "ColorJitter", "brightnes": 1 }),
        json!({ "type": "RandomCrop", "size": 3, "padding_mode": "wrap" }),
        json!({ "type": "AutoAugment", "policy": "mnist" }),
        json!({ "type": "ToDtype", "dtype": "float16", "scale": true }),
        json!({ "type": "Mosaic" }),
    ] {
        assert!(serde_json::from_value::<Transform>(unreadable.clone()).is_err(), "{unreadable}");
    }
}

#[test]
fn images_that_are_too_small_or_would_be_too_large_are_errors() {
    let refused = |transform: serde_json::Value, shape: (usize, usize, usize)| {
        let transform: Transform = serde_json::from_value(transform).unwrap();
        transform.draw(shape, Key::default()).expect_err("cannot be done").to_string()
    };
    assert!(refused(json!({ "type": "RandomCrop", "size": 9 }), (8, 20, 3)).contains("pad_if_needed"));
    assert!(refused(json!({ "type": "GaussianBlur", "kernel_size": 9 }), (4, 20, 3)).contains("7"));
    assert!(
        refused(json!({ "type": "Pad", "padding": 4, "padding_mode": "reflect" }), (4, 9, 1))
            .contains("pad less")
    );
    assert!(refused(json!({ "type": "Resize", "size": 32768 }), (1, 60_000, 3)).contains("both sides"));
    // The result is small; the image of the new width and the old height would not be.
    assert!(refused(json!({ "type": "Resize", "size": [8, 32768] }), (1 << 20, 1, 3)).contains("on the way"));
}

#[test]
fn numbers_come_last_and_only_erasing_comes_after() {
    let list = |names: serde_json::Value| -> Vec<Transform> { serde_json::from_value(names).unwrap() };
    let normalize = json!({ "type": "Normalize", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5] });
    let usual = list(json!([
        { "type": "ToImage" }, { "type": "RandomHorizontalFlip" }, { "type": "ToDtype", "scale": true, "dtype": "float32" },
        normalize, { "type": "RandomErasing", "p": 1.0, "value": "random" }
    ]));
    let image = picture(12, 12, 3, 5);
    let mut out = vec![f32::NAN; 12 * 12 * 3];
    let compiled = Compiled::new(&usual, (12, 12, 3)).unwrap();
    compiled.run(image.view(), Key::default(), &mut Workspace::default(), &mut out).unwrap();
    let outside = out.iter().filter(|value| !(-1.0..=1.0).contains(*value)).count();
    assert!(outside > 0, "noise has numbers that no byte has");
    for wrong in [
        json!([normalize, { "type": "RandomHorizontalFlip" }]),
        json!([normalize, normalize]),
        json!([{ "type": "ToTensor" }, { "type": "ColorJitter" }]),
        json!([{ "type": "ToTensor" }, { "type": "RandomErasing" }, normalize]),
    ] {
        assert!(Compiled::new(&list(wrong.clone()), (12, 12, 3)).is_err(), "{wrong}");
    }
}

#[test]
fn alternating_flips_show_each_image_both_ways() {
    let flip = list_of("AlternatingHorizontalFlip");
    let flips = |epoch: u64, sample: u64| {
        let key = Key { seed: 4, epoch, sample };
        !flip.draw((3, 3, 1), key).unwrap().is_empty()
    };
    let first = (0..2000).filter(|sample| flips(0, *sample)).count();
    // Six standard errors of half of 2000.
    assert!(first.abs_diff(1000) < 135, "{first} of 2000 flipped");
    for sample in 0..200 {
        for epoch in 0..4 {
            assert_ne!(flips(epoch, sample), flips(epoch + 1, sample));
        }
    }
}

fn list_of(name: &str) -> Transform {
    serde_json::from_value(json!({ "type": name })).unwrap()
}
