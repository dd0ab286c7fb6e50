//! Trials that no other beats in all objectives.

use super::Search;
use super::goal::goal;
use ocelli_plot::Figure;
use ocelli_tune::{Direction, Trial, pareto_front};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Two objectives of the trials: those that no other beats in all objectives, of these by the first, and the other complete ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Front {
    /// The front: numbers of trials, and both values.
    pub best: Vec<(u64, f64, f64)>,
    /// The others.
    pub others: Vec<(u64, f64, f64)>,
}

/// The front over all objectives, as two of them show it. Values that are no finite numbers are left out.
#[must_use]
pub fn front(search: &Search, first: usize, second: usize) -> Front {
    let best: Vec<u64> = search.best().iter().map(|trial| trial.number).collect();
    let point = |(trial, value): (&Trial, f64)| {
        let other = *trial.values.as_ref()?.get(second)?;
        other.is_finite().then_some((trial.number, value, other))
    };
    let points = search.complete(first).into_iter().filter_map(point);
    let (mut best, others): (Vec<_>, Vec<_>) = points.partition(|(number, ..)| best.contains(number));
    best.sort_by(|one, other| one.1.total_cmp(&other.1));
    Front { best, others }
}

/// How many fronts lie before each trial's: 0 of the front itself, 1 of what would be the front without it, and so on.
pub(super) fn ranks(search: &Search, trials: &[(&Trial, f64)]) -> Vec<usize> {
    let directions = search.directions();
    let shown: BTreeSet<u64> = trials.iter().map(|(trial, _)| trial.number).collect();
    let is_shown = |trial: &&Arc<Trial>| shown.contains(&trial.number);
    let mut left: Vec<Arc<Trial>> = search.trials.iter().filter(is_shown).cloned().collect();
    let mut ranks = vec![0; trials.len()];
    for rank in 0.. {
        let front: Vec<u64> = pareto_front(&left, &directions).iter().map(|trial| trial.number).collect();
        if front.is_empty() {
            break;
        }
        for (place, (trial, _)) in trials.iter().enumerate() {
            if front.contains(&trial.number) {
                ranks[place] = rank;
            }
        }
        left.retain(|trial| !front.contains(&trial.number));
    }
    ranks
}

/// The figure of two objectives, or why there is none.
pub(super) fn figure(search: &Search, first: usize, second: usize) -> Result<Figure, String> {
    let Front { best, others } = front(search, first, second);
    let all: Vec<&(u64, f64, f64)> = best.iter().chain(&others).collect();
    let axis = |objective: usize, values: Vec<f64>| goal(&search.objectives[objective], &values);
    let x = axis(first, all.iter().map(|(_, x, _)| *x).collect());
    let y = axis(second, all.iter().map(|(.., y)| *y).collect());
    let (Some(x), Some(y)) = (x, y) else { return Err("No trial has come to its end yet.".into()) };
    let places = |points: &[(u64, f64, f64)]| points.iter().map(|(_, x, y)| (*x, *y)).collect::<Vec<_>>();
    let names = (&search.objectives[first].name, &search.objectives[second].name);
    let mut figure = Figure::new(format!("Pareto front: {} and {}", names.0, names.1)).x(x).y(y);
    if !others.is_empty() {
        figure = figure.points("others", places(&others));
    }
    if search.objectives.len() == 2 {
        figure = figure.dashed("reached by the front", stair(&places(&best), search.objectives[0].direction));
    }
    Ok(figure.points("the front", places(&best)))
}

/// The edge of what the front beats: from point to point, ordered by x, what is as good in one and worse in the other.
fn stair(points: &[(f64, f64)], direction: Direction) -> Vec<(f64, f64)> {
    let mut stair: Vec<(f64, f64)> = Vec::new();
    for (x, y) in points {
        // Where x is to fall, its next better value is to the left: until x, y is the last one's.
        let corner = |before: (f64, f64)| {
            if direction == Direction::Minimize { (*x, before.1) } else { (before.0, *y) }
        };
        stair.extend(stair.last().copied().map(corner));
        stair.push((*x, *y));
    }
    stair
}

#[cfg(test)]
mod tests {
    use super::super::testing::{complete, search};
    use super::*;

    fn all(directions: [Direction; 2]) -> Search {
        let points = [[3.0, 1.0], [1.0, 3.0], [2.0, 2.0], [3.0, 3.0], [f64::NAN, 0.0]];
        search(directions, points.iter().enumerate().map(|(number, point)| complete(number as u64, point)))
    }

    #[test]
    fn the_front_is_ordered_and_apart() {
        let found = front(&all([Direction::Minimize; 2]), 0, 1);
        assert_eq!(found.best, [(1, 1.0, 3.0), (2, 2.0, 2.0), (0, 3.0, 1.0)]);
        assert_eq!(found.others, [(3, 3.0, 3.0)]);
        let up = front(&all([Direction::Maximize; 2]), 0, 1);
        assert_eq!(up.best, [(3, 3.0, 3.0)]);
        assert!(figure(&all([Direction::Maximize; 2]), 0, 1).is_ok());
        assert!(figure(&search([Direction::Minimize; 2], []), 0, 1).unwrap_err().contains("No trial"));
    }

    #[test]
    fn the_stair_encloses_what_is_beaten() {
        let points = [(1.0, 3.0), (2.0, 2.0)];
        assert_eq!(stair(&points, Direction::Minimize), [(1.0, 3.0), (2.0, 3.0), (2.0, 2.0)]);
        assert_eq!(stair(&points, Direction::Maximize), [(1.0, 3.0), (1.0, 2.0), (2.0, 2.0)]);
    }
}
