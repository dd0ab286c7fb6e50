//! `ocelli export` and `ocelli verify`. With `OCELLI_PYTHON` set to an interpreter that has ONNX Runtime, in that; what happens without one, or
//! with one that answers otherwise, is tested everywhere.

mod common;

use common::{Ran, command, folder, ran, succeeds, train};
use std::fs;
use std::path::Path;

const MODEL: &str = "run/model.safetensors";

/// A folder with a trained model.
fn trained() -> tempfile::TempDir {
    let folder = folder(30);
    let run = train(folder.path(), "run", &[]);
    assert_eq!(run.code, 0, "{}", run.err);
    folder
}

/// Runs the command with an interpreter.
fn with(folder: &Path, python: &str, args: &[&str]) -> Ran {
    ran(command(folder, args).env("OCELLI_PYTHON", python))
}

#[test]
fn without_a_runtime_it_is_written_and_said_to_be_unverified() {
    let folder = trained();
    let exported = with(folder.path(), "/no/such/python", &["export", MODEL, "--format", "onnx"]);
    assert_eq!(exported.code, 0, "{}", exported.err);
    assert!(exported.out.contains("verified  not: there is no /no/such/python"), "{}", exported.out);
    assert!(exported.out.contains("pip install onnxruntime"), "{}", exported.out);
    assert!(exported.out.contains("ocelli verify run/model.safetensors run/model.onnx"), "{}", exported.out);
    assert!(folder.path().join("run/model.onnx").is_file());
    let verified = with(folder.path(), "/no/such/python", &["verify", MODEL, "run/model.onnx"]);
    assert_eq!(verified.code, 1, "{}", verified.out);
    let unseen = with(
        folder.path(),
        "/no/such/python",
        &["export", MODEL, "--format", "onnx", "--no-verify", "--out", "other.onnx"],
    );
    assert_eq!(unseen.code, 0, "{}", unseen.err);
    let [one, other] =
        ["run/model.onnx", "other.onnx"].map(|name| fs::read(folder.path().join(name)).unwrap());
    assert_eq!(one, other, "the same file every time");
}

#[cfg(unix)]
#[test]
fn a_runtime_that_answers_otherwise_refuses_the_export() {
    use std::os::unix::fs::PermissionsExt;

    let folder = trained();
    let liar = folder.path().join("liar");
    // Its last argument is the folder that answers go to.
    let answers =
        r#"{"runtime": "A liar 1.0", "classes": null, "answers": [[0.9, 0.05, 0.05], [0.9, 0.05, 0.05]]}"#;
    fs::write(&liar, format!("#!/bin/sh\necho '{answers}' > \"$4/answers.json\"\n")).unwrap();
    fs::set_permissions(&liar, fs::Permissions::from_mode(0o755)).unwrap();
    let before: Vec<_> = listed(&folder.path().join("run"));
    let args = ["export", MODEL, "--format", "onnx", "--images", "2"];
    let refused = with(folder.path(), liar.to_str().unwrap(), &args);
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.err.contains("nothing was written: A liar 1.0 answers otherwise"), "{}", refused.err);
    assert_eq!(listed(&folder.path().join("run")), before, "nothing is left behind");
    // Another number of answers is no answer.
    let refused =
        with(folder.path(), liar.to_str().unwrap(), &["export", MODEL, "--format", "onnx", "--images", "3"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("3 probabilities for each image"), "{}", refused.err);
}

/// The files of a folder.
fn listed(folder: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn wrong_requests_are_told() {
    let folder = trained();
    let refused = |args: &[&str], told: &str| {
        let refused = with(folder.path(), "/no/such/python", args);
        assert_eq!(refused.code, 2, "{args:?}: {} {}", refused.out, refused.err);
        assert!(refused.err.contains(told), "{args:?}: {}", refused.err);
    };
    refused(&["export", MODEL], "--format");
    refused(&["export", MODEL, "--format", "onnx", "--out", "model.bin"], "ends in .onnx");
    refused(&["export", MODEL, "--format", "onnx", "--calibrate", "data"], "onnx-int8");
    refused(&["export", MODEL, "--format", "onnx", "--split", "night"], "night");
    refused(&["verify", MODEL, MODEL], "neither .onnx nor .pt");
    fs::copy(folder.path().join(MODEL), folder.path().join("alone.safetensors")).unwrap();
    refused(&["export", "alone.safetensors", "--format", "onnx"], "--no-verify");
    fs::write(folder.path().join("no.onnx"), "no such file").unwrap();
    let verified = with(folder.path(), "/no/such/python", &["verify", MODEL, "no.onnx"]);
    assert!(verified.code == 1 && verified.err.contains("is no ONNX file"), "{}", verified.err);
}

#[test]
fn onnx_runtime_answers_the_same() {
    if std::env::var_os("OCELLI_PYTHON").is_none() {
        eprintln!("skipped: OCELLI_PYTHON is not set");
        return;
    }
    let folder = trained();
    let forms: [&[&str]; 4] =
        [&[], &["--layout", "nhwc"], &["--floats"], &["--floats", "--layout", "nhwc", "--keep-batch-norm"]];
    for form in forms {
        let args =
            [&["export", MODEL, "--format", "onnx", "--out", "model.onnx", "--data", "data"], form].concat();
        let exported = succeeds(folder.path(), &args);
        assert!(exported.out.contains("verified  by ONNX Runtime"), "{}", exported.out);
        let args =
            ["verify", MODEL, "model.onnx", "--data", "data", "--split", "test", "--images", "5", "--json"];
        let said = succeeds(folder.path(), &args).json();
        assert_eq!(
            (&said["verified"], &said["images"], &said["same_answers"]),
            (&true.into(), &5.into(), &5.into())
        );
        assert!(said["largest_difference"].as_f64().unwrap() < 1e-5, "{said}");
    }
    let exported = succeeds(folder.path(), &["export", MODEL, "--format", "onnx-int8"]);
    assert!(exported.out.contains("with eight bits"), "{}", exported.out);
    assert!(folder.path().join("run/model.int8.onnx").is_file());
    let said = succeeds(folder.path(), &["verify", MODEL, "run/model.int8.onnx", "--json"]).json();
    assert_eq!(said["precision"], "int8");
    // Another model's file.
    train(folder.path(), "other", &["--seed", "7", "--epochs", "1"]);
    let other = common::ocelli(folder.path(), &["verify", "other/model.safetensors", "model.onnx"]);
    assert_eq!(other.code, 1, "{}", other.out);
    assert!(other.err.contains("answers otherwise"), "{}", other.err);
}
