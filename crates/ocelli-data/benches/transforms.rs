//! Each transform alone on a 224 × 224 RGB image, and two training pipelines, one thread:
//! `cargo bench --package ocelli-data --bench transforms`. `bench/peers/transforms.py` times the same in torchvision.

use divan::Bencher;
use ocelli_data::decode::{self, Limits};
use ocelli_data::{Channels, Compiled, Image, Key, Transform, Workspace};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

fn picture(height: usize, width: usize) -> Image {
    let byte = |i: usize| {
        let (y, x, c) = (i / (3 * width), i / 3 % width, i % 3);
        (((x * (3 + c) + y * 2) / 3) as u8) ^ ((x * y) as u8 & 7)
    };
    Image::new(height, width, 3, (0..height * width * 3).map(byte).collect())
}

fn compiled(list: Value, side: usize) -> Compiled {
    let list: Vec<Transform> = serde_json::from_value(list).expect("transforms as a recipe has them");
    Compiled::new(&list, (side, side, 3)).expect("a list that fits")
}

/// Every sample has its own draws.
fn run(bencher: Bencher<'_, '_>, list: Value, image: &Image, side: usize) {
    let compiled = compiled(list, side);
    let (mut workspace, mut out) = (Workspace::default(), vec![0.0; side * side * 3]);
    let mut key = Key::default();
    bencher.bench_local(|| {
        key.sample += 1;
        compiled.run(image.view(), key, &mut workspace, &mut out).expect("an image that fits");
    });
}

/// The settings of `bench/peers/transforms.py`.
const ALONE: &str = include_str!("transforms.json");

fn names() -> Vec<String> {
    let all: Value = serde_json::from_str(ALONE).expect("JSON");
    all.as_object().expect("transforms by name").keys().cloned().collect()
}

#[divan::bench(args = names())]
fn alone(bencher: Bencher<'_, '_>, name: &str) {
    let all: Value = serde_json::from_str(ALONE).expect("JSON");
    run(bencher, json!([all[name]]), &picture(224, 224), 224);
}

#[divan::bench]
fn nothing(bencher: Bencher<'_, '_>) {
    run(bencher, json!([]), &picture(224, 224), 224);
}

#[divan::bench]
fn cifar(bencher: Bencher<'_, '_>) {
    let list = json!([
        { "type": "RandomCrop", "size": 32, "padding": 4 }, { "type": "RandomHorizontalFlip" }, { "type": "RandAugment" },
        { "type": "Normalize", "mean": [0.49, 0.48, 0.45], "std": [0.25, 0.24, 0.26] }
    ]);
    run(bencher, list, &picture(32, 32), 32);
}

fn imagenet() -> Value {
    json!([
        { "type": "RandomResizedCrop", "size": 224 }, { "type": "RandomHorizontalFlip" },
        { "type": "ColorJitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4 },
        { "type": "Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225] }
    ])
}

/// What lies in memory decoded.
#[divan::bench]
fn photograph(bencher: Bencher<'_, '_>) {
    run(bencher, imagenet(), &picture(375, 500), 224);
}

/// From the bytes of the JPEG that `OCELLI_BENCH_JPEG` names, 500 × 375.
#[divan::bench]
fn jpeg(bencher: Bencher<'_, '_>) {
    let Some(path) = std::env::var_os("OCELLI_BENCH_JPEG") else { return };
    let bytes = std::fs::read(path).expect("a file");
    let compiled = compiled(imagenet(), 224);
    let (mut workspace, mut out) = (Workspace::default(), vec![0.0; 224 * 224 * 3]);
    let mut key = Key::default();
    bencher.bench_local(|| {
        key.sample += 1;
        let image = decode::decode(&bytes, "photograph", Channels::Rgb, &Limits::default()).expect("a JPEG");
        compiled.run(image.view(), key, &mut workspace, &mut out).expect("an image that fits");
    });
}
