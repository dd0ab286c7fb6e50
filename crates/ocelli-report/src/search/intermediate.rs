//! What trials reported on their way.

use super::goal::goal;
use super::{MOST_TRIALS, Search};
use ocelli_plot::{Axis, Figure};
use ocelli_tune::{Trial, TrialState};

/// What a trial reported on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The trial.
    pub number: u64,
    /// Where it stands.
    pub state: TrialState,
    /// Steps, and what was reported there; what is no finite number is left out.
    pub points: Vec<(i64, f64)>,
}

/// What trials reported, of those that reported something, by number.
#[must_use]
pub fn curves(search: &Search) -> Vec<Curve> {
    let points = |trial: &Trial| {
        let all = trial.intermediate_values.iter().map(|(step, value)| (*step, *value));
        all.filter(|(_, value)| value.is_finite()).collect::<Vec<_>>()
    };
    let curve = |trial: &std::sync::Arc<Trial>| Curve {
        number: trial.number,
        state: trial.state,
        points: points(trial),
    };
    search.trials.iter().map(curve).filter(|curve| !curve.points.is_empty()).collect()
}

/// The figure, or why there is none.
pub(super) fn figure(search: &Search) -> Result<Figure, String> {
    let [objective] = &search.objectives[..] else {
        return Err("With several objectives trials report nothing on their way.".into());
    };
    let mut curves = curves(search);
    if curves.is_empty() {
        return Err("No trial has reported anything on its way.".into());
    }
    // The last are the ones that are of interest, where there are too many.
    curves.drain(..curves.len().saturating_sub(MOST_TRIALS));
    let values: Vec<f64> =
        curves.iter().flat_map(|curve| curve.points.iter().map(|(_, value)| *value)).collect();
    let axis = goal(objective, &values).ok_or("No trial has reported a number.")?;
    let of = |states: &[TrialState]| -> Vec<Vec<(f64, f64)>> {
        let places =
            |curve: &Curve| curve.points.iter().map(|(step, value)| (*step as f64, *value)).collect();
        curves.iter().filter(|curve| states.contains(&curve.state)).map(places).collect()
    };
    let mut figure = Figure::new(format!("On the way: {}", objective.name)).x(Axis::linear("step")).y(axis);
    let faint = of(&[TrialState::Pruned, TrialState::Fail]);
    if !faint.is_empty() {
        figure = figure.faint_lines("pruned or failed", faint);
    }
    let complete = of(&[TrialState::Complete]);
    if !complete.is_empty() {
        figure = figure.lines("complete", complete);
    }
    let running = of(&[TrialState::Running]);
    if !running.is_empty() {
        figure = figure.lines("running", running);
    }
    let best =
        search.best_of(0).and_then(|(best, _)| curves.iter().find(|curve| curve.number == best.number));
    Ok(match best {
        Some(best) => {
            let points = best.points.iter().map(|(step, value)| (*step as f64, *value));
            figure.line(format!("the best, trial {}", best.number), points)
        }
        None => figure,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{complete, pruned, search, trial};
    use super::*;
    use ocelli_tune::Direction;

    #[test]
    fn every_trial_that_reported_has_a_curve() {
        let mut best = complete(1, &[0.5]);
        best.intermediate_values = [(1, 1.0), (2, f64::NAN), (3, 0.5)].into();
        let all = search(
            [Direction::Minimize],
            [pruned(0, &[3.0, 2.0]), best, trial(2, TrialState::Running), pruned(3, &[f64::NAN])],
        );
        let found = curves(&all);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].state, &found[0].points[..]), (TrialState::Pruned, &[(1, 3.0), (2, 2.0)][..]));
        assert_eq!((found[1].number, &found[1].points[..]), (1, &[(1, 1.0), (3, 0.5)][..]));
        let svg = figure(&all).unwrap().svg();
        assert!(
            svg.contains("pruned or failed") && svg.contains("the best, trial 1") && !svg.contains("running")
        );
    }

    #[test]
    fn where_nothing_was_reported_there_is_a_sentence() {
        assert!(
            figure(&search([Direction::Minimize], [complete(0, &[1.0])])).unwrap_err().contains("on its way")
        );
        let several = search([Direction::Minimize, Direction::Maximize], [complete(0, &[1.0, 2.0])]);
        assert!(figure(&several).unwrap_err().contains("several"));
    }
}
