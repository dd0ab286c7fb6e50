//! Triton's client and this server. `cargo xtask test` sets `OCELLI_PYTHON` to an interpreter that has `tritonclient[http]`; without it, nothing
//! is tested with the client.

mod common;

use std::path::Path;
use std::process::Command;

use common::*;
use serde_json::{Value, json};

#[test]
fn tritons_client_gets_the_librarys_answers() {
    let Some(python) = std::env::var_os("OCELLI_PYTHON") else {
        eprintln!("skipped: OCELLI_PYTHON is not set");
        return;
    };
    let (server, folder) = served(|_| {});
    let mut files = Vec::new();
    for seed in 0..3 {
        let path = folder.path().join(format!("{seed}.png"));
        std::fs::write(&path, png(&picture(48, 40, seed))).expect("a file");
        files.push(path);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing/interop/triton_client.py");
    let output = Command::new(python)
        .arg(script)
        .arg(server.address().to_string())
        .args(&files)
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let classifier = classifier(1);
    let expected: Vec<_> = classifier
        .predict_files(&files)
        .expect("predictions")
        .into_iter()
        .map(|answer| answer.expect("an image"))
        .collect();
    let ways = said.as_object().expect("ways");
    assert_eq!(ways.len(), 7, "{said}");
    for (way, rows) in ways {
        for (row, expected) in rows.as_array().expect("rows").iter().zip(&expected) {
            assert_eq!(row["label"], json!(expected.label), "{way}");
            for (label, probability) in &expected.top {
                let place = CLASSES.iter().position(|class| class == label).expect("a class");
                let found = row["probabilities"][place].as_f64().expect("a number");
                assert!((found - f64::from(*probability)).abs() < 1e-5, "{way}: {row}, not {expected:?}");
            }
        }
        assert_eq!(rows.as_array().map(Vec::len), Some(files.len()), "{way}");
    }
    server.stop();
}

#[test]
fn what_is_wrong_is_said_as_the_protocol_has_it() {
    let (server, _folder) = served(|options| options.queue = 4);
    let images = |shape: Value, data: Value| json!({ "inputs": [{ "name": "images", "datatype": "UINT8", "shape": shape, "data": data }] });
    let wrong: [(Value, u16, &str); 10] = [
        (json!({}), 400, "missing field `inputs`"),
        (json!({ "inputs": [] }), 400, "give images (UINT8, [N, height, width, 3], of any size)"),
        (
            json!({ "inputs": [{ "name": "x", "datatype": "FP32", "shape": [1], "data": [1] }] }),
            400,
            "no input is called",
        ),
        (images(json!([1, 1, 1, 3]), json!([1, 2, 300])), 400, "images has 300, which is no UINT8"),
        (images(json!([1, 1, 1, 3]), json!([1, 2])), 400, "shape [1, 1, 1, 3], but 2 elements"),
        (images(json!([1, 1, 3]), json!([1, 2, 3])), 400, "4 dimensions are needed"),
        (images(json!([1, 1, 3, 1]), json!([1, 2, 3])), 400, "images have 1 channels, but the model takes 3"),
        (images(json!([5, 1, 1, 3]), json!(vec![0; 15])), 413, "5 images were sent, but only 4 may wait"),
        (
            json!({ "inputs": [{ "name": "images", "datatype": "UINT8", "shape": [1, 1, 1, 3] }] }),
            400,
            "images has no data",
        ),
        (
            json!({ "inputs": [{ "name": "input", "datatype": "FP32", "shape": [1, 3, 1, 1], "data": [1, 2, 3] }] }),
            400,
            "the network takes 3×32×32",
        ),
    ];
    for (body, status, reason) in wrong {
        let said = post(&server, "/v2/models/first/infer", "application/json", body.to_string().as_bytes());
        assert_eq!(said.status, status, "{body}: {}", said.text());
        let text = said.json()["error"].as_str().expect("a text").to_owned();
        assert!(text.contains(reason), "{text}");
    }
    let right = images(json!([1, 1, 2, 3]), json!([[[[1, 2, 3], [4, 5, 6]]]]));
    let said =
        post(&server, "/v2/models/first/versions/1/infer", "application/json", right.to_string().as_bytes())
            .json();
    assert_eq!(said["outputs"][0]["shape"], json!([1, 3]), "{said}");
    for path in ["/v2/models/second/infer", "/v2/models/first/versions/2/infer"] {
        assert_eq!(post(&server, path, "application/json", right.to_string().as_bytes()).status, 404);
    }
    server.stop();
}
