//! `ocelli report`: the page says what `eval` says, and nothing of the user's is overwritten.

mod common;

use common::{folder, images, ocelli, succeeds, train};
use std::fs;
use std::path::Path;

const MODEL: &str = "run/model.safetensors";

/// A folder with a run, `run`, on `data`, of which one class has a name that would be a script.
fn trained() -> tempfile::TempDir {
    let folder = folder(12);
    for part in ["train", "test"] {
        let classes = folder.path().join("data").join(part);
        fs::rename(classes.join("dots"), classes.join("<script>alert(1)<script>")).unwrap();
    }
    let ran = train(folder.path(), "run", &[]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    folder
}

fn page(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn a_run_becomes_a_page_with_the_figures_of_eval() {
    let folder = trained();
    let folder = folder.path();
    let ran = succeeds(folder, &["report", "run"]);
    assert!(ran.out.contains("run/report.html"), "{}", ran.out);
    let html = page(folder, "run/report.html");
    let found = succeeds(folder, &["eval", MODEL, "--data", "data", "--json"]).json();
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let percent = |value: &serde_json::Value| format!("{:.1}%", 100.0 * number(value));
    for shown in [
        percent(&found["accuracy"]),
        percent(&found["balanced_accuracy"]),
        percent(&found["macro"]["f1"]),
        percent(&found["calibration"]["error"]),
        format!("{:.4}", number(&found["loss"])),
        format!("{:.4}", number(&found["brier_score"])),
        format!(
            "{:.4} to {:.4}",
            number(&found["intervals"]["log_loss"]["low"]),
            number(&found["intervals"]["log_loss"]["high"])
        ),
    ] {
        assert!(html.contains(&format!(">{shown}<")), "{shown} in\n{html}");
    }
    for class in found["classes"].as_array().unwrap() {
        assert!(html.contains(&format!(">{}<", percent(&class["f1"]))), "{class}");
    }
    assert!(html.contains("&lt;script&gt;alert(1)&lt;script&gt;") && !html.contains("<script>alert"));
    assert!(html.contains("[train]") && html.contains("epochs = 3"), "the recipe");
    assert!(html.contains("<p>3 epochs, "), "the curves");
    let files = fs::read_dir(folder.join("run/report")).unwrap().count();
    assert!(
        files >= 16 && ran.out.contains(&format!("run/report: {}, as SVG and PNG", files / 2)),
        "{}",
        ran.out
    );
    let metrics =
        page(folder, "run/metrics.jsonl") + "{\"swa_epochs\":2,\"val_loss\":0.5,\"val_accuracy\":0.75}\n";
    fs::write(folder.join("run/metrics.jsonl"), metrics).unwrap();
    assert!(ocelli(folder, &["report", "run"]).code == 0, "an earlier report is replaced");
    assert!(page(folder, "run/report.html").contains("mean of the weights of the last 2 epochs"));
}

#[test]
fn a_model_alone_has_no_curves_and_needs_data() {
    let folder = trained();
    let folder = folder.path();
    fs::copy(folder.join(MODEL), folder.join("alone.safetensors")).unwrap();
    let ran = ocelli(folder, &["report", "alone.safetensors"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("--data PATH"), "{}", ran.err);
    succeeds(
        folder,
        &["report", "alone.safetensors", "--data", "data", "--split", "train", "--out", "about"],
    );
    let html = page(folder, "about.html");
    assert!(html.contains("there are no curves") && html.contains("the model was trained on"), "{html}");
    assert!(!folder.join("about/loss.svg").exists() && folder.join("about/confusion.png").exists());
    // The folder of the figures is there now, and is no folder to write a page into.
    let again = ["report", "alone.safetensors", "--data", "data", "--split", "test", "--out"];
    let ran = succeeds(folder, &[&again[..], &["about"]].concat());
    assert!(ran.out.contains("page      about.html"), "{}", ran.out);
    assert!(page(folder, "about.html") != html && !folder.join("about/report.html").exists());
    succeeds(folder, &[&again[..], &["run-v0.5"]].concat());
    assert!(folder.join("run-v0.5.html").is_file() && folder.join("run-v0.5/confusion.svg").is_file());
}

#[test]
fn what_is_wrong_with_the_validation_images_costs_no_figure() {
    let folder = trained();
    let folder = folder.path();
    let val = folder.join("data/val");
    images(&val, 2, 3);
    let odd = "<script>alert(1)<script>";
    fs::rename(val.join("dots"), val.join(odd)).unwrap();
    // Where all is right there is no best temperature.
    for part in [&val, &folder.join("data/test")] {
        fs::copy(part.join(odd).join("000.png"), part.join("down/odd.png")).unwrap();
    }
    let ran = succeeds(folder, &["report", "run", "--split", "validation"]);
    assert!(ran.out.contains("of 7 images: val images"), "{}", ran.out);
    let fitted = |html: &str| {
        let (_, after) =
            html.split_once("fitted on ").or_else(|| html.split_once("the best on ")).expect("a temperature");
        after.split([',', '.']).next().unwrap().to_owned()
    };
    assert_eq!(fitted(&page(folder, "run/report.html")), "the images that are measured on", "once is enough");
    fs::write(val.join("down/000.png"), "no picture").unwrap();
    let ran = succeeds(folder, &["report", "run"]);
    assert!(ran.err.contains("warning: ") && ran.err.contains("val/down/000.png"), "{}", ran.err);
    for class in fs::read_dir(&val).unwrap() {
        for file in fs::read_dir(class.unwrap().path()).unwrap() {
            fs::write(file.unwrap().path(), "no picture").unwrap();
        }
    }
    let ran = succeeds(folder, &["report", "run"]);
    assert!(ran.out.contains("page      run/report.html"), "{}", ran.out);
    assert!(ran.err.contains("val/across/001.png"), "{}", ran.err);
    assert_eq!(fitted(&page(folder, "run/report.html")), "the images that are measured on");
}

#[test]
fn what_is_not_a_report_is_not_overwritten_and_errors_teach() {
    let folder = trained();
    let folder = folder.path();
    fs::write(folder.join("mine.html"), "<p>mine</p>").unwrap();
    let ran = ocelli(folder, &["report", "run", "--out", "mine.html"]);
    assert_eq!((ran.code, page(folder, "mine.html").as_str()), (2, "<p>mine</p>"));
    assert!(ran.err.contains("mine.html is there already, and not from an earlier report"), "{}", ran.err);
    let ran = ocelli(folder, &["report", "data"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("data: is not the folder of a run: it has no recipe.toml"), "{}", ran.err);
    images(&folder.join("other"), 3, 5);
    fs::rename(folder.join("other/down"), folder.join("other/up")).unwrap();
    let ran = ocelli(folder, &["report", "run", "--data", "other"]);
    assert!(ran.code != 0 && ran.err.contains(", which the model does not know"), "{}", ran.err);
    fs::rename(folder.join("data"), folder.join("moved")).unwrap();
    let ran = ocelli(folder, &["report", "run"]);
    assert!(ran.err.contains("if it was moved: --data PATH"), "{}", ran.err);
    succeeds(folder, &["report", "run", "--data", "moved"]);
    fs::write(folder.join("run/metrics.jsonl"), "{ not json\n").unwrap();
    let ran = ocelli(folder, &["report", "run", "--data", "moved"]);
    assert!(ran.code == 2 && ran.err.contains("metrics.jsonl: line 1: "), "{}", ran.err);
}
