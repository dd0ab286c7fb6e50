//! `ocelli tune`: many trainings in search of good settings.

mod objective;
mod pruner;
mod settings;
mod trial;

use super::report::files::Files;
use super::report::search::{leave, summary};
use super::threads;
use super::train::{command, name_of};
use crate::args::TuneArgs;
use crate::args::tune::SamplerName;
use crate::failure::Failure;
use crate::folder;
use crate::interrupt;
use crate::text::{duration, figure, plural, shell, warn};
use crate::tracking::{Kept, Place, Tracking};
use ocelli::report::search::{self, settings as told};
use ocelli::track::RunStatus;
use ocelli::train::SharedData;
use ocelli::tune::{
    GpSampler, GpSamplerOptions, GridOptions, GridSampler, Journal, LockOptions, Outcome, RandomSampler,
    SobolSampler, Space, Study, StudyOptions, TpeOptions, TpeSampler, Trial,
};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use objective::Objective;
pub(crate) use pruner::PrunerChoice;

/// The search's journal in its folder.
pub(crate) const JOURNAL: &str = "study.log";
/// The best trial's recipe there.
const BEST: &str = "best.toml";
/// Trials that are listed at the end where there are several objectives.
const LISTED: usize = 10;

/// A search that is under way.
pub(super) struct Search<'a> {
    args: &'a TuneArgs,
    objectives: Vec<Objective>,
    study: Study,
    out: PathBuf,
    /// Threads of each trial.
    threads: usize,
    /// Opened and decoded once for all trials.
    data: SharedData,
    tracking: Mutex<Tracking>,
    until: Option<Instant>,
}

pub(crate) fn run(args: &TuneArgs) -> Result<(), Failure> {
    let objectives =
        if args.objective.is_empty() { vec![Objective::default()] } else { args.objective.clone() };
    if objectives.len() > 1 && args.pruner != PrunerChoice::None {
        let failure = Failure::usage("--pruner judges trials by one objective, and there are several");
        return Err(failure.hint("leave --pruner out, or give one --objective"));
    }
    let space = Space::read(&args.space).map_err(Failure::usage)?;
    let place = Place::named(&args.track)?;
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| folder::for_run(Path::new("runs"), &format!("tune-{}", network(args))));
    let study = study(args, space, &objectives, &out)?;
    interrupt::listen()?;
    let is_there =
        |kept: &Kept| place.as_ref().is_some_and(|place| place.uri.to_string() == kept.uri.to_string());
    let kept = Kept::read(&out)?.filter(is_there);
    let tracking = match kept.map(Tracking::resume).transpose()?.flatten() {
        Some(tracking) => tracking,
        None => Tracking::begin(place, &args.track, "tune", name_of(&out))?,
    };
    tracking.keep(&out);
    let workers = threads(args.run.threads);
    let search = Search {
        args,
        objectives,
        study,
        out,
        threads: (workers / args.jobs.max(1)).max(1),
        data: SharedData::default(),
        tracking: Mutex::new(tracking),
        until: args.timeout.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds.max(0.0))),
    };
    search.introduce()?;
    let worked = search.work();
    search.end(worked)
}

/// What a folder that nobody named is called after.
fn network(args: &TuneArgs) -> String {
    let model = args.run.model.as_deref().map(Path::new).and_then(Path::file_stem);
    let recipe = args.run.recipe.as_deref().and_then(Path::file_stem);
    model.or(recipe).map_or_else(|| "lesson-bn".into(), |name| name.to_string_lossy().into_owned())
}

/// Leaves the recipe of the best trial: that which its training wrote, or, of a trial that was made elsewhere, this search's with its settings.
fn leave_recipe(args: &TuneArgs, best: &Trial, out: &Path, to: &Path) -> Result<(), Failure> {
    let folder = out.join(trial::folder_of(best.number));
    let made = folder.join("recipe.toml");
    if made.exists() {
        fs::copy(made, to)?;
        return Ok(());
    }
    settings::recipe(&args.run, &best.params, &folder)?.save(to).map_err(Failure::failed)
}

