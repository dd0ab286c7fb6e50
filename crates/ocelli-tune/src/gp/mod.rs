//! What the Gaussian-process sampler tries next, after what was tried, on points whose numbers are encoded. The process is [`egobox_gp`]'s.
//!
//! A point has a number for each [`Column`]: from 0 to 1, or the index of a choice, or NaN where the column's conditions do not hold. What the
//! numbers mean, and how logarithms, steps and whole numbers become them, is the caller's affair. Values are to be made small.
//!
//! - What is not finite becomes the worst finite value (−∞: the best). Those above the median are compressed: how bad a bad one was says little. Then all
//!   are standardised.
//! - The kernel is egobox's Matérn 5/2, the product of one for each number with a lengthscale of its own, around a constant mean. A choice is a number
//!   for each of what can be chosen, 1 for the one that is and 0 for the others; a number that a point has not got is 0.5.
//! - Lengthscales, within bounds, and noise, one of three, are the most likely ones. Where there are more than [`GpOptions::fit_points`] values, they are
//!   judged by so many of them; what is predicted rests on up to [`GpOptions::points`].
//! - What is maximised is the logarithm of the expected improvement over the best mean of the process at any point so far.
//! - Points that are being worked at count as if their mean had been observed ("kriging believer"): nothing else is known of them, and their
//!   surroundings have less to offer.
//! - It is maximised over quasi-random points, from the best of which ranges are climbed by L-BFGS-B and choices tried one by one.
//! - Several objectives become one by weights that are drawn anew for each suggestion ([`scalarise`], ParEGO).

mod acquisition;
mod column;
mod correlation;
mod features;
mod kernel;
mod log_ei;
mod minimise;
mod model;
mod pareto;
mod search;
#[cfg(test)]
mod tests;

pub use column::{Column, Condition, Kind};
pub use pareto::scalarise;

use acquisition::Acquisition;
use column::{INACTIVE, check_columns, checked, masked};
use features::Features;
use kernel::Kernel;
use model::Model;
use ndarray::Array1;
use search::Search;

/// How much work a suggestion may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpOptions {
    /// Quasi-random points that are looked at; 256. At most 65,536.
    pub candidates: usize,
    /// Points that are climbed from; 3.
    pub starts: usize,
    /// Values that the process rests on, if there are more: the best half of them, and the others chosen evenly from the rest; 400. At least 2.
    pub points: usize,
    /// Values that the kernel is judged by, if there are more, chosen evenly from the best to the worst; 48. At least 2.
    pub fit_points: usize,
    /// How often it is judged on the way to the most likely one; 60. At least 25, and at most ten times for each number of a point.
    pub likelihoods: usize,
}

impl Default for GpOptions {
    fn default() -> Self {
        Self { candidates: 256, starts: 3, points: 400, fit_points: 48, likelihoods: 60 }
    }
}

/// Points that cannot be searched.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GpError {
    /// Nothing varies.
    #[error("points have no columns; there must be at least one")]
    NoColumns,
    /// A column's description makes no sense.
    #[error("column {column}: {problem}")]
    Column {
        /// The column's place.
        column: usize,
        /// What was found, what is needed.
        problem: String,
    },
    /// A point of another length.
    #[error("a point has {found} numbers; there are {needed} columns")]
    Length {
        /// The point's numbers.
        found: usize,
        /// The columns.
        needed: usize,
    },
    /// A number that a column cannot have.
    #[error(
        "column {column} of a point is {value}; a range needs 0 to 1, a category the index of a choice, and NaN is for conditions that do not hold"
    )]
    Value {
        /// The column's place.
        column: usize,
        /// The number.
        value: f64,
    },
    /// Not a value for each point.
    #[error("{points} points have {values} values; each point needs one, and there must be at least one")]
    Values {
        /// The points.
        points: usize,
        /// The values.
        values: usize,
    },
    /// What is known makes no process: it says nothing of where another point should be.
    #[error("the {points} points make no Gaussian process: {problem}")]
    NoProcess {
        /// The points.
        points: usize,
        /// Why.
        problem: &'static str,
    },
}

/// What was tried, and what is being tried.
#[derive(Clone, Copy, Debug)]
pub struct Tried<'a> {
    /// Points that were tried; at least one, and better ten or more, at random.
    pub points: &'a [Vec<f64>],
    /// What came of each: the smaller, the better.
    pub values: &'a [f64],
    /// Points that are being tried.
    pub pending: &'a [Vec<f64>],
}

