//! Minima of smooth functions within bounds.

use basin::{BoxConstraints, CostFunction, Executor, Gradient, LbfgsState, Lbfgsb};

/// After so many steps, it has gone far enough.
const STEPS: u64 = 30;
/// When no derivative that does not push against a bound is larger, it is there.
const SLOPE: f64 = 1e-2;
/// When a step gains less than this, too.
const GAIN: f64 = 1e-6;
/// Steps that tell of the curvature.
const MEMORY: usize = 10;

/// The function has no value somewhere on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoValue;

struct Problem<F> {
    function: F,
    low: Vec<f64>,
    high: Vec<f64>,
}

impl<F: Fn(&[f64]) -> Option<(f64, Vec<f64>)>> BoxConstraints for Problem<F> {
    fn lower(&self) -> &Vec<f64> {
        &self.low
    }

    fn upper(&self) -> &Vec<f64> {
        &self.high
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
) -> Option<(Vec<f64>, f64)> {
    let (low, high) = bounds.iter().copied().unzip();
    let solver = Lbfgsb::new()
        .with_absolute_projected_gradient_tolerance(SLOPE)
        .with_absolute_cost_change_tolerance(GAIN);
    let state = LbfgsState::new(start, MEMORY);
    let result = Executor::new(Problem { function, low, high }, solver, state).max_iter(STEPS).run().ok()?;
    Some((result.param().clone(), result.cost()))
}
