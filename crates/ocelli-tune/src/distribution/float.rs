//! Numbers between two bounds.

use super::{DistributionError, decimal, invalid};

/// A number from `low` to `high`, both included: Optuna's `FloatDistribution`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FloatDistribution {
    low: f64,
    high: f64,
    log: bool,
    step: Option<f64>,
}

impl FloatDistribution {
    /// Evenly from `low` to `high`.
    ///
    /// # Errors
    /// Bounds that are not finite, or `low` above `high`.
    pub fn uniform(low: f64, high: f64) -> Result<Self, DistributionError> {
        Self::new(low, high, false, None)
    }

    /// Evenly in the logarithm.
    ///
    /// # Errors
    /// As [`FloatDistribution::uniform`], and `low` of zero or less.
    pub fn log(low: f64, high: f64) -> Result<Self, DistributionError> {
        Self::new(low, high, true, None)
    }

    /// `low`, `low + step`, … up to `high`, which is lowered to the last of these.
    ///
    /// # Errors
    /// As [`FloatDistribution::uniform`], and a step that is not positive.
    pub fn stepped(low: f64, high: f64, step: f64) -> Result<Self, DistributionError> {
        Self::new(low, high, false, Some(step))
    }

    /// As Optuna's constructor takes them; `log` and `step` exclude one another.
    ///
    /// # Errors
    /// As the other constructors.
    pub fn new(low: f64, high: f64, log: bool, step: Option<f64>) -> Result<Self, DistributionError> {
        if !low.is_finite() || !high.is_finite() || !(high - low).is_finite() {
            return Err(invalid(format!(
                "low = {low} and high = {high} must be finite, and their distance too"
            )));
        }
        if low > high {
            return Err(invalid(format!("low = {low} is above high = {high}; exchange them")));
        }
        if log && low <= 0.0 {
            let problem =
                format!("low = {low}, but with log = true it must be above 0; raise it or leave log out");
            return Err(invalid(problem));
        }
        let Some(step) = step else { return Ok(FloatDistribution { low, high, log, step }) };
        if log {
            return Err(invalid("step and log = true exclude one another; leave one of them out".into()));
        }
        if !(step.is_finite() && step > 0.0) {
            return Err(invalid(format!("step = {step} must be above 0")));
        }
        let float = FloatDistribution { low, high, log, step: Some(step) };
        if float.contains(high) {
            return Ok(float);
        }
        let high = decimal::at(low, decimal::steps(low, high, step), step).min(high);
        Ok(FloatDistribution { low, high, log, step: Some(step) })
    }

    /// The smallest value.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// The greatest value.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// Whether values are spread evenly in the logarithm.
    pub fn is_log(&self) -> bool {
        self.log
    }

    /// The distance of values, if they are on a grid.
    pub fn step(&self) -> Option<f64> {
        self.step
    }

    /// How many values there are, if they are on a grid.
    pub(crate) fn count(&self) -> Option<f64> {
        self.step.map(|step| ((self.high - self.low) / step).round() + 1.0)
    }

    /// The nearest value that there is.
    pub(crate) fn nearest(&self, value: f64) -> f64 {
        let value = match self.step {
            Some(step) => decimal::at(self.low, ((value - self.low) / step).round(), step),
            None => value,
        };
        value.clamp(self.low, self.high)
    }

    /// Whether the number is within the bounds, and on the grid if there is one: to 10⁻⁸ of a step, as in Optuna, or to rounding where
    /// steps are that small against the numbers.
    pub(crate) fn contains(&self, value: f64) -> bool {
        let greatest = f64::max(self.low.abs(), self.high.abs());
        let on_grid = self.step.is_none_or(|step| {
            let count = (value - self.low) / step;
            (count - count.round()).abs() < f64::max(1e-8, 4.0 * f64::EPSILON * greatest / step)
        });
        (self.low..=self.high).contains(&value) && on_grid
    }
}
