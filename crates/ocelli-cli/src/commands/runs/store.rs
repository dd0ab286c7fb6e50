//! Where runs are looked up.

use crate::args::TrackArgs;
use crate::failure::Failure;
use crate::tracking;
use ocelli::data::printable;
use ocelli::track::{Experiment, Lifecycle, Run, SearchRuns, Tracker, TrackingUri, ViewType};

/// The fewest first digits of an id that name a run.
const FEWEST: usize = 4;

/// An open tracking store.
pub(super) struct Store {
    pub(super) tracker: Tracker,
    pub(super) uri: TrackingUri,
}

impl Store {
    /// # Errors
    /// There is no such file: looking makes none; or what is there is no store.
    pub(super) fn open(asked: Option<&TrackingUri>) -> Result<Self, Failure> {
        let uri = tracking::uri(asked)?;
        if let Some(path) = uri.path().filter(|path| !path.exists()) {
            let reason = format!("{}: there is no such file, so nothing was tracked there", path.display());
            return Err(Failure::usage(reason).hint("`ocelli train` tracks in mlflow.db of the folder that it is called in; name another place with --tracking-uri URI"));
        }
        Ok(Store { tracker: tracking::open(&uri)?, uri })
    }

    /// Flags by which another command tracks at the same place, in an experiment.
    pub(super) fn flags(&self, experiment_id: &str) -> Result<TrackArgs, Failure> {
        let experiment = self.tracker.get_experiment(experiment_id)?.name;
        Ok(TrackArgs {
            tracking_uri: Some(self.uri.clone()),
            experiment: Some(experiment),
            ..TrackArgs::default()
        })
    }

    pub(super) fn experiments(&self) -> Result<Vec<Experiment>, Failure> {
        Ok(self.tracker.list_experiments(ViewType::All)?)
    }

    /// The run of this id, of an id that begins so, or of this name.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub(super) fn find(&self, named: &str) -> Result<Run, Failure> {
        let is_id = named.len() >= FEWEST && named.bytes().all(|byte| byte.is_ascii_hexdigit());
        let prefix = named.to_ascii_lowercase();
        let mut found = Vec::new();
        let ids = self.experiments()?.into_iter().map(|experiment| experiment.id);
        let mut search = SearchRuns { view: ViewType::All, ..SearchRuns::in_experiments(ids) };
        loop {
            let page = self.tracker.search_runs(&search)?;
            found.extend(
                page.items
                    .into_iter()
                    .filter(|run| run.name == named || (is_id && run.id.starts_with(&prefix))),
            );
            match page.next {
                Some(next) => search.page_token = Some(next),
                None => break,
            }
        }
        // One that is not deleted is the one that is meant.
        if found.iter().any(|run| run.lifecycle == Lifecycle::Active) {
            found.retain(|run| run.lifecycle == Lifecycle::Active);
        }
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(Failure::usage(format!("no run at {} is called {named}", self.uri))
                .hint(format!("`ocelli runs` lists them; the first {FEWEST} digits of an id are enough"))),
            more => {
                let ids: Vec<&str> = found.iter().take(3).map(|run| run.id.as_str()).collect();
                Err(Failure::usage(format!(
                    "{more} runs are called {named}: {} …",
                    printable(&ids.join(", "))
                ))
                .hint("give more digits of the id of the one you mean"))
            }
        }
    }
}
