//! What is better: smaller or greater, in one objective or in several.

use crate::{Trial, TrialState};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::sync::Arc;

/// Which way an objective gets better; the numbers are those of Optuna's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Smaller is better.
    Minimize = 1,
    /// Greater is better.
    Maximize = 2,
}

impl Direction {
    /// The value such that smaller is better; its own inverse.
    pub fn as_loss(self, value: f64) -> f64 {
        match self {
            Direction::Minimize => value,
            Direction::Maximize => -value,
        }
    }

    /// Better values first; what is no number (NaN) last.
    pub fn compare(self, one: f64, other: f64) -> Ordering {
        let order = self.as_loss(one).partial_cmp(&self.as_loss(other));
        order.unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
    }
}

/// Whether objectives `one` are nowhere worse than `other`, and somewhere better. What is no number (NaN) is worse than any.
pub fn dominates(one: &[f64], other: &[f64], directions: &[Direction]) -> bool {
    dominates_losses(&losses(one, directions), &losses(other, directions))
}

/// The complete trials that no other dominates, by number. Equal trials are all in it. With one objective, these are the best.
pub fn pareto_front(trials: &[Arc<Trial>], directions: &[Direction]) -> Vec<Arc<Trial>> {
    let complete =
        trials.iter().filter(|trial| trial.state == TrialState::Complete && trial.values.is_some());
    let complete: Vec<&Arc<Trial>> = complete.collect();
    let values = |trial: &&Arc<Trial>| losses(trial.values.as_deref().unwrap_or_default(), directions);
    let front = front(&complete.iter().map(values).collect::<Vec<_>>());
    let mut front: Vec<Arc<Trial>> = front.into_iter().map(|index| Arc::clone(complete[index])).collect();
    front.sort_by_key(|trial| trial.number);
    front
}

/// Objectives such that smaller is better.
pub(crate) fn losses(values: &[f64], directions: &[Direction]) -> Vec<f64> {
    values.iter().zip(directions).map(|(value, direction)| direction.as_loss(*value)).collect()
}

/// Which of some points, for each of whose numbers smaller is better, no other dominates; in their order.
pub(crate) fn front(points: &[Vec<f64>]) -> Vec<usize> {
    // Sorted by the numbers in turn, none is dominated by a later one, and who is dominated is so by one of the front.
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|one, other| orders(&points[*one], &points[*other]).fold(Ordering::Equal, Ordering::then));
    let mut front: Vec<usize> = Vec::new();
    for index in order {
        if !front.iter().any(|better| dominates_losses(&points[*better], &points[index])) {
            front.push(index);
        }
    }
    front.sort_unstable();
    front
}

fn dominates_losses(one: &[f64], other: &[f64]) -> bool {
    orders(one, other).all(Ordering::is_le) && orders(one, other).any(Ordering::is_lt)
}

fn orders(one: &[f64], other: &[f64]) -> impl Iterator<Item = Ordering> {
    one.iter().zip(other).map(|(one, other)| Direction::Minimize.compare(*one, *other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::complete;
    use proptest::prelude::*;

    fn slow_front(trials: &[Arc<Trial>], directions: &[Direction]) -> Vec<u64> {
        let values = |trial: &Arc<Trial>| trial.values.clone().unwrap();
        let beaten = |trial: &Arc<Trial>| {
            trials.iter().any(|other| dominates(&values(other), &values(trial), directions))
        };
        trials.iter().filter(|trial| !beaten(trial)).map(|trial| trial.number).collect()
    }

    proptest! {
        #[test]
        fn the_front_is_who_is_not_dominated(
            points in prop::collection::vec(prop::collection::vec(0..6_i32, 3), 0..30),
            ways in prop::collection::vec(any::<bool>(), 3),
            nan in 0..20_usize,
        ) {
            let directions: Vec<Direction> =
                ways.iter().map(|up| if *up { Direction::Maximize } else { Direction::Minimize }).collect();
            let mut trials = Vec::new();
            for (number, point) in points.iter().enumerate() {
                let mut values: Vec<f64> = point.iter().map(|value| f64::from(*value)).collect();
                if number == nan {
                    values[nan % 3] = f64::NAN;
                }
                trials.push(Arc::new(complete(number as u64, &values)));
            }
            let front: Vec<u64> = pareto_front(&trials, &directions).iter().map(|trial| trial.number).collect();
            prop_assert_eq!(front, slow_front(&trials, &directions));
        }
    }

    #[test]
    fn one_objective_has_its_best() {
        let trials = [3.0, 1.0, f64::NAN, 1.0].iter().enumerate();
        let trials: Vec<_> =
            trials.map(|(number, value)| Arc::new(complete(number as u64, &[*value]))).collect();
        let numbers =
            |way| pareto_front(&trials, &[way]).iter().map(|trial| trial.number).collect::<Vec<_>>();
        assert_eq!(numbers(Direction::Minimize), [1, 3]);
        assert_eq!(numbers(Direction::Maximize), [0]);
    }
}
