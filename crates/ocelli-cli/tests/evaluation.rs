//! `ocelli eval` in full: figures, views, thresholds, temperatures.

mod common;

use common::{CLASSES, folder, ocelli, succeeds, train};
use serde_json::Value;
use std::fs;
use std::path::Path;

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
