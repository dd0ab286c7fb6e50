//! `cargo xtask test` and `cargo xtask ci`.

use std::path::PathBuf;

use crate::python::python;
use crate::shell::{Result, cargo, root, run, succeeds};

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
    for example in examples()? {
        run(&mut cargo(&["run", "--quiet", "--release", "--package", "ocelli", "--example", &example]))?;
    }
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

/// The names of `examples/*.rs`. Each runs without arguments, on the sample that ships in the repository.
fn examples() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join("examples"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}
