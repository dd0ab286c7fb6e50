//! Workload S: one prediction as a whole process, from start to exit.

use std::process::{Command, Stdio};
use std::time::Instant;

use super::machine;
use super::process::Programs;
use crate::shell::{Result, root, run};

/// The workload's name.
pub(super) const NAME: &str = "S";

/// One program's whole processes.
#[derive(Default)]
pub(super) struct Whole {
    pub(super) seconds: Vec<f64>,
    /// Bytes; largest seen over the runs.
    pub(super) peak_memory: f64,
}

/// Ocelli's and PyTorch's `predict` on one image with the same weights.
pub(super) struct Both {
    pub(super) ours: Whole,
    pub(super) torch: Whole,
}

/// Trains a model for one epoch on the sample, then lets both predict one of its images in turn.
pub(super) fn measure(programs: &Programs, rounds: usize) -> Result<Both> {
    let out = programs.folder.join("model");
    let _ = std::fs::remove_dir_all(&out);
    let ocelli = programs.release.join("ocelli");
    run(Command::new(&ocelli)
        .args(["train", "--model", "lesson", "--epochs", "1", "--out"])
        .arg(&out)
        .current_dir(root())
        .stdout(Stdio::null()))?;
    let model = out.join("model.safetensors");
    let image = programs.folder.join("image.png");
    run(programs.script("bench/peers/image.py").arg(&image))?;

    let ours = || {
        let mut command = Command::new(&ocelli);
        command.arg("predict").arg(&model).arg(&image);
        command
    };
    let torch = || {
        let mut command = programs.script("bench/peers/predict.py");
        command.arg(&model).arg(&image);
        command
    };
    let mut both = Both { ours: Whole::default(), torch: Whole::default() };
    for _ in 0..rounds {
        both.ours.take(&ours)?;
        both.torch.take(&torch)?;
    }
    Ok(both)
}

impl Whole {
    /// One run for the time and one, watched, for the memory.
    fn take(&mut self, command: &dyn Fn() -> Command) -> Result {
        let start = Instant::now();
        let output = command().output()?;
        self.seconds.push(start.elapsed().as_secs_f64());
        if !output.status.success() {
            return Err(format!("prediction failed: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let mut child = command().stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        while child.try_wait()?.is_none() {
            self.peak_memory = self.peak_memory.max(machine::peak_memory(child.id()).unwrap_or(0.0));
        }
        Ok(())
    }
}
