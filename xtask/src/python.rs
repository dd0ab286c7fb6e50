//! The Python environment that holds PyTorch and ONNX Runtime: `.venv` in the repository's root.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{Result, root, run};

/// The interpreter to use: the given one as it is, or that of `.venv` with `testing/requirements.txt` installed.
pub(crate) fn python(given: Option<PathBuf>) -> Result<PathBuf> {
    given.map_or_else(|| environment(".venv", "testing/requirements.txt"), Ok)
}

/// The interpreter that has MLflow, which goes with older packages than `testing/requirements.txt` has.
pub(crate) fn mlflow() -> Result<PathBuf> {
    environment(".venv-mlflow", "testing/requirements-mlflow.txt")
}

/// The interpreter to use for servers: the given one as it is, or one that has FastAPI and LitServe too.
pub(crate) fn serving(given: Option<PathBuf>) -> Result<PathBuf> {
    given.map_or_else(|| environment(".venv-serving", "testing/requirements-serving.txt"), Ok)
}

/// The interpreter of an environment, made or brought up to date where it has other requirements.
fn environment(folder: &str, requirements: &str) -> Result<PathBuf> {
    let folder = root().join(folder);
    let python = folder.join("bin/python");
    let requirements = root().join(requirements);
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