/// Opens the study of this folder, or begins it.
fn study(args: &TuneArgs, space: Space, objectives: &[Objective], out: &Path) -> Result<Study, Failure> {
    let file = args.storage.clone().unwrap_or_else(|| out.join(JOURNAL));
    fs::create_dir_all(out)?;
    let seed = args.run.seed.and_then(|seed| u64::try_from(seed).ok()).unwrap_or(1);
    let options =
        StudyOptions::new(&args.study, space.clone()).directions(objectives.iter().map(|one| one.direction));
    // Given up trials tell TPE something and the Gaussian process nothing; of several objectives it sees one mixture at a time.
    let best = if args.pruner == PrunerChoice::None && objectives.len() == 1 {
        SamplerName::Gp
    } else {
        SamplerName::Tpe
    };
    let options = match args.sampler.unwrap_or(best) {
        SamplerName::Tpe => options.sampler(TpeSampler::new(TpeOptions { seed, ..TpeOptions::default() })),
        SamplerName::Gp => {
            options.sampler(GpSampler::new(GpSamplerOptions { seed, ..GpSamplerOptions::default() }))
        }
        SamplerName::Grid => {
            let options_of = GridOptions { seed, ..GridOptions::default() };
            options.sampler(GridSampler::new(&space, options_of).map_err(Failure::usage)?)
        }
        SamplerName::Sobol => options.sampler(SobolSampler::new(seed)),
        SamplerName::Random => options.sampler(RandomSampler::new(seed)),
    };
    let options = args.pruner.of(options, objectives[0].direction).map_err(Failure::usage)?;
    let journal = Journal::open(file, LockOptions::default()).map_err(Failure::failed)?;
    let study = Study::open(journal, options)?;
    let names: Vec<&str> = objectives.iter().map(|one| one.figure.name()).collect();
    study.set_metric_names(&names)?;
    Ok(study)
}

