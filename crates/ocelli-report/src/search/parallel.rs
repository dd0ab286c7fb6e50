//! All parameters and the objective of each trial, as a line.

use super::goal::shades;
use super::parameter::Parameter;
use super::{Search, pareto};
use ocelli_plot::{Axis, Figure};

/// Parameters that the figure has room for.
const MOST: usize = 10;
/// The width that an axis takes.
const AXIS: f32 = 104.0;

/// A line of the figure: objectives, then parameters by their places on the axes, NaN where the trial has none; and what its colour
/// stands for, the objective or, of several, the rank of its front.
pub(super) type Row = (Vec<f64>, f64);

/// The lines, those of the best trials last.
pub(super) fn rows(search: &Search, parameters: &[Parameter]) -> Vec<Row> {
    let several = search.objectives.len() > 1;
    let mut shown = search.shown(0);
    shown.retain(|(trial, _)| trial.values.iter().flatten().all(|value| value.is_finite()));
    let ranks = if several { pareto::ranks(search, &shown) } else { Vec::new() };
    let row = |(place, (trial, value)): (usize, &(&ocelli_tune::Trial, f64))| {
        let objectives = trial.values.iter().flatten().copied();
        let values = objectives.chain(parameters.iter().map(|parameter| parameter.place(trial))).collect();
        (values, ranks.get(place).map_or(*value, |rank| *rank as f64))
    };
    let mut rows: Vec<Row> = shown.iter().enumerate().map(row).collect();
    if several {
        rows.sort_by(|one, other| other.1.total_cmp(&one.1));
    }
    rows
}

/// The figure over the first of these parameters, or why there is none.
pub(super) fn figure(search: &Search, parameters: &[Parameter]) -> Result<Figure, String> {
    let parameters = &parameters[..parameters.len().min(MOST)];
    let rows = rows(search, parameters);
    if rows.is_empty() {
        return Err("No trial has come to its end yet.".into());
    }
    if parameters.is_empty() {
        return Err("The trials have no parameters.".into());
    }
    let column = |place: usize| rows.iter().map(|(values, _)| values[place]).collect::<Vec<f64>>();
    let goals = search.objectives.iter().enumerate();
    let goal = |(place, objective)| {
        super::goal::goal(objective, &column(place)).map(|axis| axis.named(&objective.name))
    };
    let goals: Vec<Axis> = goals.filter_map(goal).collect();
    let z = match &search.objectives[..] {
        [only] => shades(only, &column(0)).unwrap_or_else(|| Axis::linear(&only.name)),
        _ => Axis::linear("rank (0: the front)").falling(),
    };
    let axes: Vec<Axis> = goals.into_iter().chain(parameters.iter().map(Parameter::axis)).collect();
    let width = (AXIS * (axes.len() + 1) as f32).max(560.0);
    Ok(Figure::new("Parallel coordinates").size(width, 460.0).z(z).parallel(axes, rows))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{KINDS, complete, numbers, pruned, search, with};
    use super::*;
    use ocelli_tune::{Direction, Trial, Value};

    fn trial(number: u64, values: &[f64], kind: &str) -> Trial {
        let trial = with(complete(number, values), "kind", KINDS, Value::Text(kind.into()));
        if kind == "sgd" {
            with(trial, "momentum", &numbers(0.0, 1.0, false), Value::Float(0.9))
        } else {
            trial
        }
    }

    #[test]
    fn a_line_has_all_that_a_trial_has() {
        let all = search(
            [Direction::Minimize],
            [trial(0, &[1.0], "sgd"), trial(1, &[2.0], "adamw"), pruned(2, &[9.0])],
        );
        let found = rows(&all, &Parameter::all(&all));
        // Parameters by name: kind, momentum.
        assert_eq!(found.len(), 2);
        assert_eq!((&found[0].0[..2], found[0].1), (&[2.0, 0.5][..], 2.0));
        assert!(found[0].0[2].is_nan(), "adamw has no momentum");
        assert_eq!(found[1], (vec![1.0, 1.5, 0.9], 1.0), "the best last");
        assert!(figure(&all, &Parameter::all(&all)).unwrap().svg().contains(">none</text>"));
    }

    #[test]
    fn several_objectives_are_coloured_by_rank() {
        let points = [[1.0, 5.0], [2.0, 2.0], [5.0, 1.0], [3.0, 3.0], [6.0, 6.0]];
        let trials = points.iter().enumerate().map(|(number, values)| trial(number as u64, values, "sgd"));
        let all = search([Direction::Minimize; 2], trials);
        let ranks: Vec<f64> = rows(&all, &[]).iter().map(|(_, rank)| *rank).collect();
        assert_eq!(ranks, [2.0, 1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn without_trials_or_parameters_there_is_a_sentence() {
        let none = search([Direction::Minimize], [pruned(0, &[1.0])]);
        assert!(figure(&none, &[]).unwrap_err().contains("No trial"));
        let bare = search([Direction::Minimize], [complete(0, &[1.0])]);
        assert!(figure(&bare, &[]).unwrap_err().contains("no parameters"));
    }
}
