//! When each trial was worked at.

use super::Search;
use chrono::{DateTime, Utc};
use ocelli_plot::{Axis, Figure};
use ocelli_tune::{Trial, TrialState};

/// From so many seconds on times are minutes, or hours.
const MINUTES: f64 = 300.0;
const HOURS: f64 = 4.0 * 3600.0;
/// The states in the order of their colours, and what they are called.
const STATES: [(TrialState, &str); 4] = [
    (TrialState::Complete, "complete"),
    (TrialState::Pruned, "pruned"),
    (TrialState::Running, "running"),
    (TrialState::Fail, "failed"),
];

/// When a trial was worked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Busy {
    /// The trial.
    pub number: u64,
    /// Where it stands.
    pub state: TrialState,
    /// Seconds of work of the whole search when it was begun, and when it was finished or last heard of. While no trial is worked at no time goes by, so
    /// that a search which was interrupted has no gap.
    pub from: f64,
    /// As [`Busy::from`].
    pub to: f64,
}

/// When each trial that was begun was worked at, by number. One that runs still is worked at until the last that the journal knows of.
#[must_use]
pub fn busy(search: &Search) -> Vec<Busy> {
    let last = search
        .trials
        .iter()
        .flat_map(|trial| [trial.datetime_start, trial.datetime_complete])
        .flatten()
        .max();
    let Some(last) = last else { return Vec::new() };
    let span = |trial: &Trial| -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let start = trial.datetime_start?;
        let end =
            if trial.state == TrialState::Running { last } else { trial.datetime_complete.unwrap_or(start) };
        // Clocks of several machines need not agree.
        Some((start, end.max(start)))
    };
    let mut spans: Vec<(DateTime<Utc>, DateTime<Utc>)> =
        search.trials.iter().filter_map(|trial| span(trial)).collect();
    spans.sort_unstable();
    let stretches = joined(&spans);
    let work = |time: DateTime<Utc>| -> f64 {
        let begun = stretches.partition_point(|stretch| stretch.start < time);
        let Some(last) = begun.checked_sub(1).map(|place| &stretches[place]) else { return 0.0 };
        last.before + seconds(last.start, time.min(last.end))
    };
    let busy = |trial: &std::sync::Arc<Trial>| {
        let (from, to) = span(trial)?;
        Some(Busy { number: trial.number, state: trial.state, from: work(from), to: work(to) })
    };
    search.trials.iter().filter_map(busy).collect()
}

/// A stretch of time without a gap, and the seconds of those before it.
struct Stretch {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    before: f64,
}

/// The stretches that spans, by their beginnings, make together.
fn joined(spans: &[(DateTime<Utc>, DateTime<Utc>)]) -> Vec<Stretch> {
    let mut joined: Vec<Stretch> = Vec::new();
    for (start, end) in spans {
        match joined.last_mut() {
            Some(last) if *start <= last.end => last.end = last.end.max(*end),
            last => {
                let before = last.map_or(0.0, |last| last.before + seconds(last.start, last.end));
                joined.push(Stretch { start: *start, end: *end, before });
            }
        }
    }
    joined
}

fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).as_seconds_f64()
}

/// Seconds of work of the whole search.
pub(super) fn total(busy: &[Busy]) -> f64 {
    busy.iter().map(|one| one.to).fold(0.0, f64::max)
}

/// The figure, or why there is none.
pub(super) fn figure(search: &Search) -> Result<Figure, String> {
    let busy = busy(search);
    if busy.is_empty() {
        return Err("No trial has been begun yet.".into());
    }
    let (unit, one) = match total(&busy) {
        long if long >= HOURS => ("hours", 3600.0),
        some if some >= MINUTES => ("minutes", 60.0),
        _ => ("seconds", 1.0),
    };
    let mut figure =
        Figure::new("Timeline")
            .x(Axis::linear(format!("{unit} of work")))
            .y(Axis::linear("trial").range(-0.5, search.last() + 0.5).falling());
    for (state, name) in STATES {
        let bar = |busy: &Busy| {
            let number = busy.number as f64;
            (busy.from / one, busy.to / one, number - 0.45, number + 0.45)
        };
        let bars: Vec<_> = busy.iter().filter(|busy| busy.state == state).map(bar).collect();
        // Those without trials are in no legend, but keep the others to their colours.
        figure = figure.rectangles(name, bars);
    }
    Ok(figure)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{search, trial};
    use super::*;
    use ocelli_tune::Direction;

    fn at(second: i64) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(1_700_000_000 + second, 0)
    }

    fn ran(number: u64, state: TrialState, from: i64, to: Option<i64>) -> Trial {
        Trial { datetime_start: at(from), datetime_complete: to.and_then(at), ..trial(number, state) }
    }

    #[test]
    fn pauses_take_no_time() {
        let trials = [
            ran(0, TrialState::Complete, 0, Some(10)),
            ran(1, TrialState::Pruned, 5, Some(20)),
            trial(2, TrialState::Waiting),
            // A day later.
            ran(3, TrialState::Fail, 86_400, Some(86_430)),
            ran(4, TrialState::Running, 86_410, None),
        ];
        let found = busy(&search([Direction::Minimize], trials));
        let told: Vec<_> = found.iter().map(|one| (one.number, one.from, one.to)).collect();
        assert_eq!(told, [(0, 0.0, 10.0), (1, 5.0, 20.0), (3, 20.0, 50.0), (4, 30.0, 50.0)]);
        assert_eq!(total(&found), 50.0);
    }

    #[test]
    fn clocks_that_disagree_are_no_trouble() {
        let trials = [ran(0, TrialState::Complete, 10, Some(0)), ran(1, TrialState::Complete, 10, Some(12))];
        let found = busy(&search([Direction::Minimize], trials));
        assert_eq!((found[0].from, found[0].to, found[1].to), (0.0, 0.0, 2.0));
        assert!(figure(&search([Direction::Minimize], [])).unwrap_err().contains("No trial"));
    }
}
