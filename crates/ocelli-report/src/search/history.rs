//! The objective by trial, with the best so far.

use super::Search;
use super::goal::goal;
use ocelli_plot::{Axis, Figure};

/// An objective by trial: numbers of trials and values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Complete trials.
    pub complete: Vec<(u64, f64)>,
    /// The best of the complete trials up to each.
    pub best: Vec<(u64, f64)>,
    /// Pruned trials, with the last that they reported.
    pub pruned: Vec<(u64, f64)>,
}

/// An objective by trial. Values that are no finite numbers are left out.
#[must_use]
pub fn history(search: &Search, objective: usize) -> History {
    let direction = search.objectives[objective].direction;
    let numbered = |trials: Vec<(&ocelli_tune::Trial, f64)>| -> Vec<(u64, f64)> {
        trials.into_iter().map(|(trial, value)| (trial.number, value)).collect()
    };
    let complete = numbered(search.complete(objective));
    let better = |best: &mut Option<f64>, (number, value): &(u64, f64)| {
        let so_far = best.filter(|best| direction.compare(*best, *value).is_le()).unwrap_or(*value);
        *best = Some(so_far);
        Some((*number, so_far))
    };
    let best = complete.iter().scan(None, better).collect();
    History { complete, best, pruned: numbered(search.pruned()) }
}

/// The figure, or why there is none.
pub(super) fn figure(search: &Search, objective: usize) -> Result<Figure, String> {
    let (goal_of, History { complete, best, pruned }) =
        (&search.objectives[objective], history(search, objective));
    let values: Vec<f64> = complete.iter().map(|(_, value)| *value).collect();
    let axis = goal(goal_of, &values).ok_or("No trial has come to its end yet.")?;
    let places = |points: &[(u64, f64)]| -> Vec<(f64, f64)> {
        points.iter().map(|(number, value)| (*number as f64, *value)).collect()
    };
    // It holds until the next trial, so it is a stair.
    let last = search.trials.last().map_or(0.0, |trial| trial.number as f64);
    let mut stair: Vec<(f64, f64)> = Vec::new();
    for (number, value) in places(&best) {
        stair.extend(stair.last().copied().map(|(_, before)| (number, before)));
        stair.push((number, value));
    }
    stair.extend(stair.last().copied().map(|(_, value)| (last, value)));
    let mut figure = Figure::new(format!("History: {}", goal_of.name))
        .x(Axis::linear("trial").range(0.0, search.last()))
        .y(axis);
    if !pruned.is_empty() {
        figure = figure.faint_points("pruned, last value", places(&pruned));
    }
    Ok(figure.points("complete", places(&complete)).line("best so far", stair))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{complete, pruned, search, trial};
    use super::*;
    use ocelli_tune::{Direction, TrialState};

    #[test]
    fn the_best_so_far_never_gets_worse() {
        let trials = vec![
            complete(0, &[3.0]),
            trial(1, TrialState::Fail),
            pruned(2, &[0.5, 0.1]),
            complete(3, &[f64::INFINITY]),
            complete(4, &[4.0]),
            complete(5, &[2.0]),
            trial(6, TrialState::Running),
        ];
        let down = history(&search([Direction::Minimize], trials.clone()), 0);
        assert_eq!(down.complete, [(0, 3.0), (4, 4.0), (5, 2.0)]);
        assert_eq!(down.best, [(0, 3.0), (4, 3.0), (5, 2.0)], "a pruned one is never the best");
        assert_eq!(down.pruned, [(2, 0.1)]);
        let up = history(&search([Direction::Maximize], trials), 0);
        assert_eq!(up.best, [(0, 3.0), (4, 4.0), (5, 4.0)]);
    }

    #[test]
    fn without_a_complete_trial_there_is_a_sentence() {
        let none = search([Direction::Minimize], [pruned(0, &[1.0]), trial(1, TrialState::Running)]);
        assert!(figure(&none, 0).unwrap_err().contains("No trial"));
        assert!(figure(&search([Direction::Minimize], [complete(0, &[1.0])]), 0).is_ok());
    }
}
