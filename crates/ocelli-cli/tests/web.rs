//! `ocelli export --format web`. What is refused is tested everywhere; the page itself in Chromium, where `OCELLI_CHROMIUM` names it and
//! `OCELLI_PYTHON` an interpreter that has Playwright. ONNX Runtime Web is fetched by the command, once for all tests.

mod common;

use common::{Ran, command, folder, ran, train};
use ocelli::data::Transform;
use ocelli::model::{Classifier, read_weights};
use ocelli::nn::{Shape, zoo};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MODEL: &str = "run/model.safetensors";

/// Where Python and Chromium are.
fn browser() -> Option<(OsString, OsString)> {
    let found = std::env::var_os("OCELLI_PYTHON").zip(std::env::var_os("OCELLI_CHROMIUM"));
    if found.is_none() {
        eprintln!("skipped: OCELLI_PYTHON or OCELLI_CHROMIUM is not set");
    }
    found
}

/// Runs the command with a folder of caches that all tests share, one after the other, so that the first alone fetches.
fn exports(folder: &Path, args: &[&str]) -> Ran {
    let caches = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let turn = fs::File::create(caches.join("web.lock")).expect("a file");
    turn.lock().expect("a turn");
    let args = [&["export"], args].concat();
    let exported = ran(command(folder, &args).env("XDG_CACHE_HOME", caches));
    assert_eq!(exported.code, 0, "{args:?}: {}\n{}", exported.out, exported.err);
    exported
}

