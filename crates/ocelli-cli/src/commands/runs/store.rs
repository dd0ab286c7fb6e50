//! Where runs are looked up.

use crate::args::TrackArgs;
use crate::failure::Failure;
use crate::tracking;
use ocelli::data::printable;
use ocelli::track::{
    Experiment, Filter, Lifecycle, Run, SearchRuns, TrackError, Tracker, TrackingUri, ViewType,
};

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
        let mut found = Vec::new();
        for filter in filters(named)? {
            found.extend(self.search(filter)?.into_iter().filter(|run| is_called(run, named)));
        }
        found.sort_by(|one, other| one.id.cmp(&other.id));
        found.dedup_by(|one, other| one.id == other.id);
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

    /// All runs that a filter finds, deleted or not.
    fn search(&self, filter: Filter) -> Result<Vec<Run>, Failure> {
        let ids = self.experiments()?.into_iter().map(|experiment| experiment.id);
        let mut search = SearchRuns { filter, view: ViewType::All, ..SearchRuns::in_experiments(ids) };
        let mut found = Vec::new();
        loop {
            let page = self.tracker.search_runs(&search)?;
            found.extend(page.items);
            match page.next {
                Some(next) => search.page_token = Some(next),
                None => return Ok(found),
            }
        }
    }
}

/// What finds the runs of this name, and of this id or one that begins so.
fn filters(named: &str) -> Result<Vec<Filter>, TrackError> {
    // A name with both quotes is not to be said: then all runs are looked at.
    let quote = ['\'', '"'].into_iter().find(|quote| !named.contains(*quote));
    let by_name =
        quote.map_or_else(String::new, |quote| format!("attributes.run_name = {quote}{named}{quote}"));
    let by_id = is_id(named).then(|| format!("attributes.run_id LIKE '{}%'", named.to_ascii_lowercase()));
    std::iter::once(by_name).chain(by_id).map(|text| text.parse()).collect()
}

/// Whether it may be the beginning of an id.
fn is_id(named: &str) -> bool {
    named.len() >= FEWEST && named.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_called(run: &Run, named: &str) -> bool {
    run.name == named || (is_id(named) && run.id.starts_with(&named.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_any_quotes_are_looked_for() {
        let texts = |named: &str| -> Vec<String> {
            filters(named).unwrap().iter().map(ToString::to_string).collect()
        };
        assert_eq!(texts("it's"), ["attributes.run_name = \"it's\""]);
        assert_eq!(texts("a \"b\" 'c'"), [""]);
        assert_eq!(texts("ABCD"), ["attributes.run_name = 'ABCD'", "attributes.run_id LIKE 'abcd%'"]);
        assert_eq!(texts("abc"), ["attributes.run_name = 'abc'"]);
    }
}
