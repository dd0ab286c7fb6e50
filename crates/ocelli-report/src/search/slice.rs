//! The objective over one parameter.

use super::Search;
use super::goal::goal;
use super::parameter::Parameter;
use ocelli_plot::{Axis, Figure};

/// Points of a slice: a parameter's place on its axis, the objective, and the number of the trial.
pub(super) type Points = Vec<(f64, f64, f64)>;

/// Complete trials that have the parameter, later ones over earlier ones, and pruned ones at the last that they reported.
pub(super) fn points(search: &Search, objective: usize, parameter: &Parameter) -> (Points, Points) {
    let points = |trials: Vec<(&ocelli_tune::Trial, f64)>| -> Points {
        let point =
            |(trial, value): (&ocelli_tune::Trial, f64)| (parameter.place(trial), value, trial.number as f64);
        trials.into_iter().map(point).filter(|(x, ..)| !x.is_nan()).collect()
    };
    let mut complete = points(search.shown(objective));
    complete.sort_by(|one, other| one.2.total_cmp(&other.2));
    (complete, points(search.pruned()))
}

/// The figure, or why there is none.
pub(super) fn figure(search: &Search, objective: usize, parameter: &Parameter) -> Result<Figure, String> {
    let (complete, pruned) = points(search, objective, parameter);
    let values: Vec<f64> = complete.iter().map(|(_, value, _)| *value).collect();
    let goal = goal(&search.objectives[objective], &values)
        .ok_or_else(|| format!("No trial with {} has come to its end.", parameter.name))?;
    let mut figure = Figure::new(&parameter.short)
        .x(parameter.axis())
        .y(goal)
        .z(Axis::linear("trial").range(0.0, search.last()));
    if !pruned.is_empty() {
        figure = figure.faint_points("pruned, last value", pruned.iter().map(|(x, value, _)| (*x, *value)));
    }
    Ok(figure.shaded_points(complete))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{KINDS, complete, numbers, pruned, search, with};
    use super::*;
    use ocelli_tune::{Direction, Value};

    #[test]
    fn trials_lie_where_their_parameter_is() {
        let rate = |trial, value| with(trial, "lr", &numbers(1e-4, 0.1, true), Value::Float(value));
        let trials = [
            rate(complete(0, &[1.0, 5.0]), 0.01),
            with(complete(1, &[2.0, 6.0]), "kind", KINDS, Value::Text("sgd".into())),
            rate(complete(2, &[3.0, 7.0]), 0.1),
            rate(pruned(3, &[9.0, 8.0]), 0.001),
        ];
        let all = search([Direction::Maximize, Direction::Minimize], trials);
        let [kind, lr] = &Parameter::all(&all)[..] else { panic!() };
        assert_eq!(points(&all, 0, lr), (vec![(0.01, 1.0, 0.0), (0.1, 3.0, 2.0)], vec![(0.001, 8.0, 3.0)]));
        assert_eq!(points(&all, 1, kind).0, [(1.5, 6.0, 1.0)]);
        assert!(figure(&all, 1, lr).unwrap().svg().contains("1e-4"), "the axis spans what might have been");
        let none = search([Direction::Minimize], [rate(pruned(0, &[1.0]), 0.01)]);
        assert!(figure(&none, 0, lr).unwrap_err().contains("No trial with lr"));
    }
}
