//! Whole numbers between two bounds.

use super::{DistributionError, invalid};

/// A whole number from `low` to `high`, both included: Optuna's `IntDistribution`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntDistribution {
    low: i64,
    high: i64,
    log: bool,
    step: i64,
}

impl IntDistribution {
    /// Evenly from `low` to `high`.
    ///
    /// # Errors
    /// `low` above `high`.
    pub fn uniform(low: i64, high: i64) -> Result<Self, DistributionError> {
        Self::new(low, high, false, 1)
    }

    /// Evenly in the logarithm.
    ///
    /// # Errors
    /// As [`IntDistribution::uniform`], and `low` below 1.
    pub fn log(low: i64, high: i64) -> Result<Self, DistributionError> {
        Self::new(low, high, true, 1)
    }

    /// `low`, `low + step`, … up to `high`, which is lowered to the last of these.
    ///
    /// # Errors
    /// As [`IntDistribution::uniform`], and a step below 1.
    pub fn stepped(low: i64, high: i64, step: i64) -> Result<Self, DistributionError> {
        Self::new(low, high, false, step)
    }

    /// As Optuna's constructor takes them; with `log` the step is 1.
    ///
    /// # Errors
    /// As the other constructors.
    pub fn new(low: i64, high: i64, log: bool, step: i64) -> Result<Self, DistributionError> {
        if low > high {
            return Err(invalid(format!("low = {low} is above high = {high}; exchange them")));
        }
        if log && low < 1 {
            let problem =
                format!("low = {low}, but with log = true it must be 1 or more; raise it or leave log out");
            return Err(invalid(problem));
        }
        if step < 1 {
            return Err(invalid(format!("step = {step} must be 1 or more")));
        }
        if log && step != 1 {
            return Err(invalid("step and log = true exclude one another; leave one of them out".into()));
        }
        // The distance of two numbers of 64 bits may need 65.
        let distance = i128::from(high) - i128::from(low);
        let high = i128::from(low) + distance / i128::from(step) * i128::from(step);
        Ok(IntDistribution { low, high: high as i64, log, step })
    }

    /// The smallest value.
    pub fn low(&self) -> i64 {
        self.low
    }

    /// The greatest value.
    pub fn high(&self) -> i64 {
        self.high
    }

    /// Whether values are spread evenly in the logarithm.
    pub fn is_log(&self) -> bool {
        self.log
    }

    /// The distance of values.
    pub fn step(&self) -> i64 {
        self.step
    }

    /// How many values there are.
    pub(crate) fn count(&self) -> f64 {
        ((i128::from(self.high) - i128::from(self.low)) / i128::from(self.step)) as f64 + 1.0
    }

    /// The nearest value that there is.
    pub(crate) fn nearest(&self, value: f64) -> i64 {
        let (low, step) = (self.low as f64, self.step as f64);
        let nearest = ((value - low) / step).round() * step + low;
        (nearest as i64).clamp(self.low, self.high)
    }

    /// Whether the number is within the bounds and on the grid.
    pub(crate) fn contains(&self, value: i64) -> bool {
        let distance = i128::from(value) - i128::from(self.low);
        (self.low..=self.high).contains(&value) && distance % i128::from(self.step) == 0
    }
}
