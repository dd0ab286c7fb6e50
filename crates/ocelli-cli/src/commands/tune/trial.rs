//! One trial: a training that reports to its study after each epoch.

use super::objective::Objective;
use super::{Outcome, Search, settings};
use crate::failure::Failure;
use crate::interrupt;
use crate::tracking::Watching;
use ocelli::train::{EpochDone, Event, Observer, Run, RunOptions, TrainError};
use ocelli::tune::{ActiveTrial, TuneError};
use std::path::PathBuf;
use std::sync::PoisonError;

/// The tag of a trial's tracked run that was given up: as a run it counts as stopped.
const PRUNED: &str = "ocelli.pruned";

/// How a trial ended.
pub(super) enum Ended {
    Complete(Vec<f64>),
    Pruned,
    Failed(String),
    /// The user stopped the search.
    Interrupted,
}

impl Ended {
    /// As its study is told; `None` of one that the user stopped, which another call tries anew.
    pub(super) fn outcome(self) -> Option<Outcome> {
        match self {
            Ended::Complete(values) => Some(Outcome::Complete(values)),
            Ended::Pruned => Some(Outcome::Pruned),
            Ended::Failed(why) => Some(Outcome::Fail(why)),
            Ended::Interrupted => None,
        }
    }
}

/// The folder of a trial in that of its search.
pub(super) fn folder_of(number: u64) -> PathBuf {
    format!("trial-{number:04}").into()
}

impl Search<'_> {
    /// Trains with a trial's settings.
    ///
    /// # Errors
    /// What every other trial would meet too: settings that no recipe has, a study that cannot be written.
    pub(super) fn trial(&self, trial: &ActiveTrial) -> Result<Ended, Failure> {
        let folder = self.out.join(folder_of(trial.number()));
        let recipe = settings::recipe(&self.args.run, trial.params(), &folder)?;
        let options = RunOptions { threads: self.threads };
        // Settings may be fine one by one and not together, such as a network whose maps come to nothing.
        let run = match Run::prepare_sharing(recipe, options, &self.data) {
            Ok(run) => run,
            Err(error @ (TrainError::Network { .. } | TrainError::Recipe(_))) => {
                return Ok(Ended::Failed(error.to_string()));
            }
            Err(error) => return Err(crate::commands::train::failure(error)),
        };
        let parent = self.tracking.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tracking = parent.child("train", folder_of(trial.number()).to_string_lossy().into_owned());
        drop(parent);
        tracking.describe(&run);
        let mut reporting = Reporting {
            trial,
            run: &run,
            objective: (self.objectives.len() == 1).then(|| &self.objectives[0]),
            watching: Watching::new(&mut tracking, &folder),
            pruned: false,
            failed: None,
        };
        let outcome = run.train(&folder, &mut reporting);
        let (pruned, failed) = (reporting.pruned, reporting.failed.take());
        if pruned {
            tracking.tell(|run| run.set_tag(PRUNED, true));
        }
        tracking.trained(&run, &outcome);
        if let Some(error) = failed {
            return Err(Failure::failed(error));
        }
        Ok(match outcome {
            Ok(outcome) => self.complete(&run, &outcome.best),
            Err(TrainError::Stopped { .. }) if pruned => Ended::Pruned,
            Err(TrainError::Stopped { .. }) => Ended::Interrupted,
            Err(error @ TrainError::Diverged(_)) => Ended::Failed(error.to_string()),
            Err(error) => return Err(crate::commands::train::failure(error)),
        })
    }

    /// The objectives of a run that came to its end.
    fn complete(&self, run: &Run, best: &EpochDone) -> Ended {
        let values: Option<Vec<f64>> = self.objectives.iter().map(|one| one.figure.of(run, best)).collect();
        match values {
            Some(values) => Ended::Complete(values),
            None => Ended::Failed("there are no validation images to measure it on".into()),
        }
    }
}

/// Tells a study how its trial goes, and a tracker too.
struct Reporting<'a> {
    trial: &'a ActiveTrial,
    run: &'a Run,
    /// What pruners judge by, where that is one figure.
    objective: Option<&'a Objective>,
    watching: Watching<'a>,
    pruned: bool,
    failed: Option<TuneError>,
}

impl Reporting<'_> {
    fn epoch(&mut self, done: &EpochDone) -> Result<(), TuneError> {
        let Some(value) = self.objective.and_then(|one| one.figure.of(self.run, done)) else { return Ok(()) };
        self.trial.report(done.epoch as i64, value)?;
        self.pruned = self.trial.should_prune()?;
        Ok(())
    }
}

impl Observer for Reporting<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.watching.event(event);
        if let Event::Epoch(done) = event
            && let Err(error) = self.epoch(done)
        {
            self.failed = Some(error);
        }
    }

    fn wants_stop(&mut self) -> bool {
        self.pruned || self.failed.is_some() || interrupt::asked()
    }
}
