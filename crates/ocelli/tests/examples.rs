//! The examples run: on a small data set that is made here.

use std::fs;
use std::path::Path;

#[allow(dead_code, reason = "its main is not called")]
#[path = "../../../examples/initialisation.rs"]
mod initialisation;
#[allow(dead_code, reason = "its main is not called")]
#[path = "../../../examples/predict.rs"]
mod predict;
#[allow(dead_code, reason = "its main is not called")]
#[path = "../../../examples/train_folder.rs"]
mod train_folder;
#[allow(dead_code, reason = "its main is not called")]
#[path = "../../../examples/training_loop.rs"]
mod training_loop;

/// IDX files of 28×28 grey images in ten classes, each with a bar at a place of its own.
fn write_data(folder: &Path) {
    for (part, images) in [("train", 200_u32), ("t10k", 40)] {
        let header = |kind, sizes: &[u32]| {
            let sizes = sizes.iter().flat_map(|size| size.to_be_bytes());
            [0, 0, 8, kind].into_iter().chain(sizes).collect::<Vec<u8>>()
        };
        let (mut pixels, mut labels) = (header(3, &[images, 28, 28]), header(1, &[images]));
        for image in 0..images {
            labels.push((image % 10) as u8);
            let lit = |pixel: u32| pixel / 28 / 2 == image % 10 + 2;
            pixels.extend(
                (0..28 * 28).map(|pixel| if lit(pixel) { 220 } else { (image * 31 + pixel * 17) as u8 % 60 }),
            );
        }
        fs::write(folder.join(format!("{part}-images-idx3-ubyte")), pixels).unwrap();
        fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    }
}

#[test]
fn a_loop_by_hand_learns() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path());
    let data = folder.path().to_str().unwrap();
    let loss = training_loop::train(data, 8).unwrap();
    assert!(loss < 1.5, "{loss} after a start at ln 10 = 2.3");
}

#[test]
fn spreads_by_depth_are_drawn() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path());
    let svg = initialisation::draw(folder.path().to_str().unwrap(), 1).unwrap().svg();
    for name in ["zeros", "too large: std 0.25, BatchNorm", "Kaiming"] {
        assert!(svg.contains(name), "{name}");
    }
}

#[test]
fn a_folder_is_trained_and_its_model_predicts() {
    let folder = tempfile::tempdir().unwrap();
    write_data(folder.path());
    let data = folder.path().to_str().unwrap();
    let model = train_folder::train(data, &folder.path().join("run"), 2).unwrap();
    let image = folder.path().join("bar.png");
    image::GrayImage::from_fn(28, 28, |_, y| image::Luma([if y / 2 == 5 { 220 } else { 20 }]))
        .save(&image)
        .unwrap();
    let paths = [image, folder.path().join("absent.png")].map(|path| path.to_str().unwrap().to_string());
    let lines = predict::predict(model.to_str().unwrap(), &paths).unwrap();
    assert!(lines[0].starts_with(&paths[0]) && lines[0].ends_with("%)"), "{lines:?}");
    assert!(lines[1].contains("absent.png"), "{lines:?}");
}

#[test]
fn the_commands_that_are_told_name_the_package() {
    // Cargo looks for examples in the command's package where none is named.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for example in ["initialisation", "predict", "train_folder", "training_loop"] {
        for file in [format!("examples/{example}.rs"), "README.md".to_string()] {
            let text = fs::read_to_string(root.join(&file)).unwrap();
            let told = text.lines().find(|line| line.contains(&format!("--example {example}")));
            let told = told.unwrap_or_else(|| panic!("{file} tells how to run {example}"));
            assert!(told.contains("cargo run --release -p ocelli "), "{file}: {told}");
        }
    }
}
