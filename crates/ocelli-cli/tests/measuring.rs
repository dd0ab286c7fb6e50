//! What is measured and predicted on is said, and is what was meant.

mod common;

use common::{folder, images, ocelli, succeeds, train};
use std::fs;
use std::path::Path;

const MODEL: &str = "run/model.safetensors";

/// A folder with a model trained on one tree, `tree`, of 20 images for each of three classes.
fn trained_on_a_tree() -> tempfile::TempDir {
    let folder = folder(3);
    images(&folder.path().join("tree"), 20, 3);
    let ran = train(folder.path(), "run", &["--data", "tree"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    folder
}

fn eval(folder: &Path, more: &[&str]) -> common::Ran {
    succeeds(folder, &[&["eval", MODEL][..], more].concat())
}

#[test]
fn one_tree_is_measured_on_the_images_that_training_set_apart() {
    let folder = trained_on_a_tree();
    let folder = folder.path();
    let told = fs::read_to_string(folder.join("run/metrics.jsonl")).unwrap();
    let test: serde_json::Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    let found = eval(folder, &["--data", "tree", "--json"]).json();
    assert_eq!((found["split"].as_str(), found["images"].as_u64()), (Some("test"), Some(6)));
    assert_eq!(found["trained_on"].as_u64(), Some(0));
    assert!((found["loss"].as_f64().unwrap() - test["test_loss"].as_f64().unwrap()).abs() < 1e-6, "{test}");
    let ran = eval(folder, &["--data", "tree"]);
    assert!(
        ran.out.contains("test images, set apart as in its training") && ran.err.is_empty(),
        "{}",
        ran.out
    );
    let val = eval(folder, &["--data", "tree", "--split", "val", "--json"]).json();
    assert_eq!(val["images"].as_u64(), Some(6));
    for (split, images, said) in [("train", 48, "these images"), ("all", 60, "48 of these 60 images")] {
        let ran = eval(folder, &["--data", "tree", "--split", split, "--json"]);
        assert_eq!(ran.json()["images"].as_u64(), Some(images));
        assert_eq!(ran.json()["trained_on"].as_u64(), Some(48));
        assert!(ran.err.contains(&format!("the model was trained on {said}")), "{}", ran.err);
    }
}

#[test]
fn other_images_are_measured_whole_and_called_so() {
    let folder = trained_on_a_tree();
    let folder = folder.path();
    images(&folder.join("other"), 5, 9);
    let ran = eval(folder, &["--data", "other"]);
    assert!(ran.out.contains("all images (not those it was trained on, or changed since)"), "{}", ran.out);
    assert!(ran.out.contains("15 images"), "{}", ran.out);
    let ran = ocelli(folder, &["eval", MODEL, "--data", "other", "--split", "test"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("without --split"), "{}", ran.err);
}

#[test]
fn a_model_that_does_not_say_what_it_was_trained_on_is_measured_with_a_warning() {
    let folder = trained_on_a_tree();
    let folder = folder.path();
    let mut model = fs::read(folder.join(MODEL)).unwrap();
    let key = b"\\\"division\\\"";
    let at = model.windows(key.len()).position(|part| part == key).expect("the key is in the header");
    model[at..at + key.len()].copy_from_slice(b"\\\"divided?\\\"");
    fs::write(folder.join(MODEL), model).unwrap();
    let ran = eval(folder, &["--data", "tree", "--json"]);
    assert_eq!((ran.json()["split"].as_str(), ran.json()["images"].as_u64()), (Some("all"), Some(60)));
    assert!(ran.json()["trained_on"].is_null(), "{}", ran.out);
    assert!(ran.err.contains("does not say which images it was trained on"), "{}", ran.err);
    assert!(eval(folder, &["--data", "data"]).err.is_empty(), "a test folder is not what was trained on");
}

#[test]
fn splits_of_the_datas_own_and_those_made_of_it() {
    let folder = folder(20);
    let folder = folder.path();
    assert_eq!(train(folder, "run", &[]).code, 0);
    for (split, images) in [("train", 54), ("val", 6), ("test", 18)] {
        let found = eval(folder, &["--data", "data", "--split", split, "--json"]).json();
        assert_eq!(found["images"].as_u64(), Some(images), "{split}");
    }
    let ran = eval(folder, &["--data", "data"]);
    assert!(ran.out.contains(", test images:") && ran.err.is_empty(), "{}\n{}", ran.out, ran.err);
    let ran = eval(folder, &["--data", "data/train"]);
    assert!(ran.err.contains("trained on 54 of these 60 images"), "{}", ran.err);
    fs::rename(folder.join("data/train"), folder.join("elsewhere")).unwrap();
    for more in [&["--data", "data"][..], &["--data", "data", "--split", "test"]] {
        let ran = eval(folder, more);
        assert!(ran.out.contains("18 images"), "{}", ran.out);
    }
}

#[test]
fn an_image_left_out_of_the_measurement_fails_it_and_one_of_another_split_does_not() {
    let folder = folder(6);
    let folder = folder.path();
    assert_eq!(train(folder, "run", &[]).code, 0);
    fs::create_dir(folder.join("data/test/empty")).unwrap();
    fs::write(folder.join("data/train/dots/text.png"), "no image").unwrap();
    let ran = eval(folder, &["--data", "data"]);
    assert!(ran.err.contains("empty") && !ran.err.contains("text.png"), "{}", ran.err);
    fs::write(folder.join("data/test/dots/text.png"), "no image").unwrap();
    let ran = ocelli(folder, &["eval", MODEL, "--data", "data"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("data/test/dots/text.png"), "{}", ran.err);
}

#[test]
fn a_folder_stands_for_its_images() {
    let folder = folder(6);
    let folder = folder.path();
    assert_eq!(train(folder, "run", &[]).code, 0);
    let ran = succeeds(folder, &["predict", MODEL, "data/test", "data/train/dots/000.png"]);
    let first: Vec<&str> = ran.out.lines().map(|line| line.split_once(' ').unwrap().0).collect();
    assert_eq!(first.len(), 7);
    assert_eq!((first[0], first[6]), ("data/test/across/000.png", "data/train/dots/000.png"));
    fs::create_dir(folder.join("empty")).unwrap();
    let ran = ocelli(folder, &["predict", MODEL, "empty"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("empty: is a folder without a file"), "{}", ran.err);
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_do_not_stop_the_answer() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = folder(6);
    let folder = folder.path();
    assert_eq!(train(folder, "run", &[]).code, 0);
    let name = OsStr::from_bytes(b"data/test/dots/\xff\x1b[31m.png");
    fs::rename(folder.join("data/test/dots/000.png"), folder.join(name)).unwrap();
    let found = succeeds(folder, &["predict", MODEL, "data/test/dots", "--json"]).json();
    assert!(found["predictions"][1]["image"].as_str().unwrap().contains('\u{fffd}'), "{found}");
    let ran = succeeds(folder, &["predict", MODEL, "data/test/dots"]);
    assert!(ran.out.contains("\\u{1b}[31m.png") && !ran.out.contains('\u{1b}'), "{}", ran.out);
    let model = OsStr::from_bytes(b"model\xff.safetensors");
    fs::rename(folder.join(MODEL), folder.join(model)).unwrap();
    for more in [&["eval", "--data", "data"][..], &["predict", "data/test"]] {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_ocelli"));
        let mut run = run;
        let done = run.arg(more[0]).arg(model).args(&more[1..]).arg("--json").current_dir(folder).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

#[test]
fn a_class_with_an_escape_in_its_name_is_shown_escaped() {
    let folder = folder(6);
    let folder = folder.path();
    for split in ["train", "test"] {
        let data = folder.join("data").join(split);
        fs::rename(data.join("dots"), data.join("\u{1b}[31mdots")).unwrap();
    }
    assert_eq!(train(folder, "run", &[]).code, 0);
    let ran = eval(folder, &["--data", "data"]);
    assert!(ran.out.contains("\\u{1b}[31mdots") && !ran.out.contains('\u{1b}'), "{}", ran.out);
    images(&folder.join("other"), 3, 5);
    fs::rename(folder.join("other/dots"), folder.join("other/\u{1b}[32mdots")).unwrap();
    let ran = ocelli(folder, &["eval", MODEL, "--data", "other"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("[32mdots") && !ran.err.contains("\u{1b}[32m"), "{}", ran.err);
}

#[test]
fn a_network_file_needs_no_ending() {
    let folder = folder(1);
    let folder = folder.path();
    fs::rename(folder.join("network.toml"), folder.join("network")).unwrap();
    assert!(succeeds(folder, &["summary", "network"]).out.contains("Conv2d"));
    fs::write(folder.join("note"), "just a note, no network\n").unwrap();
    let ran = ocelli(folder, &["summary", "note"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("note: ") && !ran.err.contains("header"), "{}", ran.err);
}

#[test]
fn models_lists_every_network_with_its_counts() {
    let folder = tempfile::tempdir().unwrap();
    let listed = ocelli(folder.path(), &["models", "--json"]);
    let listed = listed.json();
    let resnet = listed.as_array().unwrap().iter().find(|model| model["name"] == "resnet50").unwrap();
    assert_eq!(resnet["parameters"], 25_557_032);
    assert_eq!(resnet["multiply_adds"], 4_089_184_256_u64);
    let table = ocelli(folder.path(), &["models"]).out;
    for model in listed.as_array().unwrap() {
        assert!(table.contains(model["name"].as_str().unwrap()), "{table}");
    }
}
