//! Which parameters decide how good a trial is, from what was tried: on plain numbers.
//!
//! - [`ped_anova`]: what sets the best trials apart from all. Quick, and good for searches, which look more closely where it is good.
//! - [`fanova`]: how much of the variance over the whole space is one parameter's alone, by a forest of regression trees.
//!
//! Both are Optuna's, with its defaults. Importances sum to 1.

mod domain;
mod fanova;
mod parzen;
mod ped_anova;

pub use self::fanova::{FanovaOptions, fanova};
pub use domain::Domain;
pub use ped_anova::{PedAnovaOptions, ped_anova};

/// Trials whose parameters cannot be weighed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportanceError {
    /// A parameter whose bounds make no sense.
    #[error("parameter {parameter}: {problem}")]
    Domain {
        /// The parameter's place.
        parameter: usize,
        /// What was found, what is needed.
        problem: &'static str,
    },
    /// A parameter's value that it cannot have.
    #[error(
        "trial {trial} has {value} for parameter {parameter}; it needs a number within the bounds, or the index of a choice, and fANOVA parameters that all trials have"
    )]
    Value {
        /// The trial's place.
        trial: usize,
        /// The parameter's place.
        parameter: usize,
        /// The value.
        value: f64,
    },
    /// Not a row of parameters and a finite value for each trial.
    #[error(
        "trial {trial} has {found} parameters and the value {value}; it needs {needed} parameters and a finite value"
    )]
    Trial {
        /// The trial's place.
        trial: usize,
        /// Its parameters.
        found: usize,
        /// Its value, NaN where there is none.
        value: f64,
        /// The parameters that there are.
        needed: usize,
    },
    /// Shares of trials of which one is not within the other.
    #[error(
        "the best {target} of trials cannot be compared with the best {region}; the first must be above 0 and below the second, and that 1 at most"
    )]
    Shares {
        /// The share that counts as the best.
        target: f64,
        /// The share that it is compared with.
        region: f64,
    },
    /// No trial, or no difference between any.
    #[error("{trials} trials tell nothing: their values are all the same; try more, and in other places")]
    Constant {
        /// The trials.
        trials: usize,
    },
}

/// Whether a trial may have no value for a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    /// It is NaN there.
    Allowed,
    /// It must have one.
    Refused,
}

/// Whether trials are rows of values that the parameters can have, each with a finite value of its own.
fn check(
    domains: &[Domain],
    trials: &[Vec<f64>],
    values: &[f64],
    missing: Missing,
) -> Result<(), ImportanceError> {
    domains.iter().enumerate().try_for_each(|(parameter, domain)| domain.check(parameter))?;
    for trial in 0..trials.len().max(values.len()) {
        let found = trials.get(trial).map_or(0, Vec::len);
        let value = values.get(trial).copied().unwrap_or(f64::NAN);
        if trial >= trials.len() || found != domains.len() || !value.is_finite() {
            return Err(ImportanceError::Trial { trial, found, value, needed: domains.len() });
        }
        for (parameter, (domain, value)) in domains.iter().zip(&trials[trial]).enumerate() {
            let may_be_missing = value.is_nan() && missing == Missing::Allowed;
            if !domain.has(*value) && !may_be_missing {
                return Err(ImportanceError::Value { trial, parameter, value: *value });
            }
        }
    }
    Ok(())
}

/// Weights brought to a sum of 1; equal ones where all are zero.
fn normalised(weights: Vec<f64>) -> Vec<f64> {
    let (sum, count) = (weights.iter().sum::<f64>(), weights.len() as f64);
    weights.into_iter().map(|weight| if sum > 0.0 { weight / sum } else { 1.0 / count }).collect()
}
