//! Commands as runs of MLflow's. That something cannot be tracked is said once and costs a command nothing else.

mod artifacts;
mod attached;
mod evaluation;
mod kept;
mod model;
mod origin;
mod place;
mod training;

use crate::args::TrackArgs;
use crate::failure::Failure;
use crate::text::{bytes, warn};
use ocelli::track::{ActiveRun, Backlog, Metric, RunStatus, StartRun, TrackError, Tracker, TrackingUri};
use std::fmt::Display;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) use artifacts::{MODEL_FILE, RECIPE, confusion, figure};
pub(crate) use attached::attach;
pub(crate) use kept::Kept;
pub(crate) use place::{Place, open, uri};
pub(crate) use training::{Watched, Watching};

/// How often processor and memory are looked at, as by MLflow.
const SYSTEM_METRICS: Duration = Duration::from_secs(10);

/// A command's run, if it is tracked.
pub(crate) struct Tracking {
    tracked: Option<Tracked>,
    /// Whether it was said that something is missing there.
    warned: bool,
}

/// A run, and where it is.
struct Tracked {
    tracker: Tracker,
    experiment: String,
    run: ActiveRun,
}

impl Tracking {
    /// Tracks nothing.
    pub(crate) fn none() -> Self {
        Self { tracked: None, warned: false }
    }

    /// Whether anything is tracked.
    pub(crate) fn is_some(&self) -> bool {
        self.tracked.is_some()
    }

    fn is_none(&self) -> bool {
        self.tracked.is_none()
    }

    /// Begins the run of a command; `usual` is its name if the flags have none.
    ///
    /// # Errors
    /// The place that was asked for cannot be opened, or the run not begun there: better known before the work than after. That the usual
    /// place cannot is warned of.
    pub(crate) fn begin(
        place: Option<Place>,
        args: &TrackArgs,
        command: &str,
        usual: Option<String>,
    ) -> Result<Self, Failure> {
        let Some(Place { uri, experiment, asked }) = place else { return Ok(Self::none()) };
        let name = args.run_name.clone().or(usual);
        let start = StartRun { name, tags: origin::origin(command), ..StartRun::default() };
        let begun = open(&uri).and_then(|tracker| {
            let run = tracker.start_run(&experiment, start)?;
            Ok(Tracked { tracker, experiment, run })
        });
        match begun {
            Ok(tracked) => Ok(Self::of(tracked)),
            Err(error) if asked => Err(not_tracked(error)),
            Err(error) => {
                warn(&format!("this run is not tracked: {error}"));
                Ok(Self::none())
            }
        }
    }

    /// Goes on with a run; `None` if it is there no more, which is warned of.
    ///
    /// # Errors
    /// The place cannot be opened.
    pub(crate) fn resume(Kept { uri, experiment, run, .. }: Kept) -> Result<Option<Self>, Failure> {
        let tracker = open(&uri).map_err(not_tracked)?;
        match tracker.resume_run(&run) {
            Ok(run) => Ok(Some(Self::of(Tracked { tracker, experiment, run }))),
            Err(error @ (TrackError::NotFound { .. } | TrackError::Lifecycle { .. })) => {
                warn(&format!("it is tracked as another run from here on: {error}"));
                Ok(None)
            }
            Err(error) => Err(not_tracked(error)),
        }
    }

    fn of(tracked: Tracked) -> Self {
        let mut tracking = Self { tracked: Some(tracked), warned: false };
        tracking.tell(|run| run.log_system_metrics(SYSTEM_METRICS));
        tracking
    }

    /// Begins a run that belongs to this one, as a trial to its search; untracked, if this one is. That it cannot be begun is warned of.
    pub(crate) fn child(&self, command: &str, name: String) -> Self {
        let Some(Tracked { tracker, experiment, run }) = &self.tracked else { return Self::none() };
        let parent = Some(run.key().clone());
        let start =
            StartRun { name: Some(name), tags: origin::origin(command), parent, ..StartRun::default() };
        match tracker.start_run(experiment, start) {
            Ok(run) => {
                let (tracker, experiment) = (tracker.clone(), experiment.clone());
                Self { tracked: Some(Tracked { tracker, experiment, run }), warned: false }
            }
            Err(error) => {
                warn(&format!("a trial is not tracked: {error}"));
                Self::none()
            }
        }
    }

