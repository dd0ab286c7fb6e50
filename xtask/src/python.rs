//! The Python environment that holds PyTorch and ONNX Runtime: `.venv` in the repository's root.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{Result, root, run};

/// The interpreter to use: the given one as it is, or that of `.venv` with `testing/requirements.txt` installed.
pub(crate) fn python(given: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(python) = given {
        return Ok(python);
    }
    let folder = root().join(".venv");
    let python = folder.join("bin/python");
    let requirements = root().join("testing/requirements.txt");
    let installed = folder.join("requirements.txt");
    let wanted = std::fs::read(&requirements)?;
    if std::fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--no-cache-dir", "--requirement"])
        .arg(&requirements))?;
    std::fs::write(installed, wanted)?;
    Ok(python)
}
