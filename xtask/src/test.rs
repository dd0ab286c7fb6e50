//! `cargo xtask test` and `cargo xtask ci`.

use std::path::PathBuf;

use crate::browser::{MISSING, chromium};
use crate::python::{mlflow, python};
use crate::shell::{Result, cargo, run, succeeds, target};
use crate::soak;

/// What is left out of a build unless it is asked for.
pub(crate) const FEATURES: [&str; 2] = ["--features", "ocelli-cli/remote,ocelli-testing/remote"];

/// What a change must pass, cheapest first. Nothing is left out.
pub(crate) fn ci(interpreter: Option<PathBuf>) -> Result {
    chromium().ok_or(MISSING)?;
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    let lints = ["--all-targets", "--", "-D", "warnings"];
    run(cargo(&["clippy", "--workspace"]).args(FEATURES).args(lints))?;
    run(cargo(&["clippy", "--package", "ocelli-data", "--package", "ocelli-cli"]).args(lints))?;
    run(cargo(&["doc", "--workspace", "--no-deps"]).args(FEATURES).env("RUSTDOCFLAGS", "-D warnings"))?;
    test(true, interpreter)?;
    soak::short()
}

/// Everything that proves that it works; pages in a browser only where there is one.
pub(crate) fn test(interop: bool, interpreter: Option<PathBuf>) -> Result {
    run(cargo(&["test", "--workspace", "--doc", "--quiet"]).args(FEATURES))?;
    // libocelli, which no test depends on as crates do, with the features of everything else: by itself it would be compiled once more.
    run(cargo(&["build", "--workspace", "--lib"]).args(FEATURES))?;
    let mut tests = if succeeds(&mut cargo(&["nextest", "--version"])) {
        cargo(&["nextest", "run", "--workspace"])
    } else {
        cargo(&["test", "--workspace", "--lib", "--bins", "--tests"])
    };
    tests.env("OCELLI_C_LIBRARIES", target().join("debug"));
    if interop {
        tests.env("OCELLI_PYTHON", python(interpreter)?);
        tests.env("OCELLI_MLFLOW", mlflow()?);
    }
    let browser = chromium().filter(|_| interop);
    if let Some(browser) = &browser {
        tests.env("OCELLI_CHROMIUM", browser);
    }
    run(tests.args(FEATURES))?;
    if interop && browser.is_none() {
        eprintln!("warning: {MISSING}; the rest passed");
    }
    Ok(())
}
