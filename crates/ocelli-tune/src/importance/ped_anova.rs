//! PED-ANOVA.

use super::parzen::density;
use super::{Domain, ImportanceError, Missing, check, normalised};

/// Trials with or without a parameter that say something of it, at the least.
const FEWEST: usize = 2;
/// Added to densities, so that none is zero.
const TINY: f64 = 1e-12;

/// What is compared with what.
#[derive(Clone, Debug, PartialEq)]
pub struct PedAnovaOptions {
    /// The share of trials that counts as the best; 0.1.
    pub target: f64,
    /// The share of trials that the best are compared with; 1, all.
    pub region: f64,
    /// Whether the best are compared with trials (true, the default), or with the whole space.
    pub local: bool,
}

impl Default for PedAnovaOptions {
    fn default() -> Self {
        Self { target: 0.1, region: 1.0, local: true }
    }
}

/// Each parameter's share in what makes a trial one of the best, by PED-ANOVA (Watanabe et al., "PED-ANOVA: efficiently quantifying
/// hyperparameter importance in arbitrary subspaces", 2023): the Pearson divergence of its density among the best trials from that among
/// all. Of parameters that some trials have not, those that have are compared, weighed by how many of the best they are ("Conditional
/// PED-ANOVA", 2026). The figures are those of `get_param_importances` of Optuna 5, whose default this is.
///
/// `trials` are rows of values of the parameters, on their own scales, NaN where a trial has not the parameter; `values` what came of them, the
/// smaller the better. All are equally important where nothing sets the best apart.
///
/// # Errors
/// Bounds, rows, values or shares that make no sense.
pub fn ped_anova(
    domains: &[Domain],
    trials: &[Vec<f64>],
    values: &[f64],
    options: &PedAnovaOptions,
) -> Result<Vec<f64>, ImportanceError> {
    check(domains, trials, values, Missing::Allowed)?;
    let PedAnovaOptions { target, region, local } = *options;
    if !(0.0 < target && target < region && region <= 1.0) {
        return Err(ImportanceError::Shares { target, region });
    }
    if trials.len() < FEWEST {
        return Ok(normalised(vec![0.0; domains.len()]));
    }
    let best = |share: f64| -> Vec<&[f64]> {
        let cutoff = cutoff(values, share);
        trials
            .iter()
            .zip(values)
            .filter(|(_, value)| **value <= cutoff)
            .map(|(row, _)| row.as_slice())
            .collect()
    };
    let (target, region) = (best(target), best(region));
    let weigh = |(parameter, domain): (usize, &Domain)| weight(domain, parameter, &target, &region, local);
    Ok(normalised(domains.iter().enumerate().map(weigh).collect()))
}

/// The worst value of a share of the trials.
fn cutoff(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = (share * sorted.len() as f64).ceil() as usize;
    sorted[count.clamp(1, sorted.len()) - 1]
}

fn weight(domain: &Domain, parameter: usize, target: &[&[f64]], region: &[&[f64]], local: bool) -> f64 {
    let having = |rows: &[&[f64]]| -> Vec<f64> {
        rows.iter().map(|row| row[parameter]).filter(|value| !value.is_nan()).collect()
    };
    let (best, all) = (having(target), having(region));
    if domain.is_single() || best.is_empty() || all.len() < FEWEST {
        return 0.0;
    }
    let (of_best, of_all) = (best.len() as f64 / target.len() as f64, all.len() as f64 / region.len() as f64);
    of_best * of_best / of_all * divergence(domain, &best, local.then_some(&all))
}

/// Pearson's, of the density of `best` from that of `all`, or from an even one.
fn divergence(domain: &Domain, best: &[f64], all: Option<&Vec<f64>>) -> f64 {
    let best = density(domain, best);
    let places = best.len();
    let all = all.map_or_else(
        || vec![1.0 / places as f64; places],
        |all| density(domain, all).into_iter().map(|all| all + TINY).collect(),
    );
    best.iter().zip(&all).map(|(best, all)| all * ((best + TINY) / all - 1.0).powi(2)).sum()
}
