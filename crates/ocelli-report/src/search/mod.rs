//! What a search found: its trials as figures and as a page.
//!
//! All of it is made of what a study has in its journal, so it is the same for a search of Ocelli's and for one of Optuna's. What each figure shows
//! is what Optuna's of the same name shows; the numbers in it can be had alone ([`history`], [`curves`], [`importances`], [`busy`], [`front`]).
//!
//! ```
//! use ocelli_report::search::{Objective, Search};
//! use ocelli_tune::{Direction, Journal, Outcome, RandomSampler, Space, Study, StudyOptions};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let space = Space::parse(r#""lr" = { type = "float", low = 1e-4, high = 1e-1, log = true }"#)?;
//! let study = Study::open(Journal::memory(), StudyOptions::new("example", space).sampler(RandomSampler::new(1)))?;
//! for _ in 0..10 {
//!     let Some(trial) = study.ask()? else { break };
//!     let value = (trial.float("lr").expect("a parameter of the space").log10() + 2.0).abs();
//!     trial.tell(Outcome::Complete(vec![value]))?;
//! }
//! let search = Search {
//!     name: "example".into(),
//!     objectives: vec![Objective { name: "distance".into(), direction: Direction::Minimize }],
//!     trials: study.history()?.all().to_vec(),
//! };
//! let page = search.page();
//! assert!(page.html.contains("example") && page.figures.iter().any(|(name, _)| name == "history"));
//! # Ok(())
//! # }
//! ```

mod contour;
mod goal;
mod history;
mod importance;
mod intermediate;
mod page;
mod parallel;
mod parameter;
mod pareto;
mod slice;
#[cfg(test)]
mod testing;
mod timeline;

pub use history::{History, history};
pub use importance::{Importance, importances};
pub use intermediate::{Curve, curves};
pub use page::is_figure;
pub use pareto::front;
pub use timeline::{Busy, busy};

use ocelli_data::printable;
use ocelli_tune::{Direction, StudyRecord, Trial, TrialState, Value, pareto_front};
use std::sync::Arc;

use crate::text::figure;

/// The axis of trials has room for so many at least, or its numbers would be parts of trials.
const FEWEST: f64 = 5.0;
/// Trials that figures with a line or a point of its own colour for each have at most: the best.
const MOST_TRIALS: usize = 1000;

/// A search as it stands.
#[derive(Clone, Debug)]
pub struct Search {
    /// What it is called.
    pub name: String,
    /// What it makes better.
    pub objectives: Vec<Objective>,
    /// Its trials, by number.
    pub trials: Vec<Arc<Trial>>,
}

/// What a search makes better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objective {
    /// What it is called.
    pub name: String,
    /// Which way it gets better.
    pub direction: Direction,
}

impl Search {
    /// What a journal has of a study. Objectives have the names that were noted with it ([`StudyRecord::metric_names`]), else `objective`, or
    /// `objective 1` and so on.
    #[must_use]
    pub fn of(name: impl Into<String>, study: &StudyRecord) -> Self {
        let (names, several) = (study.metric_names(), study.directions.len() > 1);
        let name_of = |place: usize| match (&names, several) {
            (Some(names), _) => printable(&names[place]).into_owned(),
            (None, true) => format!("objective {}", place + 1),
            (None, false) => "objective".to_owned(),
        };
        let objective = |(place, direction): (usize, &Direction)| Objective {
            name: name_of(place),
            direction: *direction,
        };
        let objectives = study.directions.iter().enumerate().map(objective).collect();
        Self { name: name.into(), objectives, trials: study.trials.to_vec() }
    }

    /// The complete trials that no other beats, by number; of one objective the best.
    #[must_use]
    pub fn best(&self) -> Vec<Arc<Trial>> {
        pareto_front(&self.trials, &self.directions())
    }

    fn directions(&self) -> Vec<Direction> {
        self.objectives.iter().map(|objective| objective.direction).collect()
    }

    fn in_state(&self, state: TrialState) -> impl Iterator<Item = &Trial> {
        self.trials.iter().map(Arc::as_ref).filter(move |trial| trial.state == state)
    }

    /// The complete trials and what they have of an objective, those that are numbers, by number.
    fn complete(&self, objective: usize) -> Vec<(&Trial, f64)> {
        let value =
            |trial: &Trial| trial.values.as_ref()?.get(objective).copied().filter(|value| value.is_finite());
        self.in_state(TrialState::Complete).filter_map(|trial| Some((trial, value(trial)?))).collect()
    }

    /// The pruned trials and the last that they reported, by number; of several objectives nothing is reported.
    fn pruned(&self) -> Vec<(&Trial, f64)> {
        let last = |trial: &Trial| trial.intermediate_values.last_key_value().map(|(_, value)| *value);
        let last = |trial: &Trial| last(trial).filter(|value| value.is_finite());
        self.in_state(TrialState::Pruned).filter_map(|trial| Some((trial, last(trial)?))).collect()
    }

    /// The best trial and its value, the first of equals.
    fn best_of(&self, objective: usize) -> Option<(&Trial, f64)> {
        let direction = self.objectives[objective].direction;
        self.complete(objective)
            .into_iter()
            .reduce(|best, next| if direction.compare(next.1, best.1).is_lt() { next } else { best })
    }

    /// The number of the last trial, or one that an axis can end with.
    fn last(&self) -> f64 {
        self.trials.last().map_or(0.0, |trial| trial.number as f64).max(FEWEST)
    }

    /// The complete trials that are shown each by itself, the best last, so that they lie over the others.
    fn shown(&self, objective: usize) -> Vec<(&Trial, f64)> {
        let direction = self.objectives[objective].direction;
        let mut trials = self.complete(objective);
        trials
            .sort_by(|one, other| direction.compare(other.1, one.1).then(other.0.number.cmp(&one.0.number)));
        trials.drain(..trials.len().saturating_sub(MOST_TRIALS));
        trials
    }
}

/// A trial's settings in one line, numbers with the digits that matter.
#[must_use]
pub fn settings(trial: &Trial) -> String {
    let setting = |(name, value): (&String, &Value)| format!("{}={}", printable(name), setting(value));
    trial.params.iter().map(setting).collect::<Vec<_>>().join(" ")
}

/// A setting's value, a number with the digits that matter.
fn setting(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Float(value) => figure(*value),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Text(value) => printable(value).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testing::{complete, search};

    #[test]
    fn the_best_are_shown_last() {
        let trials = [3.0, 1.0, f64::NAN, 2.0, 1.0].into_iter().enumerate();
        let found =
            search([Direction::Minimize], trials.map(|(number, value)| complete(number as u64, &[value])));
        let numbers: Vec<u64> = found.shown(0).iter().map(|(trial, _)| trial.number).collect();
        assert_eq!(numbers, [0, 3, 4, 1], "of equals the first");
        assert_eq!(found.best_of(0).map(|(trial, value)| (trial.number, value)), Some((1, 1.0)));
        let up = search([Direction::Maximize], (0..1200).map(|number| complete(number, &[number as f64])));
        assert_eq!((up.shown(0).len(), up.shown(0)[999].1, up.shown(0)[0].1), (1000, 1199.0, 200.0));
    }

    #[test]
    fn settings_have_the_digits_that_matter() {
        let trial = testing::with(
            complete(0, &[1.0]),
            "lr",
            r#"{"name": "FloatDistribution", "attributes": {"low": 0.0, "high": 1.0}}"#,
            Value::Float(0.123_456_789),
        );
        assert_eq!(settings(&trial), "lr=0.12346");
    }
}
