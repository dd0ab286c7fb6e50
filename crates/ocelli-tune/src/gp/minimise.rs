//! Minima of smooth functions within bounds.

use basin::{BoxBounds, ConstraintDescription, ConstraintSet, Constraints, CostFunction, Executor};
use basin::{FirstOrderState, Gradient, Lbfgsb};

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    /// After so many steps.
    pub(super) steps: u64,
    /// When no derivative that does not push against a bound is larger.
    pub(super) slope: f64,
    /// When a step gains less than this share of the function's size (of 1, where that is smaller).
    pub(super) gain: f64,
}

/// The function has no value somewhere on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoValue;

struct Problem<F> {
    function: F,
    low: Vec<f64>,
    high: Vec<f64>,
}

impl<F> Constraints for Problem<F> {
    type Set = ConstraintSet<BoxBounds<Vec<f64>>>;

    fn constraints(&self) -> <Self::Set as ConstraintDescription>::Borrowed<'_> {
        ConstraintSet::new().with_bounds(BoxBounds::new(Some(&self.low), Some(&self.high)))
    }
}

impl<F: Fn(&[f64]) -> Option<(f64, Vec<f64>)>> CostFunction for Problem<F> {
    type Param = Vec<f64>;
    type Output = f64;
    type Error = NoValue;

    fn cost(&self, at: &Vec<f64>) -> Result<f64, NoValue> {
        (self.function)(at).map(|(value, _)| value).ok_or(NoValue)
    }
}

impl<F: Fn(&[f64]) -> Option<(f64, Vec<f64>)>> Gradient for Problem<F> {
    type Gradient = Vec<f64>;

    fn gradient(&self, at: &Vec<f64>) -> Result<Vec<f64>, NoValue> {
        (self.function)(at).map(|(_, slopes)| slopes).ok_or(NoValue)
    }

    fn cost_and_gradient(&self, at: &Vec<f64>) -> Result<(f64, Vec<f64>), NoValue> {
        (self.function)(at).ok_or(NoValue)
    }
}

/// A local minimum by L-BFGS-B (Byrd et al., "A limited memory algorithm for bound constrained optimization", 1995) from `start`, and the
/// value there.
///
/// `function` gives its value and derivatives, or nothing where it has none.
pub(super) fn minimise(
    function: impl Fn(&[f64]) -> Option<(f64, Vec<f64>)>,
    start: Vec<f64>,
    bounds: &[(f64, f64)],
    stop: Stop,
) -> Option<(Vec<f64>, f64)> {
    let (low, high) = bounds.iter().copied().unzip();
    let solver = Lbfgsb::new()
        .with_absolute_projected_gradient_tolerance(stop.slope)
        .with_relative_cost_reduction_tolerance(stop.gain);
    let state = FirstOrderState::new(start);
    let result =
        Executor::new(Problem { function, low, high }, solver, state).max_iter(stop.steps).run().ok()?;
    Some((result.param().clone(), result.cost()))
}