/// The point to try next. It depends on the arguments alone; another `seed` looks in other places.
///
/// The point differs from all that were tried or are being tried, unless columns leave no other.
///
/// # Errors
/// Columns that make no sense, points that do not fit them, or no value for each point; [`GpError::NoProcess`] where values are all the same, where
/// columns have one value alone, and where rounding leaves no covariance.
pub fn suggest(
    columns: &[Column],
    tried: Tried<'_>,
    seed: u64,
    options: &GpOptions,
) -> Result<Vec<f64>, GpError> {
    check_columns(columns)?;
    let Tried { points, values, pending } = tried;
    if points.len() != values.len() || points.is_empty() {
        return Err(GpError::Values { points: points.len(), values: values.len() });
    }
    let rows: Vec<Vec<f64>> =
        points.iter().chain(pending).map(|point| checked(columns, point)).collect::<Result<_, _>>()?;
    let values = standardised(&compressed(finite(values)));
    let order = ascending(&values);
    let features = Features::new(columns);
    let model = process(&features, rows.split_at(values.len()), &values, &order, options)?;
    let acquisition = Acquisition { columns, features: &features, model: &model };
    let search = Search { acquisition, options, seed };
    let known: Vec<Vec<f64>> =
        order.iter().take(options.starts.div_ceil(2)).map(|at| whole(columns, &rows[*at])).collect();
    let point = search.best(&known, &rows);
    let with_nan = |value: f64| if value == INACTIVE { f64::NAN } else { value };
    Ok(masked(columns, &point).into_iter().map(with_nan).collect())
}

/// A point of the history with a number in every column, and those that are fixed.
fn whole(columns: &[Column], point: &[f64]) -> Vec<f64> {
    let value = |(column, value): (&Column, &f64)| match column.fixed {
        Some(fixed) => fixed,
        None if *value == INACTIVE => column.at(0.5),
        None => *value,
    };
    columns.iter().zip(point).map(value).collect()
}

/// The places of values, the smallest first.
fn ascending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    order
}

/// Values within the bounds of the finite ones, and of size 1 at most, so that no square is infinite.
fn finite(values: &[f64]) -> Vec<f64> {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return vec![0.0; values.len()];
    }
    let size = low.abs().max(high.abs()).max(f64::MIN_POSITIVE);
    // What is no number is as bad as can be.
    let within = |value: &f64| if value.is_nan() { high } else { value.clamp(low, high) };
    values.iter().map(|value| within(value) / size).collect()
}

/// Values in the same order, of which those above the median lie by the logarithm of their distance from it, measured by the spread of those below.
///
/// How bad a bad trial was says little about where the best is, and a training that diverged would make all others look alike. Vizier's Gaussian
/// process compresses that half by its ranks (Song et al., "The Vizier Gaussian process bandit algorithm", 2024); a logarithm has no step at the
/// median. Of 200 searches in the table of trainings (`examples/regret.rs`), 40 trials each, all found its minimum this way and 168 without.
fn compressed(values: Vec<f64>) -> Vec<f64> {
    let order = ascending(&values);
    let below = &order[..order.len().div_ceil(2)];
    let median = below.last().map_or(0.0, |at| values[*at]);
    let spread =
        (below.iter().map(|at| (values[*at] - median).powi(2)).sum::<f64>() / below.len() as f64).sqrt();
    if spread == 0.0 {
        return values;
    }
    let above = |value: f64| median + spread * ((value - median) / spread).ln_1p();
    values.into_iter().map(|value| if value > median { above(value) } else { value }).collect()
}

/// Values with mean 0 and variance 1.
fn standardised(values: &[f64]) -> Vec<f64> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    values.iter().map(|value| (value - mean) / deviation.max(1e-15)).collect()
}

/// The process that fits the values best.
fn process(
    features: &Features,
    (tried, pending): (&[Vec<f64>], &[Vec<f64>]),
    values: &[f64],
    order: &[usize],
    options: &GpOptions,
) -> Result<Model, GpError> {
    let without = |problem| GpError::NoProcess { points: tried.len(), problem };
    if features.choices().is_empty() {
        return Err(without("every column has one value alone"));
    }
    if values.iter().all(|value| *value == values[0]) {
        return Err(without("their values are all the same"));
    }
    let of = |chosen: Vec<usize>| {
        let values: Array1<f64> = chosen.iter().map(|at| values[*at]).collect();
        (features.rows(chosen.iter().map(|at| &tried[*at])), values)
    };
    let unlikely = "the covariance cannot be factorised, however much noise there may be";
    let (rows, judged) = of(evenly(order, options.fit_points.max(2)));
    let kernel = Kernel::fit(features, &rows, &judged, options.likelihoods).ok_or(without(unlikely))?;
    let (rows, values) = of(leading(order, options.points.max(2)));
    Model::new(&rows, &values, &features.rows(pending.iter()), kernel).ok_or(without(unlikely))
}

/// So many places, if there are more, evenly from the first to the last.
fn evenly(order: &[usize], count: usize) -> Vec<usize> {
    if order.len() <= count {
        return order.to_vec();
    }
    (0..count).map(|rank| order[rank * (order.len() - 1) / (count - 1).max(1)]).collect()
}

/// So many places, if there are more: a half of them the first, and the others evenly among the rest.
fn leading(order: &[usize], count: usize) -> Vec<usize> {
    if order.len() <= count {
        return order.to_vec();
    }
    let (first, rest) = order.split_at(count / 2);
    first.iter().copied().chain(evenly(rest, count - count / 2)).collect()
}
