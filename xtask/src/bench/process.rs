//! The processes that take turns: each is started, says that it is ready, and answers commands by lines of JSON.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::machine;
use super::workload::Workload;
use crate::shell::{Result, root};

/// Variables that would change what the peers' libraries choose by themselves.
const FOREIGN_VARIABLES: [&str; 10] =
    ["ATEN_", "DNNL_", "GOMP_", "KMP_", "MKL_", "NVPL_", "OMP_", "ONEDNN_", "OPENBLAS_", "TORCH"];

/// Where the programs are.
pub(super) struct Programs {
    pub(super) python: PathBuf,
    /// Cargo's `target/release`.
    pub(super) release: PathBuf,
    /// For logs, exported networks, photographs and caches.
    pub(super) folder: PathBuf,
}

impl Programs {
    /// Ocelli on a workload, with an instruction set by force or the best one.
    pub(super) fn ours(&self, work: &Workload, threads: usize, isa: Option<&str>) -> Result<Contestant> {
        let mut command = Command::new(self.release.join("ocelli-bench"));
        command
            .args(["--workload", work.name, "--threads", &threads.to_string(), "--folder"])
            .arg(&self.folder);
        if let Some(isa) = isa {
            command.env("OCELLI_ISA", isa);
        }
        Contestant::start(
            command,
            &self.folder,
            format!("{}-{threads}-ocelli{}", work.name, isa.unwrap_or_default()),
        )
    }

    /// A peer on a workload.
    pub(super) fn peer(&self, work: &Workload, threads: usize, variant: &str) -> Result<Contestant> {
        let mut command = self.script(work.kind.script());
        command
            .args([
                "--workload",
                work.name,
                "--threads",
                &threads.to_string(),
                "--variant",
                variant,
                "--folder",
            ])
            .arg(&self.folder);
        let label = variant.replace([',', ' '], "-");
        Contestant::start(command, &self.folder, format!("{}-{threads}-{label}", work.name))
    }

    /// A Python script in an environment that leaves the peers' libraries at their own best choices.
    pub(super) fn script(&self, path: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(root().join(path));
        for (name, _) in std::env::vars_os() {
            if FOREIGN_VARIABLES.iter().any(|start| name.to_string_lossy().starts_with(start)) {
                command.env_remove(name);
            }
        }
        command
    }
}

/// A process that is ready to be measured. It is ended when dropped.
pub(super) struct Contestant {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    log: PathBuf,
    /// What it said when it was ready.
    pub(super) ready: Ready,
}

/// The first line of a process.
#[derive(Deserialize)]
pub(super) struct Ready {
    /// Libraries and their versions.
    pub(super) versions: Map<String, Value>,
    /// Floating-point operations for one image, two for each multiply-add; Ocelli tells it where a network runs.
    pub(super) flops_per_image: Option<f64>,
}

/// The outcome of one turn.
#[derive(Clone, Copy, Deserialize)]
pub(super) struct Reading {
    pub(super) images_per_s: f64,
    /// Median time of an iteration, microseconds.
    pub(super) latency_us: f64,
    /// The process's largest resident size so far, bytes.
    pub(super) peak_memory: f64,
    /// Cores that other processes kept busy meanwhile.
    #[serde(skip)]
    pub(super) others: f64,
}

#[derive(Deserialize)]
struct Peak {
    gflops: f64,
}

impl Contestant {
    fn start(mut command: Command, folder: &Path, label: String) -> Result<Self> {
        let log = folder.join(format!("{label}.log"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().to_string_lossy()))?;
        let commands = child.stdin.take().ok_or("no pipe to its input")?;
        let mut answers = BufReader::new(child.stdout.take().ok_or("no pipe from its output")?);
        match read(&mut answers, &log) {
            Ok(ready) => Ok(Self { child, commands, answers, log, ready }),
            Err(error) => {
                let _ = child.kill();
                child.wait()?;
                Err(error)
            }
        }
    }

    /// One turn.
    pub(super) fn run(&mut self, seconds: f64) -> Result<Reading> {
        let before = machine::Usage::now(self.child.id());
        let reading: Reading = self.ask(&format!("run {seconds}"))?;
        Ok(Reading { others: before.others_since(self.child.id()), ..reading })
    }

    /// The machine's fused-multiply-add peak with this process's threads, GFLOP/s; Ocelli's alone knows it.
    pub(super) fn peak(&mut self, seconds: f64) -> Result<f64> {
        Ok(self.ask::<Peak>(&format!("peak {seconds}"))?.gflops)
    }

    fn ask<T: DeserializeOwned>(&mut self, command: &str) -> Result<T> {
        writeln!(self.commands, "{command}")?;
        read(&mut self.answers, &self.log)
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next line as what it should be; else an error with what the process last logged.
fn read<T: DeserializeOwned>(answers: &mut BufReader<ChildStdout>, log: &Path) -> Result<T> {
    let mut line = String::new();
    answers.read_line(&mut line)?;
    if line.is_empty() {
        let logged = std::fs::read_to_string(log).unwrap_or_default();
        let last = logged.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing logged");
        let name = log.file_name().unwrap_or_default().display();
        return Err(format!("ended: {last} (all in {name})").into());
    }
    serde_json::from_str(&line).map_err(|error| format!("answered `{}`: {error}", line.trim()).into())
}
