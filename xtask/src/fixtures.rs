//! `cargo xtask fixtures`.

use std::path::PathBuf;
use std::process::Command;

use crate::python::python;
use crate::shell::{Result, root, run};

/// Makes the golden fixtures anew; fails if one is not what is committed.
pub(crate) fn make(interpreter: Option<PathBuf>) -> Result {
    run(Command::new(python(interpreter)?).arg(root().join("testing/fixtures/make.py")))
}