impl Search<'_> {
    fn introduce(&self) -> Result<(), Failure> {
        let done = self.study.history()?.finished();
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "study     {}, {} of {} done",
            self.out.display(),
            plural(done as u64, "trial", "trials"),
            self.args.trials
        )?;
        let ways = self
            .objectives
            .iter()
            .map(|one| format!("{} ({:?})", one.figure.name(), one.direction).to_lowercase());
        writeln!(out, "objective {}", ways.collect::<Vec<_>>().join(", "))?;
        let names =
            self.study.space().iter().map(|(name, parameter)| format!("{name} {}", parameter.distribution));
        writeln!(out, "space     {}\n", names.collect::<Vec<_>>().join("\n          "))?;
        writeln!(
            out,
            "{:>5}  {:<8}  {:>12}  {:>8}  settings",
            "trial",
            "state",
            self.objectives[0].figure.name(),
            "took"
        )?;
        Ok(())
    }

    /// Works on trials, so many at once, until there are enough.
    fn work(&self) -> Result<(), Failure> {
        let failed: Mutex<Option<String>> = Mutex::new(None);
        thread::scope(|scope| {
            for _ in 0..self.args.jobs.max(1) {
                scope.spawn(|| {
                    if let Err(failure) = self.trials(&failed) {
                        let mut first = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        first.get_or_insert(failure.said());
                    }
                });
            }
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(said) => Err(Failure::failed(said)),
            None => Ok(()),
        }
    }

    /// One worker: trial after trial.
    fn trials(&self, failed: &Mutex<Option<String>>) -> Result<(), Failure> {
        let over = || {
            let late = self.until.is_some_and(|until| Instant::now() >= until);
            late || interrupt::asked() || failed.lock().unwrap_or_else(PoisonError::into_inner).is_some()
        };
        while !over() && self.begun()? < self.args.trials {
            let Some(trial) = self.study.ask()? else { break };
            let number = trial.number();
            let outcome = match self.trial(&trial) {
                Ok(outcome) => outcome,
                Err(failure) => {
                    trial.tell(Outcome::Fail(failure.said()))?;
                    return Err(failure);
                }
            };
            let Some(outcome) = outcome.outcome() else {
                drop(trial);
                self.study.retry(number)?;
                break;
            };
            let trial = trial.tell(outcome)?;
            self.say(&trial)?;
        }
        Ok(())
    }

    /// Trials that are finished or that somebody is at; those that failed did not count.
    fn begun(&self) -> Result<usize, Failure> {
        let history = self.study.history()?;
        let failed = history.in_state(ocelli::tune::TrialState::Fail).count();
        let running = history.in_state(ocelli::tune::TrialState::Running).count();
        Ok(history.finished() - failed + running)
    }

    fn say(&self, trial: &Arc<Trial>) -> io::Result<()> {
        let value = trial
            .values
            .as_ref()
            .and_then(|values| values.first())
            .map_or_else(|| "-".into(), |value| figure(*value));
        let took = trial.duration().map_or_else(|| "-".into(), |took| duration(took.as_secs_f64()));
        let state = format!("{:?}", trial.state).to_lowercase();
        writeln!(io::stdout(), "{:>5}  {state:<8}  {value:>12}  {took:>8}  {}", trial.number, told(trial))
    }

    /// Says what came of it, and leaves the best trial's recipe.
    fn end(self, worked: Result<(), Failure>) -> Result<(), Failure> {
        let mut tracking = self.tracking.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Err(failure) = worked {
            tracking.end(RunStatus::Failed);
            return Err(failure);
        }
        let best = self.study.best_trials()?;
        let mut out = io::stdout().lock();
        writeln!(out)?;
        if let Some(first) = best.first() {
            let recipe = self.out.join(BEST);
            leave_recipe(self.args, first, &self.out, &recipe)?;
            tracking.tell(|run| run.log_artifact(&recipe, ""));
            let values = first.values.iter().flatten().zip(&self.objectives);
            tracking
                .metrics(first.number, values.map(|(value, objective)| (objective.figure.name(), *value)));
            for trial in best.iter().take(LISTED) {
                let values: Vec<String> = trial.values.iter().flatten().map(|value| figure(*value)).collect();
                writeln!(out, "best      trial {}: {}; {}", trial.number, values.join(", "), told(trial))?;
            }
            writeln!(out, "recipe    {}", recipe.display())?;
        } else {
            writeln!(out, "no trial came to its end")?;
        }
        drop(out);
        report(&self.study, &self.objectives, &self.out, &mut tracking)?;
        if !best.is_empty() {
            let recipe = self.out.join(BEST).display().to_string();
            writeln!(io::stdout(), "\ntry next:\n  {} train --recipe {}", command(), shell(&recipe))?;
        }
        if interrupt::asked() {
            tracking.end(RunStatus::Killed);
            return Err(Failure::Reported(interrupt::CODE));
        }
        tracking.end(RunStatus::Finished);
        Ok(())
    }
}

/// Says which settings decide, and leaves the page, where a trial is finished. What is wrong with the page's place costs no search its end.
fn report(
    study: &Study,
    objectives: &[Objective],
    out: &Path,
    tracking: &mut Tracking,
) -> Result<(), Failure> {
    let history = study.history()?;
    if history.finished() == 0 {
        return Ok(());
    }
    let objective =
        |one: &Objective| search::Objective { name: one.figure.name().into(), direction: one.direction };
    let found = search::Search {
        name: out.display().to_string(),
        objectives: objectives.iter().map(objective).collect(),
        trials: history.all().to_vec(),
    };
    io::stdout().lock().write_all(summary(&found).as_bytes())?;
    let files = Files::of_search(None, out);
    match files.claim().and_then(|()| leave(&found, &files)) {
        Ok(()) => tracking.tell(|run| run.log_artifact(&files.page, "")),
        Err(failure) => warn(&format!("no page is written: {}", failure.said())),
    }
    Ok(())
}