    /// Tells the run something. The first time that something cannot be told is warned of.
    pub(crate) fn tell(&mut self, what: impl FnOnce(&ActiveRun) -> Result<(), TrackError>) {
        let Some(tracked) = &self.tracked else { return };
        if let Err(error) = what(&tracked.run)
            && !std::mem::replace(&mut self.warned, true)
        {
            warn(&format!("not all of this run is tracked: {error}"));
        }
    }

    /// Parameters; values that are longer than a tracker takes are cut.
    pub(crate) fn params<V: Display>(&mut self, params: impl IntoIterator<Item = (String, V)>) {
        self.tell(|run| {
            run.log_params(params.into_iter().map(|(key, value)| (key, short(value.to_string()))))
        });
    }

    /// Values of metrics, measured now, all of one step.
    pub(crate) fn metrics<'a>(&mut self, step: u64, values: impl IntoIterator<Item = (&'a str, f64)>) {
        if self.is_none() {
            // A training step allocates nothing.
            return;
        }
        let timestamp = now();
        let metric =
            |(key, value): (&str, f64)| Metric { key: key.to_owned(), value, step: step as i64, timestamp };
        let metrics: Vec<Metric> = values.into_iter().map(metric).collect();
        self.tell(|run| run.log_metrics(&metrics));
    }

    /// Ends the run, and waits until it is where it is to be, or in the queue towards a server: whether it is.
    pub(crate) fn end(self, status: RunStatus) -> bool {
        let Some(Tracked { tracker, run, .. }) = self.tracked else { return true };
        let uri = tracker.uri();
        match run.end(status) {
            Err(error) => {
                warn(&format!("the end of this run is not tracked: {error}"));
                return false;
            }
            Ok(left) => tell_left(uri, left),
        }
        true
    }

    /// Where the run is tracked.
    fn kept(&self, complete: bool) -> Option<Kept> {
        let Tracked { tracker, experiment, run } = self.tracked.as_ref()?;
        let (uri, experiment) = (tracker.uri().clone(), experiment.clone());
        Some(Kept { uri, experiment, run: run.key().clone(), complete })
    }

    /// Writes into the run's folder where it is tracked, so that it can be gone on with.
    pub(crate) fn keep(&self, folder: &Path) {
        if let Some(kept) = self.kept(false) {
            kept.leave(folder);
        }
    }
}

/// Says what a server did not take, and what it has not got yet.
fn tell_left(uri: &TrackingUri, left: Backlog) {
    for refused in &left.refused {
        warn(&format!("{uri} refused what was tracked: {refused}"));
    }
    if left.runs > 0 {
        let why = left.problem.map_or_else(String::new, |problem| format!("{problem}; "));
        warn(&format!(
            "{why}{} that {uri} has not got yet are kept, and sent by the next command that tracks there",
            bytes(left.bytes)
        ));
    }
}

/// A run that cannot be tracked from the beginning.
fn not_tracked(error: TrackError) -> Failure {
    Failure::failed(error).hint("track it elsewhere with --tracking-uri URI, or not at all with --no-track")
}

/// Milliseconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// The longest value of a parameter that every MLflow since 2.8 takes.
const LONGEST: usize = 6000;

/// Text of at most as many characters as a tracker takes.
fn short(mut text: String) -> String {
    if let Some((cut, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(cut);
        text.pop();
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        assert_eq!(short("é".repeat(LONGEST)), "é".repeat(LONGEST));
        let cut = short("é".repeat(LONGEST + 1));
        assert_eq!((cut.chars().count(), cut.chars().last()), (LONGEST, Some('…')));
    }
}
