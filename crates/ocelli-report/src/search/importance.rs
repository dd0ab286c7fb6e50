//! Which parameters decide how good a trial is.

use super::Search;
use super::parameter::Parameter;
use ocelli_plot::{Axis, Figure};
use ocelli_tune::importance::{Domain, FanovaOptions, PedAnovaOptions, fanova, ped_anova};

/// Parameters that the figure has room for.
pub(super) const MOST: usize = 12;

/// A parameter's share in what makes a trial good.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// The parameter.
    pub name: String,
    /// Its share in what sets the best tenth of the trials apart from all ([`ped_anova`]). Shares sum to 1.
    pub ped_anova: f64,
    /// Its share in the variance over all trials ([`fanova`]), of the parameters that all trials have; `None` of others. Shares sum to 1.
    pub fanova: Option<f64>,
}

/// Every parameter's importance for an objective, by the complete trials whose objective is a finite number; the most important first. Optuna's
/// `get_param_importances` weighs the same trials by the same methods.
///
/// # Errors
/// A sentence that says why there are none: fewer than two such trials, no parameters, or no difference between trials.
pub fn importances(search: &Search, objective: usize) -> Result<Vec<Importance>, String> {
    let (parameters, trials) = (Parameter::all(search), search.complete(objective));
    let values: Vec<f64> =
        trials.iter().map(|(_, value)| search.objectives[objective].direction.as_loss(*value)).collect();
    let count = trials.len();
    if count < 2 {
        return Err(format!("Importances need two complete trials at least, and there are {count}."));
    }
    if values.iter().all(|value| *value == values[0]) {
        return Err(format!(
            "Nothing can be said of importances: all {count} complete trials have the same value."
        ));
    }
    let row = |of: &[&Parameter]| -> Vec<Vec<f64>> {
        trials.iter().map(|(trial, _)| of.iter().map(|parameter| parameter.value(trial)).collect()).collect()
    };
    let had = |parameter: &&Parameter| trials.iter().any(|(trial, _)| !parameter.value(trial).is_nan());
    let some: Vec<&Parameter> = parameters.iter().filter(had).collect();
    if some.is_empty() {
        return Err("The trials have no parameters.".into());
    }
    let by_ped_anova = ped_anova(&domains(&some), &row(&some), &values, &PedAnovaOptions::default());
    let by_ped_anova = by_ped_anova.map_err(|error| format!("Importances cannot be told: {error}."))?;
    let always = |parameter: &&Parameter| trials.iter().all(|(trial, _)| !parameter.value(trial).is_nan());
    let all: Vec<&Parameter> = some.iter().copied().filter(always).collect();
    // Where it has nothing to say, such as of parameters that never varied, there is the other.
    let by_fanova =
        fanova(&domains(&all), &row(&all), &values, &FanovaOptions::default()).unwrap_or_default();
    let of_forest = |parameter: &Parameter| {
        let place = all.iter().position(|one| one.name == parameter.name)?;
        by_fanova.get(place).copied()
    };
    let importance = |(parameter, ped_anova): (&&Parameter, f64)| Importance {
        name: parameter.name.clone(),
        ped_anova,
        fanova: of_forest(parameter),
    };
    let mut found: Vec<Importance> = some.iter().zip(by_ped_anova).map(importance).collect();
    found.sort_by(|one, other| other.ped_anova.total_cmp(&one.ped_anova));
    Ok(found)
}

fn domains(parameters: &[&Parameter]) -> Vec<Domain> {
    parameters.iter().map(|parameter| parameter.domain()).collect()
}

/// The parameters, the most important for an objective first; where importances cannot be told, by name.
pub(super) fn ranked(search: &Search, importances: Option<&[Importance]>) -> Vec<Parameter> {
    let mut parameters = Parameter::all(search);
    let rank = |parameter: &Parameter| {
        importances
            .and_then(|all| all.iter().position(|one| one.name == parameter.name))
            .unwrap_or(usize::MAX)
    };
    parameters.sort_by_key(rank);
    parameters
}

