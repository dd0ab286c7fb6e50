//! `ocelli eval` in full: figures, views, thresholds, temperatures.

mod common;

use common::{CLASSES, folder, ocelli, succeeds, train};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const MODEL: &str = "run/model.safetensors";

/// A folder with a model that was trained for one epoch: it is not always right.
fn trained() -> tempfile::TempDir {
    let folder = folder(12);
    let ran = train(folder.path(), "run", &["--epochs", "1", "--lr", "0.001"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    folder
}

fn eval(folder: &Path, more: &[&str]) -> common::Ran {
    succeeds(folder, &[&["eval", MODEL, "--data", "data/train"][..], more].concat())
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn the_document_has_every_figure_and_the_text_tells_them() {
    let folder = trained();
    let folder = folder.path();
    let ran = eval(folder, &["--json", "--bins", "10", "--bootstrap", "100", "--top-losses", "3"]);
    let found = ran.json();
    for key in ["accuracy", "top5_accuracy", "balanced_accuracy", "brier_score", "loss"] {
        assert!(number(&found[key]) >= 0.0, "{key}");
    }
    for key in ["roc_auc", "average_precision"] {
        assert!((0.0..=1.0).contains(&number(&found[key]["macro"])), "{key}");
    }
    assert_eq!(found["calibration"]["bins"].as_array().unwrap().len(), 10);
    let accuracy = &found["intervals"]["accuracy"];
    let all = number(&found["accuracy"]);
    assert!(number(&accuracy["low"]) <= all && all <= number(&accuracy["high"]), "{accuracy}");
    let losses = found["top_losses"].as_array().unwrap();
    assert_eq!(losses.len(), 3);
    assert!(losses[0]["image"].as_str().unwrap().ends_with(".png"), "{losses:?}");
    assert_eq!(found["classes"][0]["name"], CLASSES[0]);
    let text = eval(folder, &[]).out;
    for said in [
        "balanced accuracy",
        "ROC-AUC, macro",
        "95% of resamples",
        "taken for",
        "answered",
        "highest losses:",
    ] {
        assert!(text.contains(said), "{said} in\n{text}");
    }
    assert!(!eval(folder, &["--bootstrap", "0"]).out.contains("resamples"));
}

#[test]
fn every_image_is_told_with_its_probabilities() {
    let folder = trained();
    let folder = folder.path();
    let (table, found) = (eval(folder, &["--csv", "--reject", "0.5"]).out, eval(folder, &["--json"]).json());
    let mut lines = table.lines();
    let expected = "image,truth,predicted,probability,loss,rejected,probability_across,probability_dots,probability_down";
    assert_eq!(lines.next(), Some(expected));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len() as u64, found["images"].as_u64().unwrap());
    let loss = rows.iter().map(|row| row[4].parse::<f64>().unwrap()).sum::<f64>() / rows.len() as f64;
    assert!((loss - number(&found["loss"])).abs() < 1e-5);
    for row in rows {
        let probabilities: Vec<f32> = row[6..].iter().map(|p| p.parse().unwrap()).collect();
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{row:?}");
        assert!(Path::new(row[0]).components().any(|part| part.as_os_str() == row[1]), "{row:?}");
        assert_eq!(row[5], (row[3].parse::<f32>().unwrap() < 0.5).to_string());
    }
}

#[test]
fn views_are_averaged() {
    let folder = trained();
    let folder = folder.path();
    let loss = |views: &[&str]| number(&eval(folder, &[&["--json"], views].concat()).json()["loss"]);
    let plain = loss(&[]);
    // The classes are stripes and dots: mirrored they look much the same, and yet other than before.
    let flipped = loss(&["--tta", "hflip", "--tta", "vflip"]);
    assert!(flipped != plain && flipped.is_finite());
    assert!(loss(&["--tta", "ten-crop"]) != plain);
    assert_eq!(loss(&["--tta", "{ type = \"RandomVerticalFlip\", p = 0.0 }"]), plain, "the same view twice");
    let noise = ["--tta", "{ type = \"RandomInvert\" }", "--seed"];
    let drawn = |seed| loss(&[&noise[..], &[seed]].concat());
    assert_eq!(drawn("1"), drawn("1"));
    let ran = ocelli(folder, &["eval", MODEL, "--data", "data", "--tta", "sideways"]);
    assert!(ran.code == 2 && ran.err.contains("none of hflip"), "{}", ran.err);
    let ran = ocelli(folder, &["eval", MODEL, "--data", "data", "--tta", "five-crop", "--tta", "ten-crop"]);
    assert!(ran.code == 2 && ran.err.contains("ask for one"), "{}", ran.err);
}

#[test]
fn what_is_to_be_saved_is_saved_though_nobody_reads_the_figures() {
    let folder = trained();
    let folder = folder.path();
    let loss = || number(&eval(folder, &["--json"]).json()["loss"]);
    let before = loss();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocelli"));
    command.args(["eval", MODEL, "--data", "data", "--fit-temperature", "--save"]).current_dir(folder);
    let mut running = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(running.stdout.take());
    running.wait().unwrap();
    assert!(loss() < before);
}

#[test]
fn a_temperature_and_a_threshold_are_saved_and_used() {
    let folder = trained();
    let folder = folder.path();
    let before = eval(folder, &["--json"]).json();
    assert!(before["temperature"].is_null() && before["reject"].is_null());
    let image = "data/test/dots/000.png";
    let said = succeeds(folder, &["predict", MODEL, image, "--json"]).json();
    let fitted = eval(folder, &["--fit-temperature", "--reject", "1", "--json"]).json();
    assert_eq!(eval(folder, &["--json"]).json(), before, "nothing is saved unasked");
    let text = eval(folder, &["--fit-temperature", "--reject", "1", "--save"]).out;
    assert!(text.contains("it is saved in the model") && text.contains("saved in the model\n"), "{text}");
    let after = eval(folder, &["--json"]).json();
    assert_eq!((&after["accuracy"], &after["loss"]), (&before["accuracy"], &fitted["loss"]));
    assert!(number(&after["loss"]) < number(&before["loss"]));
    assert_eq!(number(&fitted["temperature"]["loss_before"]), number(&before["loss"]));
    assert_eq!(number(&after["reject"]["threshold"]), 1.0);
    let now = succeeds(folder, &["predict", MODEL, image, "--json"]).json();
    let (said, now) = (&said["predictions"][0], &now["predictions"][0]);
    assert_eq!((said["rejected"].as_bool(), now["rejected"].as_bool()), (Some(false), Some(true)));
    assert!(said["label"] == now["label"] && said["probability"] != now["probability"], "{said} {now}");
    assert!(succeeds(folder, &["predict", MODEL, image]).out.contains("not sure enough: "));
    assert!(
        succeeds(folder, &["predict", MODEL, image, "--csv"])
            .out
            .starts_with("image,label,probability,label_2,")
    );
    // Fitted once more on the same images, it stays.
    let again = number(&eval(folder, &["--fit-temperature", "--json"]).json()["temperature"]["fitted"]);
    assert!((again / number(&fitted["temperature"]["fitted"]) - 1.0).abs() < 1e-3, "{again}");
    // What a resume needs stays beside it in the file of the last epoch.
    fs::copy(folder.join("run/last.safetensors"), folder.join(MODEL)).unwrap();
    let long = fs::metadata(folder.join(MODEL)).unwrap().len();
    eval(folder, &["--reject", "0.25", "--save"]);
    assert!(fs::metadata(folder.join(MODEL)).unwrap().len() >= long);
    let ran = ocelli(folder, &["eval", MODEL, "--data", "data", "--save"]);
    assert!(ran.code == 2 && ran.err.contains("nothing to save"), "{}", ran.err);
}

/// A folder with a manifest of images that show dots, are light, both or neither, and a model of them.
fn trained_on_several() -> tempfile::TempDir {
    let folder = folder(1);
    let path = folder.path();
    let mut lines = "path,labels,split\n".to_owned();
    for number in 0..48_u32 {
        let (dots, light) = (number % 2 == 0, number / 2 % 2 == 0);
        let image = image::GrayImage::from_fn(16, 16, |x, y| {
            let dot = dots && x % 4 < 2 && y % 4 < 2;
            image::Luma([u8::from(dot) * 90
                + u8::from(light) * 100
                + ((x * 7 + y * 5 + number * 3) % 20) as u8])
        });
        image.save(path.join(format!("{number}.png"))).unwrap();
        let labels: Vec<&str> = [("dots", dots), ("light", light)]
            .iter()
            .filter(|(_, has)| *has)
            .map(|(name, _)| *name)
            .collect();
        let split = if number < 36 { "train" } else { "test" };
        lines += &format!("{number}.png,{},{split}\n", labels.join(";"));
    }
    fs::write(path.join("several.csv"), lines).unwrap();
    let more = ["--data", "several.csv", "--epochs", "20", "--set", "data.label_separator=;"];
    let ran = train(path, "run", &more);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("2 classes (any number an image)"), "{}", ran.out);
    folder
}

#[test]
fn images_may_have_several_labels_from_end_to_end() {
    let folder = trained_on_several();
    let folder = folder.path();
    let data = ["--data", "several.csv", "--label-separator", ";"];
    let eval = |more: &[&str]| succeeds(folder, &[&["eval", MODEL][..], &data, more].concat());
    let found = eval(&["--json"]).json();
    assert_eq!((found["multi_label"].as_bool(), found["images"].as_u64()), (Some(true), Some(12)));
    assert!(number(&found["mean_average_precision"]) > 0.95, "{found:#}");
    assert!(number(&found["accuracy"]) > 0.7 && number(&found["macro"]["f1"]) > 0.8, "{found:#}");
    let told = fs::read_to_string(folder.join("run/metrics.jsonl")).unwrap();
    let test: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert!((number(&test["test_loss"]) - number(&found["loss"])).abs() < 1e-6, "{test}");
    assert_eq!(test["test_accuracy"], found["accuracy"]);
    let text = eval(&[]).out;
    assert!(text.contains("mAP ") && text.contains("threshold") && text.contains("micro"), "{text}");
    let table = eval(&["--csv"]).out;
    assert_eq!(table.lines().next(), Some("image,truth,predicted,probability_dots,probability_light"));
    assert!(table.contains(",dots|light,"), "{table}");
    eval(&["--fit-thresholds", "--save"]);
    let after = eval(&["--json"]).json();
    assert!(number(&after["macro"]["f1"]) >= number(&found["macro"]["f1"]) - 1e-9);
    let said = succeeds(folder, &["predict", MODEL, "40.png", "43.png", "--json"]).json();
    let labels = |place: usize| said["predictions"][place]["labels"].as_array().unwrap().len();
    assert_eq!((labels(0), labels(1)), (2, 0), "{said:#}");
    let said = succeeds(folder, &["predict", MODEL, "40.png", "43.png"]).out;
    assert!(said.contains("none; the likeliest: "), "{said}");
    let said = succeeds(folder, &["predict", MODEL, "40.png", "--csv"]).out;
    assert!(
        said.starts_with("image,label,probability,label_2,probability_2,labels\n")
            && (said.contains("dots|light") || said.contains("light|dots")),
        "{said}"
    );
    let info = succeeds(folder, &["data", "info", "several.csv", "--label-separator", ";"]).out;
    assert!(
        info.contains("1.0 labels an image, 2 at most, 9 images without any") && info.contains("\nlabels"),
        "{info}"
    );
    let check = ocelli(folder, &["data", "check", "several.csv", "--label-separator", ";", "--json"]).json();
    assert_eq!(check["multi_label"].as_bool(), Some(true));
    let split = ["data", "split", "several.csv", "--label-separator", ";", "--out", "again.csv"];
    succeeds(folder, &split);
    let again = fs::read_to_string(folder.join("again.csv")).unwrap();
    assert!(again.starts_with("path,labels,split\n") && again.contains(",dots|light,"), "{again}");
}

#[test]
fn what_is_for_one_label_is_not_for_several() {
    let folder = trained_on_several();
    let folder = folder.path();
    let refused = |args: &[&str], said: &str| {
        let ran = ocelli(folder, args);
        assert!(ran.code == 2 && ran.err.contains(said), "{said} in\n{}", ran.err);
    };
    let data = ["--data", "several.csv", "--label-separator", ";"];
    let eval = |flag: &'static [&'static str]| [&["eval", MODEL][..], &data, flag].concat();
    refused(&eval(&["--fit-temperature"]), "--fit-temperature is for a model that tells one label");
    refused(&eval(&["--reject", "0.5"]), "--reject is for a model");
    refused(&eval(&["--bins", "15"]), "--bins is for a model that tells one label");
    refused(&eval(&["--bootstrap", "0"]), "--bootstrap is for a model that tells one label");
    refused(&eval(&["--top-losses", "5"]), "--top-losses is for a model that tells one label");
    refused(&eval(&["--save"]), "--fit-thresholds");
    refused(&["report", "run"], "it tells several labels an image, and a page is about one");
    succeeds(folder, &["embed", MODEL, "several.csv", "--label-separator", ";", "--out", "vectors"]);
    let list = fs::read_to_string(folder.join("vectors.csv")).unwrap();
    assert!(list.lines().any(|line| line.ends_with(",test,dots|light")), "{list}");
    let train = |setting: &'static str| {
        let set = ["--set", "data.label_separator=;", "--set", setting, "--out", "other"];
        [&["train", "--data", "several.csv", "--model", "network.toml"][..], &set].concat()
    };
    refused(&train("train.loss=focal"), "take binary-cross-entropy");
    refused(&train("train.label_smoothing=0.1"), "only cross-entropy has it");
    refused(&train("data.sampler=balanced"), "images have several labels");
    let one = ["train", "--data", "data", "--model", "network.toml", "--out", "one"];
    refused(&[&one[..], &["--set", "train.loss=binary-cross-entropy"]].concat(), "one label each");
    let ran = train_single(folder);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let single = "single/model.safetensors";
    refused(
        &[&["eval", single][..], &data].concat(),
        "its images have several labels, but the model tells one",
    );
    refused(
        &["eval", single, "--data", "data/train", "--fit-thresholds"],
        "--fit-thresholds is for a model that tells several",
    );
}

fn train_single(folder: &Path) -> common::Ran {
    common::images(&folder.join("data/train"), 4, 1);
    common::images(&folder.join("data/test"), 2, 2);
    train(folder, "single", &["--epochs", "1"])
}
