//! From a folder of images to a prediction, as a user goes.

mod common;

use common::{CLASSES, folder, ocelli, succeeds, train};
use image::{Rgb, RgbImage};
use serde_json::Value;
use std::fs;
use std::path::Path;

#[test]
fn train_then_eval_then_predict_then_summary() {
    let folder = folder(48);
    let folder = folder.path();
    let ran = train(folder, "run", &[]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    assert!(ran.err.is_empty(), "nothing to warn of: {}", ran.err);
    for said in [
        "3 classes",
        "Conv2d",
        "1/3",
        "3/3",
        "test      accuracy",
        "try next:",
        "predict run/model.safetensors",
    ] {
        assert!(ran.out.contains(said), "{said} in:\n{}", ran.out);
    }
    for file in ["model.safetensors", "last.safetensors", "recipe.toml", "metrics.jsonl"] {
        assert!(folder.join("run").join(file).is_file(), "{file}");
    }
    check_metrics(&fs::read_to_string(folder.join("run/metrics.jsonl")).unwrap());

    let found = succeeds(folder, &["eval", "run/model.safetensors", "--data", "data", "--json"]).json();
    assert_eq!((found["split"].as_str(), found["images"].as_u64()), (Some("test"), Some(48)));
    assert!(found["accuracy"].as_f64().unwrap() > 0.9, "{found:#}");
    assert_eq!(found["classes"].as_array().unwrap().len(), 3);
    assert_eq!(found["confusion"].as_array().unwrap().len(), 3);
    let ran = succeeds(folder, &["eval", "run/model.safetensors", "--data", "data/train"]);
    assert!(ran.out.contains("all images") && ran.out.contains("across"), "{}", ran.out);

    let images = ["data/test/across/000.png", "data/test/down/001.png"];
    let args = ["predict", "run/model.safetensors", images[0], images[1], "--json"];
    let predicted = succeeds(folder, &args).json();
    for (place, label) in ["across", "down"].into_iter().enumerate() {
        let one = &predicted["predictions"][place];
        assert_eq!((one["image"].as_str(), one["label"].as_str()), (Some(images[place]), Some(label)));
        let sum: f64 =
            one["top"].as_array().unwrap().iter().map(|class| class["probability"].as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{one:#}");
    }
    check_forms_of_prediction(folder);
    check_explanation(folder);

    let summary = succeeds(folder, &["summary", "run/model.safetensors", "--json"]).json();
    assert_eq!(summary["input"], serde_json::json!([1, 16, 16]));
    assert_eq!(summary["total"]["parameters"], 80 + 16 + (8 * 64 * 3 + 3));
}

fn check_explanation(folder: &std::path::Path) {
    let args = ["explain", "run/model.safetensors", "data/test/dots/000.png", "--out", "why", "--json"];
    let explained = succeeds(folder, &args).json();
    assert_eq!(explained["class"], "dots");
    let integral = &explained["integrated_gradients"];
    let [sum, difference] = ["sum", "difference"].map(|key| integral[key].as_f64().unwrap());
    assert!((sum - difference).abs() < 0.05 * difference.abs().max(1.0), "{integral}");
    for file in ["image", "filters", "feature-maps", "grad-cam", "integrated-gradients"] {
        image::open(folder.join(format!("why/{file}.png"))).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    assert!(fs::read(folder.join("why/embedding.npy")).unwrap().starts_with(b"\x93NUMPY"));
    let near =
        ocelli(folder, &["explain", "run/model.safetensors", "data/test/dots/000.png", "--class", "dosts"]);
    assert!(near.code == 2 && near.err.contains("did you mean dots?"), "{}", near.err);
}

fn check_metrics(text: &str) {
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4, "three epochs and the test:\n{text}");
    for (line, epoch) in lines.iter().zip(1..=3) {
        assert_eq!(line["epoch"], epoch);
        for key in [
            "train_loss",
            "train_accuracy",
            "val_loss",
            "val_accuracy",
            "lr",
            "images_per_second",
            "waited_seconds",
            "seconds",
        ] {
            assert!(line[key].is_number(), "{key} in {line}");
        }
    }
    assert!(lines[3]["test_accuracy"].as_f64().unwrap() > 0.9, "{text}");
}

fn check_forms_of_prediction(folder: &std::path::Path) {
    let args = ["predict", "run/model.safetensors", "data/test/dots/000.png", "--top-k", "2", "--csv"];
    let ran = succeeds(folder, &args);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines[0], "image,label,probability,label_2,probability_2");
    assert!(lines[1].starts_with("data/test/dots/000.png,dots,"), "{}", ran.out);
    let ran =
        succeeds(folder, &["predict", "run/model.safetensors", "data/test/dots/000.png", "--top-k", "1"]);
    assert!(ran.out.starts_with("data/test/dots/000.png  dots ") && ran.out.ends_with("%\n"), "{}", ran.out);
    assert!(
        CLASSES.iter().filter(|class| ran.out.replace("data/test/dots", "").contains(**class)).count() == 1
    );
}

#[test]
fn predict_goes_on_past_what_is_no_image() {
    let folder = folder(12);
    let folder = folder.path();
    assert_eq!(train(folder, "run", &[]).code, 0);
    fs::write(folder.join("note.png"), "not an image").unwrap();
    let args = ["predict", "run/model.safetensors", "note.png", "data/test/down/000.png", "absent.png"];
    let ran = ocelli(folder, &args);
    assert_eq!(ran.code, 1);
    assert!(ran.out.starts_with("data/test/down/000.png") && ran.out.lines().count() == 1, "{}", ran.out);
    assert!(ran.err.contains("note.png: ") && ran.err.contains("absent.png: "), "{}", ran.err);
    let ran = ocelli(folder, &[&args[..], &["--json"]].concat());
    assert_eq!(ran.code, 1);
    let answers = ran.json();
    assert!(answers["predictions"][0]["error"].is_string() && answers["predictions"][1]["label"].is_string());
}

#[test]
fn a_recipe_written_out_gives_the_same_run() {
    let folder = folder(12);
    let folder = folder.path();
    assert_eq!(train(folder, "one", &["--set", "train.optimizer=adam", "--seed", "7"]).code, 0);
    succeeds(folder, &["train", "--recipe", "one/recipe.toml", "--out", "two"]);
    let read = |file: &str| fs::read(folder.join(file)).unwrap();
    assert_eq!(read("one/recipe.toml"), read("two/recipe.toml"));
    // The model has its recipe in it.
    succeeds(folder, &["train", "--recipe", "one/model.safetensors", "--data", "data", "--out", "three"]);
    assert_eq!(read("one/model.safetensors"), read("three/model.safetensors"));
    assert_eq!(read("one/model.safetensors"), read("two/model.safetensors"));
    let recipe = String::from_utf8(read("one/recipe.toml")).unwrap();
    for setting in
        ["seed = 7", "lr = 0.005", "name = \"adam\"", "batch_size = 16", "mean = ", "size = [16, 16]"]
    {
        assert!(recipe.contains(setting), "{setting} in:\n{recipe}");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let folder = folder(24);
    let folder = folder.path();
    let augment = ["--set", "transforms.augment=true", "--epochs", "1"];
    for (run, threads) in [("one", "1"), ("two", "2"), ("again", "2"), ("four", "4")] {
        let mut args = vec!["train", "--data", "data", "--model", "network.toml", "--batch-size", "10"];
        args.extend(augment);
        args.extend(["--out", run, "--threads", threads]);
        succeeds(folder, &args);
    }
    let weights = |run: &str| fs::read(folder.join(run).join("model.safetensors")).unwrap();
    assert_eq!(weights("one"), weights("two"), "1 and 2 threads");
    assert_eq!(weights("two"), weights("again"), "a second run");
    assert_eq!(weights("one"), weights("four"), "1 and 4 threads");
}

/// Makes the grey images below a folder coloured ones, whose grey differs by the weights that it is taken with.
fn colour(folder: &Path) {
    for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if file.is_dir() {
            colour(&file);
            continue;
        }
        let grey = image::open(&file).unwrap().to_luma8();
        let coloured = RgbImage::from_fn(grey.width(), grey.height(), |x, y| {
            let level = grey.get_pixel(x, y).0[0];
            Rgb([level, 255 - level, (level / 3).wrapping_mul(7)])
        });
        coloured.save(&file).unwrap();
    }
}

#[test]
fn a_list_that_takes_colours_away_does_so_in_prediction_too() {
    let folder = folder(24);
    let folder = folder.path();
    colour(&folder.join("data"));
    let list = "[{type=\"Grayscale\"},{type=\"Normalize\"}]";
    let (train_list, eval_list) = (format!("transforms.train={list}"), format!("transforms.eval={list}"));
    let ran = train(folder, "run", &["--set", &train_list, "--set", &eval_list]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    let metrics = fs::read_to_string(folder.join("run/metrics.jsonl")).unwrap();
    let last: Value = serde_json::from_str(metrics.lines().last().unwrap()).unwrap();
    let trained = last["test_loss"].as_f64().unwrap_or_else(|| panic!("no loss of the test in {last:#}"));

    let found = succeeds(folder, &["eval", "run/model.safetensors", "--data", "data", "--json"]).json();
    let told = found["loss"].as_f64().unwrap();
    assert!(
        (told - trained).abs() < 1e-6 * trained.max(1.0),
        "{told}, but {trained} in the test of training"
    );

    let images = CLASSES
        .iter()
        .flat_map(|class| (0..8).map(move |n| (class, format!("data/test/{class}/{n:03}.png"))));
    let images: Vec<_> = images.collect();
    let mut args = vec!["predict", "run/model.safetensors", "--top-k", "3", "--json"];
    args.extend(images.iter().map(|(_, image)| image.as_str()));
    let predicted = succeeds(folder, &args).json();
    let of_label = |(place, (class, _)): (usize, &(&&str, String))| {
        let top = predicted["predictions"][place]["top"].as_array().unwrap();
        let own = top.iter().find(|one| one["label"].as_str() == Some(class)).unwrap();
        -own["probability"].as_f64().unwrap().ln()
    };
    let loss = images.iter().enumerate().map(of_label).sum::<f64>() / images.len() as f64;
    // Probabilities are f32: 6e-8 of each.
    assert!((loss - trained).abs() < 1e-6 * trained.max(1.0), "{loss} of predictions, {trained} in training");
}

#[test]
fn networks_are_summarised_by_name_and_by_file() {
    let folder = folder(3);
    let ran = succeeds(folder.path(), &["summary", "lesson"]);
    assert!(ran.out.contains("Conv2d") && ran.out.contains("156,074"), "{}", ran.out);
    let summary =
        succeeds(folder.path(), &["summary", "network.toml", "--input", "3x32x32", "--json"]).json();
    assert_eq!(summary["input"], serde_json::json!([3, 32, 32]));
}

#[test]
fn weights_are_listed_written_and_begun_with() {
    let folder = folder(24);
    let folder = folder.path();
    assert_eq!(train(folder, "first", &[]).code, 0);
    let ran = succeeds(folder, &["weights", "first/model.safetensors", "--out", "plain.safetensors"]);
    assert!(ran.out.contains("0.weight") && ran.out.contains("8×1×3×3  float32"), "{}", ran.out);
    assert!(ran.out.contains("a model of Ocelli's, 9 tensors, 1,652 values"), "{}", ran.out);
    let listed = succeeds(folder, &["weights", "plain.safetensors", "--json"]).json();
    assert_eq!((listed["format"].as_str(), listed["values"].as_u64()), (Some("safetensors"), Some(1652)));
    assert_eq!(listed["tensors"].as_array().unwrap().len(), 9);

    let weights = ["--weights", "plain.safetensors", "--freeze", "*", "--freeze", "!6.*"];
    let ran = train(folder, "second", &weights);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("weights   plain.safetensors: 9 of 9 tensors loaded"), "{}", ran.out);
    assert!(ran.out.contains("frozen    4 parameters, 96 of 1,635 values"), "{}", ran.out);
    let recipe = fs::read_to_string(folder.join("second/recipe.toml")).unwrap();
    assert!(recipe.contains("freeze = [\"*\", \"!6.*\"]"), "{recipe}");

    for (args, code, said) in [
        (vec!["weights", "absent.pth"], 2, "absent.pth: cannot be read"),
        (vec!["weights", "network.toml"], 1, "network.toml: is no file of weights"),
        (vec!["weights", "plain.safetensors", "--out", "plain.safetensors"], 2, "would be overwritten"),
        (vec!["train", "--data", "data", "--weights", "absent.pth"], 2, "absent.pth: cannot be read"),
        (vec!["train", "--data", "data", "--freeze", "layer1.*"], 2, "matches no parameter; the nearest"),
    ] {
        let ran = ocelli(folder, &args);
        assert_eq!(ran.code, code, "{args:?}\n{}", ran.err);
        assert!(ran.err.contains(said), "{args:?}: {said} in:\n{}", ran.err);
    }
}

#[test]
fn a_student_learns_from_a_teacher() {
    let folder = folder(12);
    let folder = folder.path();
    assert_eq!(train(folder, "big", &[]).code, 0);
    let teacher = ["--teacher", "big/model.safetensors"];
    let ran =
        train(folder, "small", &[&teacher[..], &["--set", "distill.temperature=2", "--seed", "2"]].concat());
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    // Another seed measures mean and std on other images.
    let said = "teacher   big/model.safetensors: tiny, 1,635 parameters; temperature 2, alpha 0.9, images brought to its mean and std\n";
    assert!(ran.out.contains(said), "{}", ran.out);
    let recipe = fs::read_to_string(folder.join("small/recipe.toml")).unwrap();
    assert!(recipe.contains("[distill]") && recipe.contains("big/model.safetensors"), "{recipe}");
    // The same again from the recipe that was written.
    let again = ocelli(folder, &["train", "--recipe", "small/recipe.toml", "--out", "again"]);
    assert_eq!(again.code, 0, "{}", again.err);
    let read = |run: &str| fs::read(folder.join(run).join("model.safetensors")).unwrap();
    assert!(read("small") == read("again"));

    let fails = |more: &[&str], code: i32, said: &str| {
        let ran = train(folder, "other", more);
        assert!(ran.code == code && ran.err.contains(said), "{said} in\n{}", ran.err);
    };
    let larger = [&teacher[..], &["--set", "transforms.size=[24,24]"]].concat();
    fails(&larger, 2, "it takes 16×16 images, but those to learn from are 24×24");
    fails(&["--set", "distill.alpha=0.5"], 2, "no teacher is named");
    fails(&["--teacher", "network.toml"], 1, "network.toml: ");
    fails(&["--teacher", "nowhere.safetensors"], 2, "nowhere.safetensors: cannot be read");
}