/// Runs a script of `testing/interop`.
fn script(python: &OsString, name: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing/interop").join(name));
    command
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Writes what `ocelli predict` says of images.
fn predicted(folder: &Path, model: &str, images: &[String]) -> PathBuf {
    let args = [
        &["predict", "--json", "--top-k", "5", model],
        &*images.iter().map(String::as_str).collect::<Vec<_>>(),
    ];
    let said = common::succeeds(folder, &args.concat());
    let path = folder.join("expected.json");
    fs::write(&path, said.out).expect("a file");
    path
}

#[test]
fn a_page_is_not_made_without_its_runtime_or_over_something_else() {
    let folder = folder(30);
    assert_eq!(train(folder.path(), "run", &[]).code, 0);
    let told = |code: i32, args: &[&str], said: &[&str]| {
        let args = [&["export", MODEL], args].concat();
        let mut command = command(folder.path(), &args);
        // Nobody listens there.
        command
            .env("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9")
            .env("XDG_CACHE_HOME", folder.path().join("caches"));
        let refused = ran(command.env_remove("npm_config_registry"));
        assert_eq!(refused.code, code, "{args:?}: {} {}", refused.out, refused.err);
        said.iter().for_each(|said| assert!(refused.err.contains(said), "{args:?}: {}", refused.err));
    };
    let package = "http://127.0.0.1:9/onnxruntime-web/-/onnxruntime-web-1.30.0.tgz: cannot be fetched";
    told(
        1,
        &["--format", "web"],
        &[package, "NPM_CONFIG_REGISTRY", "--runtime", "npm pack onnxruntime-web@1.30.0"],
    );
    told(2, &["--format", "web", "--runtime", "no.tgz"], &["no.tgz: cannot be read", "npm pack"]);
    told(
        2,
        &["--format", "web", "--runtime", "network.toml"],
        &["is not ONNX Runtime Web 1.30.0", "not 33106585"],
    );
    told(2, &["--format", "web", "--out", "data"], &["data: is there already, and", "--out PATH"]);
    told(2, &["--format", "web", "--layout", "nhwc"], &["--layout nhwc is for --format onnx"]);
    told(2, &["--format", "web", "--floats"], &["--floats is for --format onnx"]);
    told(
        2,
        &["--format", "web", "--calibrate", "data"],
        &["--calibrate is for --format onnx-int8 and web-int8"],
    );
    told(2, &["--format", "onnx", "--runtime", "x.tgz"], &["--runtime is for --format web"]);
    assert!(!folder.path().join("run/web").exists() && !folder.path().join("caches").exists());
}

#[test]
fn the_page_says_of_photographs_what_predict_says() {
    let Some((python, chromium)) = browser() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let photographs = folder.path().join("photographs");
    fs::create_dir(&photographs).expect("a folder");
    succeeds(script(&python, "web_photographs.py").arg(&photographs));
    let said = succeeds(script(&python, "photographs_of_sizes.py").arg(&photographs));
    let [weights, _]: [Value; 2] = serde_json::from_str(&said).expect("JSON");
    lite0(weights.as_str().expect("a path")).save(folder.path().join("lite0.safetensors")).expect("a file");
    exports(folder.path(), &["lite0.safetensors", "--format", "web", "--out", "page", "--no-verify"]);
    let mut images: Vec<String> = fs::read_dir(&photographs)
        .expect("a folder")
        .map(|entry| entry.expect("a file").path().to_str().expect("UTF-8").to_owned())
        .collect();
    images.sort();
    let expected = predicted(folder.path(), "lite0.safetensors", &images);
    let mut page = script(&python, "web_page.py");
    page.arg("answers").arg(folder.path().join("page")).arg(expected).arg(chromium);
    eprint!("{}", succeeds(&mut page));
}

/// EfficientNet-Lite0 with its published weights: a network that tells photographs apart, so that it shows where pixels differ.
fn lite0(weights: &str) -> Classifier {
    let network =
        zoo::build("efficientnet_lite0", Shape::map(3, 224, 224), 1000).expect("a network of the zoo");
    let weights = read_weights(weights).expect("a .pth file that can be read");
    let transforms: Vec<Transform> = serde_json::from_value(json!([
        { "type": "Resize", "size": 256 },
        { "type": "CenterCrop", "size": 224 },
        { "type": "Normalize", "mean": vec![127.0 / 255.0; 3], "std": vec![128.0 / 255.0; 3] },
    ]))
    .expect("transforms");
    // Names that would break a page that takes them for anything but text.
    let names = (0..1000).map(|class| format!("</script><b>class \u{2028}\"{class}\"")).collect();
    let classifier = Classifier::new(network, weights, transforms, names).expect("parts that fit");
    classifier.with_reject(0.5).expect("a probability")
}

/// Two of the images that the model was not trained with.
fn images(folder: &Path) -> [String; 2] {
    ["data/test/dots/000.png", "data/test/down/000.png"].map(|image| common::path(folder, image))
}

#[test]
fn the_page_works_in_a_browser_in_every_way() {
    let Some((python, chromium)) = browser() else { return };
    let folder = folder(30);
    assert_eq!(train(folder.path(), "run", &[]).code, 0);
    let exported = exports(folder.path(), &[MODEL, "--format", "web"]);
    assert!(exported.out.contains("verified  by ONNX Runtime"), "{}", exported.out);
    assert!(exported.out.contains("open run/web/index.html in a browser"), "{}", exported.out);
    // An earlier export is replaced.
    exports(folder.path(), &[MODEL, "--format", "web"]);
    let expected = predicted(folder.path(), MODEL, &images(folder.path()));
    let mut page = script(&python, "web_page.py");
    succeeds(page.arg("controls").arg(folder.path().join("run/web")).arg(expected).arg(chromium));
}

#[test]
fn all_labels_of_a_picture_are_told() {
    let Some((python, chromium)) = browser() else { return };
    let folder = folder(30);
    assert_eq!(train(folder.path(), "run", &[]).code, 0);
    let classifier = Classifier::load(folder.path().join(MODEL)).expect("a model");
    let several = classifier.with_thresholds(vec![0.5, 0.5, 0.9]).expect("thresholds that fit");
    several.save(folder.path().join("several.safetensors")).expect("a file");
    exports(folder.path(), &["several.safetensors", "--format", "web", "--no-verify"]);
    let expected = predicted(folder.path(), "several.safetensors", &images(folder.path()));
    let mut page = script(&python, "web_page.py");
    succeeds(page.arg("answers").arg(folder.path().join("web")).arg(expected).arg(chromium));
}

#[test]
fn browsers_run_eight_bits_too() {
    let Some((python, chromium)) = browser() else { return };
    let folder = folder(30);
    assert_eq!(train(folder.path(), "run", &[]).code, 0);
    let exported = exports(folder.path(), &[MODEL, "--format", "web-int8"]);
    assert!(exported.out.contains("with eight bits"), "{}", exported.out);
    let expected = predicted(folder.path(), MODEL, &images(folder.path()));
    let mut page = script(&python, "web_page.py");
    succeeds(page.arg("labels").arg(folder.path().join("run/web")).arg(expected).arg(chromium));
}
