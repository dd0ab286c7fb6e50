//! fANOVA.

use super::{Domain, ImportanceError, Missing, check, normalised};
use std::num::NonZeroUsize;

/// Choices that have a column each; more would have too many combinations.
const APART: usize = 8;

/// The forest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FanovaOptions {
    /// Trees; 64.
    pub trees: NonZeroUsize,
    /// What the forest's lots are drawn by; 0.
    pub seed: u64,
}

impl Default for FanovaOptions {
    fn default() -> Self {
        Self { trees: const { NonZeroUsize::new(64).unwrap() }, seed: 0 }
    }
}

/// Each parameter's share in the variance of what trials give, by fANOVA (Hutter et al., "An efficient approach for assessing hyperparameter
/// importance", 2014): the variance of a random forest's mean over all other parameters, over the forest's own. Optuna's
/// `FanovaImportanceEvaluator` does the same; forests differ by their lots.
///
/// Shares are of what parameters do alone, and are brought to a sum of 1; what they do together counts for none. `trials` are rows of values of the
/// parameters, on their own scales; `values` what came of them.
///
/// # Errors
/// Bounds, rows or values that make no sense; values that are all the same.
pub fn fanova(
    domains: &[Domain],
    trials: &[Vec<f64>],
    values: &[f64],
    options: &FanovaOptions,
) -> Result<Vec<f64>, ImportanceError> {
    check(domains, trials, values, Missing::Refused)?;
    let constant = ImportanceError::Constant { trials: trials.len() };
    let groups: Vec<Vec<Vec<f64>>> =
        domains.iter().enumerate().map(|(at, domain)| columns(domain, at, trials, values)).collect();
    let all: Vec<&[f64]> = groups.iter().flatten().map(Vec::as_slice).collect();
    if all.is_empty() || values.iter().all(|value| *value == values[0]) {
        return Err(constant);
    }
    let forest = ::fanova::RandomForestOptions::new()
        .trees(options.trees)
        .seed(options.seed)
        .max_features(NonZeroUsize::new(all.len()).expect("there is a column"));
    let fitted = ::fanova::FanovaOptions::new().random_forest(forest).fit(all, values);
    let mut forest = fitted.map_err(|_| constant.clone())?;
    let mut first = 0;
    let mut shares = Vec::with_capacity(groups.len());
    for group in &groups {
        let places: Vec<usize> = (first..first + group.len()).collect();
        first += group.len();
        shares.push(
            subsets(&places)
                .iter()
                .map(|subset| forest.quantify_importance(subset).mean)
                .sum::<f64>()
                .max(0.0),
        );
    }
    Ok(normalised(shares))
}

/// The columns that a parameter is to a tree; none where all trials have the same.
fn columns(domain: &Domain, parameter: usize, trials: &[Vec<f64>], values: &[f64]) -> Vec<Vec<f64>> {
    let column: Vec<f64> = trials.iter().map(|row| row[parameter]).collect();
    let columns = match *domain {
        Domain::Numbers { .. } => vec![column],
        Domain::Choices(count) if count <= APART => {
            let is = |choice: usize| {
                column.iter().map(|value| f64::from(u8::from(*value == choice as f64))).collect()
            };
            (0..count).map(is).collect()
        }
        // In the order of their means, some split in two is the best of all splits (Breiman et al., 1984).
        Domain::Choices(count) => vec![by_mean(count, &column, values)],
    };
    columns.into_iter().filter(|column| column.iter().any(|value| *value != column[0])).collect()
}

/// The rank of each choice among all by the mean of its values.
fn by_mean(count: usize, column: &[f64], values: &[f64]) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); count];
    for (choice, value) in column.iter().zip(values) {
        let (sum, trials) = &mut sums[*choice as usize];
        (*sum, *trials) = (*sum + value, *trials + 1.0);
    }
    let mean = |choice: usize| sums[choice].0 / f64::max(sums[choice].1, 1.0);
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| mean(*a).total_cmp(&mean(*b)));
    let mut ranks = vec![0.0; count];
    order.into_iter().enumerate().for_each(|(rank, choice)| ranks[choice] = rank as f64);
    column.iter().map(|choice| ranks[*choice as usize]).collect()
}

/// All subsets but the empty one: their shares sum to that of the whole.
fn subsets(places: &[usize]) -> Vec<Vec<usize>> {
    let of = |bits: usize| {
        let is_in = |at: &usize| bits >> at & 1 == 1;
        (0..places.len()).filter(is_in).map(|at| places[at]).collect()
    };
    (1..1 << places.len()).map(of).collect()
}
