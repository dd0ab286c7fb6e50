//! Photographs of many sizes, and how a file is used.

use std::path::Path;
use std::process::Command;

use ocelli_export::torchscript;
use ocelli_testing::Report;
use serde_json::json;

use crate::lite0::{lite0, photographs};
use crate::session::{Session, python, script};
use crate::{TOLERANCE, names, predictions, probabilities};

#[test]
fn photographs_of_many_sizes_get_the_same_probabilities() {
    let Some(mut session) = Session::new() else { return };
    let (weights, files) = photographs(session.python(), session.folder());
    let classifier = lite0(&weights, names(1000));
    let bytes = torchscript::export(&classifier).expect("a classifier that can be exported");
    std::fs::write(session.path("lite0"), bytes).expect("a file");
    let expected = predictions(&classifier, &files);
    let mut jobs = Vec::new();
    for file in &files {
        for form in ["float", "uint8"] {
            jobs.push((file, form, session.run_image("lite0", "forward", file, form, json!({}))));
        }
    }
    let copies = session.run_image("lite0", "forward", &files[0], "float", json!({ "copies": true }));
    let answers = session.finish();
    let mut report = Report::default();
    for (at, (file, form, job)) in jobs.iter().enumerate() {
        let ours = probabilities(&classifier, &expected[at / 2]);
        let case = Path::new(file).file_name().unwrap_or_default().to_string_lossy();
        report.compare(&case, form, answers.output(*job), &ours, 1.0, TOLERANCE);
    }
    let ours = probabilities(&classifier, &expected[0]);
    for (what, output) in answers.copies(copies) {
        report.compare("copies", what, output, &ours, 1.0, TOLERANCE);
    }
    report.finish();
}

#[test]
fn the_example_runs_as_it_stands() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (weights, files) = photographs(&python, folder.path());
    let classifier = lite0(&weights, names(1000));
    let bytes = torchscript::export(&classifier).expect("a classifier that can be exported");
    std::fs::write(folder.path().join("standalone_model.pt"), bytes).expect("a file");
    let odd = files.iter().find(|file| file.ends_with("1001x777.jpg")).expect("a photograph of that size");
    std::fs::copy(odd, folder.path().join("photo.jpg")).expect("a copy");
    let said = Command::new(python)
        .arg(script("standalone_model.py"))
        .current_dir(folder.path())
        .output()
        .expect("Python runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let ours = predictions(&classifier, std::slice::from_ref(odd));
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim_end(), format!("Prediction: {}", ours[0].label));
}
