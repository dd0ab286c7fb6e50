//! A page in a browser. `cargo xtask test` sets `OCELLI_PYTHON` to an interpreter that has Playwright and `OCELLI_CHROMIUM` to the browser; without
//! them, nothing is tested here.

mod common;

use std::path::Path;
use std::process::Command;

use common::{epochs, made};
use ocelli_report::RunStory;

#[test]
fn pages_work_in_a_browser() {
    let (Some(python), Some(chromium)) =
        (std::env::var_os("OCELLI_PYTHON"), std::env::var_os("OCELLI_CHROMIUM"))
    else {
        eprintln!("skipped: OCELLI_PYTHON or OCELLI_CHROMIUM is not set");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing/interop/report_page.py");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let epochs = epochs();
    let run = RunStory { epochs: &epochs, swa: None, recipe: "# a line that is long\nseed = 1" };
    for (classes, images) in [(3, 60), (100, 300)] {
        let names = (0..classes).map(|class| format!("{}class number {class}", "long ".repeat(class % 5)));
        let page =
            made(names.collect(), images).page(Some(run), &["these images were seen in training".into()]);
        let file = folder.path().join(format!("{classes}.html"));
        std::fs::write(&file, page.html).expect("a file");
        let output =
            Command::new(&python).arg(&script).arg(&file).arg(&chromium).output().expect("Python runs");
        assert!(output.status.success(), "{classes} classes: {}", String::from_utf8_lossy(&output.stderr));
        let seen: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(seen.as_object().map(|windows| windows.len()), Some(4), "{seen}");
    }
}