/// The figure.
pub(super) fn figure(search: &Search, objective: usize, importances: &[Importance]) -> Figure {
    let parameters = ranked(search, Some(importances));
    let shown = &importances[..importances.len().min(MOST)];
    let names = parameters.iter().take(shown.len()).map(|parameter| parameter.short.clone());
    // Two bars for each, one below the other.
    let bars = |from: f64, of: fn(&Importance) -> Option<f64>| {
        let bar = move |(row, one): (usize, &Importance)| {
            Some((0.0, of(one)?, row as f64 + from, row as f64 + from + 0.4))
        };
        shown.iter().enumerate().filter_map(bar).collect::<Vec<_>>()
    };
    Figure::new(format!("Importance for {}", search.objectives[objective].name))
        .size(800.0, 150.0 + 44.0 * shown.len() as f32)
        .x(Axis::linear("share"))
        .y(Axis::names("", names))
        .rectangles("PED-ANOVA", bars(0.1, |one| Some(one.ped_anova)))
        .rectangles("fANOVA", bars(0.5, |one| one.fanova))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{KINDS, complete, numbers, pruned, search, with};
    use super::*;
    use ocelli_tune::{Direction, Trial, Value};

    /// Forty trials whose objective is the square of `x`, with a `y` that does nothing and a `z` that some have not.
    fn trials() -> Vec<Trial> {
        let trial = |number: u64| {
            let (x, y) = ((number * 7 % 40) as f64 / 40.0, (number * 11 % 40) as f64 / 40.0);
            let trial =
                with(complete(number, &[(x - 0.3).powi(2)]), "x", &numbers(0.0, 1.0, false), Value::Float(x));
            let trial = with(trial, "y", &numbers(0.0, 1.0, false), Value::Float(y));
            let kind = if number.is_multiple_of(2) { Value::Text("adamw".into()) } else { Value::Null };
            let trial = with(trial, "kind", KINDS, kind);
            if number.is_multiple_of(2) {
                with(trial, "z", &numbers(1e-3, 1.0, true), Value::Float(0.5))
            } else {
                trial
            }
        };
        (0..40).map(trial).collect()
    }

    #[test]
    fn what_decides_comes_first() {
        let found = importances(&search([Direction::Minimize], trials()), 0).unwrap();
        assert_eq!(found.len(), 4);
        assert!(found[0].name == "x" && found[0].ped_anova > 0.5, "{found:?}");
        assert!(found[0].fanova.unwrap() > 0.9, "{found:?}");
        let z = found.iter().find(|one| one.name == "z").unwrap();
        assert_eq!(z.fanova, None, "not all trials have it");
        let sum = |of: fn(&Importance) -> f64| found.iter().map(of).sum::<f64>();
        assert!(
            (sum(|one| one.ped_anova) - 1.0).abs() < 1e-9
                && (sum(|one| one.fanova.unwrap_or(0.0)) - 1.0).abs() < 1e-9
        );
        // What is to rise is as important by its other sign.
        let mut turned = trials();
        turned
            .iter_mut()
            .flat_map(|trial| trial.values.iter_mut().flatten())
            .for_each(|value| *value = -*value);
        assert_eq!(importances(&search([Direction::Maximize], turned), 0).unwrap(), found);
    }

    #[test]
    fn where_nothing_can_be_told_there_is_a_sentence() {
        let said = |trials: Vec<Trial>| importances(&search([Direction::Minimize], trials), 0).unwrap_err();
        assert!(said(vec![]).contains("there are 0"));
        assert!(said(vec![complete(0, &[1.0]), pruned(1, &[2.0])]).contains("there are 1"));
        assert!(said(vec![complete(0, &[1.0]), complete(1, &[1.0])]).contains("same value"));
        assert!(said(vec![complete(0, &[1.0]), complete(1, &[2.0])]).contains("no parameters"));
    }

    #[test]
    fn bars_are_as_long_as_shares() {
        let found = search([Direction::Minimize], trials());
        let figure = figure(&found, 0, &importances(&found, 0).unwrap());
        let svg = figure.svg();
        assert_eq!(svg.matches("<rect").count(), 1 + 4 + 3, "the paper, and a bar for each that has a share");
        assert!(svg.contains(">PED-ANOVA</text>") && svg.contains(">kind</text>"));
    }
}
