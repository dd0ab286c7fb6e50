//! `cargo xtask test` and `cargo xtask ci`.

use std::path::PathBuf;

use crate::python::python;
use crate::shell::{Result, cargo, run, succeeds};

/// What a change must pass, cheapest first.
pub(crate) fn ci(interpreter: Option<PathBuf>) -> Result {
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    run(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    test(true, interpreter)
}

/// Everything that proves that it works.
pub(crate) fn test(interop: bool, interpreter: Option<PathBuf>) -> Result {
    run(&mut cargo(&["test", "--workspace", "--doc", "--quiet"]))?;
    let mut tests = if succeeds(&mut cargo(&["nextest", "--version"])) {
        cargo(&["nextest", "run", "--workspace"])
    } else {
        cargo(&["test", "--workspace", "--lib", "--bins", "--tests"])
    };
    if interop {
        tests.env("OCELLI_PYTHON", python(interpreter)?);
    }
    run(&mut tests)
}
