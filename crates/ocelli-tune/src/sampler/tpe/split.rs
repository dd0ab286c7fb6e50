//! The best trials, and the others.

use super::{Halves, hypervolume};
use crate::direction::{front, losses};
use crate::sampler::Request;
use crate::{Direction, Trial, TrialState};
use std::cmp::Ordering;

/// The best tenth of the trials, and the others, each by number. What others work at counts as bad, if at all.
pub(super) fn halves<'a>(request: &Request<'a>, constant_liar: bool) -> Halves<'a> {
    let mut halves = match request.directions {
        [direction] => by_one(request, *direction),
        directions => by_several(request, directions),
    };
    if constant_liar {
        let other = |trial: &&Trial| trial.state == TrialState::Running && trial.number != request.number;
        halves.above.extend(trials(request).filter(other));
    }
    halves.below.sort_by_key(|trial| trial.number);
    halves.above.sort_by_key(|trial| trial.number);
    halves
}

fn trials<'a>(request: &Request<'a>) -> impl Iterator<Item = &'a Trial> {
    request.history.all().iter().map(|trial| &**trial)
}

/// Complete trials by their objective, then pruned ones by how far they came and what they had there. At most 25 are the best.
fn by_one<'a>(request: &Request<'a>, direction: Direction) -> Halves<'a> {
    let is_complete = |trial: &&Trial| trial.state == TrialState::Complete && trial.value().is_some();
    let mut complete: Vec<&Trial> = trials(request).filter(is_complete).collect();
    let mut pruned: Vec<&Trial> = trials(request).filter(|trial| trial.state == TrialState::Pruned).collect();
    let best = (complete.len() + pruned.len()).div_ceil(10).min(25);
    let value = |trial: &Trial| trial.value().unwrap_or(f64::NAN);
    complete.sort_by(|one, other| direction.compare(value(one), value(other)));
    pruned.sort_by(|one, other| compare_pruned(one, other, direction));
    let mut below: Vec<&Trial> = complete.into_iter().chain(pruned).collect();
    let above = below.split_off(best);
    Halves { below, above }
}

/// One Pareto front after the other; of the last, those that stand for it best.
fn by_several<'a>(request: &Request<'a>, directions: &[Direction]) -> Halves<'a> {
    let is_complete = |trial: &&Trial| {
        let values = trial.values.as_ref();
        trial.state == TrialState::Complete && values.is_some_and(|values| values.len() == directions.len())
    };
    let mut above: Vec<&Trial> = trials(request).filter(is_complete).collect();
    let best = above.len().div_ceil(10);
    let mut below: Vec<&Trial> = Vec::with_capacity(best);
    while below.len() < best {
        let points: Vec<Vec<f64>> = above
            .iter()
            .map(|trial| losses(trial.values.as_deref().unwrap_or_default(), directions))
            .collect();
        let mut taken = front(&points);
        let room = best - below.len();
        if taken.len() > room {
            let points: Vec<Vec<f64>> = taken.iter().map(|index| points[*index].clone()).collect();
            taken = hypervolume::subset(&points, room).into_iter().map(|index| taken[index]).collect();
        }
        below.extend(taken.iter().map(|index| above[*index]));
        let mut index = 0;
        above.retain(|_| {
            index += 1;
            !taken.contains(&(index - 1))
        });
    }
    Halves { below, above }
}

/// Who came further first; at the same step, who had the better value. Who reported nothing comes last.
fn compare_pruned(one: &Trial, other: &Trial, direction: Direction) -> Ordering {
    let last =
        |trial: &Trial| trial.intermediate_values.last_key_value().map(|(step, value)| (*step, *value));
    match (last(one), last(other)) {
        (Some((step, value)), Some((other_step, other_value))) => {
            other_step.cmp(&step).then_with(|| direction.compare(value, other_value))
        }
        (one, other) => other.is_some().cmp(&one.is_some()),
    }
}
