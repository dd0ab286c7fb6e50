//! `cargo xtask serving`: `ocelli serve` beside servers in Python (`bench/serving`).

use std::path::PathBuf;
use std::process::Command;

use crate::Options;
use crate::python::serving;
use crate::shell::{Result, cargo, root, run, target};

/// How long, and what of it.
pub(crate) struct Settings {
    models: String,
    seconds: String,
    rounds: String,
}

/// The models that are served, all of which the page tells of.
const MODELS: &str = "lesson,resnet18";

impl Settings {
    /// Takes its options out of the command line.
    pub(crate) fn from_options(options: &mut Options) -> Result<Self> {
        let mut text = |name: &str, default: &str| -> Result<String> {
            Ok(options.value(name)?.unwrap_or_else(|| default.to_owned()))
        };
        Ok(Self {
            models: text("--models", MODELS)?,
            seconds: text("--seconds", "5")?,
            rounds: text("--rounds", "3")?,
        })
    }
}

/// Builds, measures, prints, and, if all models were measured, writes `docs/serving-performance.md` anew.
pub(crate) fn bench(settings: &Settings, interpreter: Option<PathBuf>) -> Result {
    // It has no option that only succeeds.
    if Command::new("wrk").arg("--version").output().is_err() {
        return Err("wrk asks the servers, and is not there: install it (Debian: apt-get install wrk)".into());
    }
    let python = serving(interpreter)?;
    let what = ["--package", "ocelli-cli", "--package", "ocelli-bench", "--bins"];
    run(cargo(&["build", "--release"]).args(what))?;
    let mut command = Command::new(python);
    command.arg(root().join("bench/serving/run.py"));
    command.arg("--release").arg(target().join("release"));
    command.arg("--folder").arg(target().join("serving"));
    command.args([
        "--models",
        &settings.models,
        "--seconds",
        &settings.seconds,
        "--rounds",
        &settings.rounds,
    ]);
    if settings.models == MODELS {
        command.arg("--page").arg(root().join("docs/serving-performance.md"));
    }
    run(&mut command)
}
