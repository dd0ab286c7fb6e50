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
use workload::{WORKLOADS, Workload};

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
        let workloads = options.value("--workloads")?.map(|names| named(&names)).transpose()?;
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

    /// Whether all workloads of a kind are wanted.
    fn has_all(&self, kind: fn(&Workload) -> bool) -> bool {
        WORKLOADS.iter().filter(|work| kind(work)).all(|work| self.wants(work.name))
    }
}

/// The workloads of a list of names, in which `networks` and `loading` stand for all of theirs.
fn named(list: &str) -> Result<Vec<String>> {
    let all = |wanted: fn(&Workload) -> bool| -> Vec<String> {
        WORKLOADS.iter().filter(|work| wanted(work)).map(|work| work.name.to_owned()).collect()
    };
    let mut names = Vec::new();
    for name in list.split(',') {
        match name {
            "loading" => names.extend(all(is_loading)),
            "networks" => {
                names.extend(all(|work| !is_loading(work)));
                names.push(whole::NAME.to_owned());
            }
            name if name == whole::NAME || WORKLOADS.iter().any(|work| work.name == name) => {
                names.push(name.to_owned());
            }
            name => {
                let known: Vec<_> = WORKLOADS.iter().map(|work| work.name).chain([whole::NAME]).collect();
                return Err(format!(
                    "no workload `{name}`; there are {}, and networks and loading for all of theirs",
                    known.join(", ")
                )
                .into());
            }
        }
    }
    Ok(names)
}

fn is_loading(work: &Workload) -> bool {
    work.kind.loads()
}

/// Builds, measures, prints, and writes `docs/performance.md` after a run of all networks, `docs/loading.md` after one of all that
/// loads.
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
    let (loading, networks): (Vec<_>, Vec<_>) = duels.iter().partition(|duel| is_loading(duel.work));
    if !networks.is_empty() || whole.is_some() {
        let is_all = settings.has_all(|work| !is_loading(work)) && whole.is_some();
        tell(&report::networks(settings, &networks, whole.as_ref()), "docs/performance.md", is_all)?;
    }
    if !loading.is_empty() {
        tell(&report::loading(settings, &loading), "docs/loading.md", settings.has_all(is_loading))?;
    }
    Ok(())
}

/// Writes a page if it is whole, else prints it.
fn tell(page: &str, path: &str, is_whole: bool) -> Result {
    if is_whole {
        std::fs::write(root().join(path), page)?;
        eprintln!("wrote {path}");
    } else {
        println!("{page}");
    }
    Ok(())
}
