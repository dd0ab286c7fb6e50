//! `cargo xtask bench`: Ocelli and its peers in turn, in one run.

mod duel;
mod machine;
mod process;
mod report;
mod whole;
mod workload;

use std::path::PathBuf;

use crate::Options;
use crate::python::python;
use crate::shell::{Result, cargo, root, run, target};
use duel::Duel;
use process::Programs;
use workload::WORKLOADS;

/// What to measure, and for how long.
pub(crate) struct Settings {
    workloads: Option<Vec<String>>,
    threads: Vec<usize>,
    rounds: usize,
    seconds: f64,
}

impl Settings {
    /// Takes its options out of the command line.
    pub(crate) fn from_options(options: &mut Options) -> Result<Self> {
        let threads = options.value("--threads")?.unwrap_or_else(|| "2,1".into());
        let workloads = options
            .value("--workloads")?
            .map(|names| names.split(',').map(str::to_owned).collect::<Vec<_>>());
        for name in workloads.iter().flatten() {
            if name != whole::NAME && !WORKLOADS.iter().any(|work| work.name == name) {
                let known: Vec<_> = WORKLOADS.iter().map(|work| work.name).chain([whole::NAME]).collect();
                return Err(format!("no workload `{name}`; there are {}", known.join(", ")).into());
            }
        }
        Ok(Self {
            workloads,
            threads: threads
                .split(',')
                .map(|count| count.parse().map_err(|_| format!("--threads: `{count}` is no number")))
                .collect::<std::result::Result<_, _>>()?,
            rounds: options
                .value("--rounds")?
                .map_or(Ok(9), |count| count.parse())
                .map_err(|_| "--rounds needs a number")?,
            seconds: options
                .value("--seconds")?
                .map_or(Ok(1.5), |count| count.parse())
                .map_err(|_| "--seconds needs a number")?,
        })
    }

    fn wants(&self, name: &str) -> bool {
        self.workloads.as_ref().is_none_or(|names| names.iter().any(|wanted| wanted == name))
    }
}

/// Builds, measures, prints, and after a run of every workload writes `docs/performance.md`.
pub(crate) fn bench(settings: &Settings, interpreter: Option<PathBuf>) -> Result {
    let python = python(interpreter)?;
    run(&mut cargo(&["build", "--release", "--package", "ocelli-bench", "--package", "ocelli-cli"]))?;
    let programs = Programs { python, release: target().join("release"), folder: target().join("bench") };
    std::fs::create_dir_all(&programs.folder)?;
    machine::warn_if_busy();

    let mut duels = Vec::new();
    for &threads in &settings.threads {
        for work in WORKLOADS.iter().filter(|work| settings.wants(work.name)) {
            eprintln!("{}, {threads} threads:", work.name);
            let duel = Duel::fight(&programs, work, threads, settings)?;
            eprint!("{}", report::rows(&duel));
            duels.push(duel);
        }
    }
    let whole =
        if settings.wants(whole::NAME) { Some(whole::measure(&programs, settings.rounds)?) } else { None };
    let page = report::page(settings, &duels, whole.as_ref());
    if settings.workloads.is_none() {
        let path = root().join("docs/performance.md");
        std::fs::write(&path, page)?;
        eprintln!("wrote {}", path.display());
    } else {
        println!("{page}");
    }
    Ok(())
}
