//! A page in a browser. `cargo xtask test` sets `OCELLI_PYTHON` to an interpreter that has Playwright and `OCELLI_CHROMIUM` to the browser; without
//! them, nothing is tested here.

mod common;
#[path = "common/search.rs"]
mod search;

use std::path::Path;
use std::process::Command;

use common::{epochs, made};
use ocelli_report::RunStory;
use serde_json::Value;

/// What a script of `testing/interop` says of a page, in a browser; nothing, where there is none.
fn seen(script: &str, html: &str) -> Option<Value> {
    let (Some(python), Some(chromium)) =
        (std::env::var_os("OCELLI_PYTHON"), std::env::var_os("OCELLI_CHROMIUM"))
    else {
        eprintln!("skipped: OCELLI_PYTHON or OCELLI_CHROMIUM is not set");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing/interop").join(script);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("page.html");
    std::fs::write(&file, html).expect("a file");
    let output = Command::new(&python).arg(&script).arg(&file).arg(&chromium).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[test]
fn pages_of_searches_work_in_a_browser() {
    for (trials, objectives) in [(60, 1), (40, 2), (1, 1)] {
        let page = search::searched(trials, objectives).page();
        let Some(seen) = seen("search_page.py", &page.html) else { return };
        let figures = page.figures.len() as u64;
        let windows = seen.as_object().expect("windows");
        assert!(windows.len() == 4 && windows.values().all(|seen| seen.as_u64() == Some(figures)), "{seen}");
    }
}

#[test]
fn pages_work_in_a_browser() {
    let epochs = epochs();
    let run = RunStory { epochs: &epochs, swa: None, recipe: "# a line that is long\nseed = 1" };
    for (classes, images) in [(3, 60), (100, 300)] {
        let names = (0..classes).map(|class| format!("{}class number {class}", "long ".repeat(class % 5)));
        let page =
            made(names.collect(), images).page(Some(run), &["these images were seen in training".into()]);
        let Some(seen) = seen("report_page.py", &page.html) else { return };
        assert_eq!(seen.as_object().map(|windows| windows.len()), Some(4), "{classes} classes: {seen}");
    }
}
