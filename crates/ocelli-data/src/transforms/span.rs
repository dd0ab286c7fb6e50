//! Ranges that random numbers are drawn from, as torchvision writes them.

use serde::{Deserialize, Serialize};

/// One number, or `[lowest, highest]`. What one number stands for is said where it is used.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Span {
    /// One number.
    One(f64),
    /// From the first to the second.
    Two([f64; 2]),
}

impl From<f64> for Span {
    fn from(one: f64) -> Self {
        Self::One(one)
    }
}

impl From<(f64, f64)> for Span {
    fn from((low, high): (f64, f64)) -> Self {
        Self::Two([low, high])
    }
}

impl Span {
    /// From −d to d, as angles are given.
    pub(crate) fn around_zero(self) -> (f64, f64) {
        match self {
            Self::One(d) => (-d, d),
            Self::Two([low, high]) => (low, high),
        }
    }

    /// From 1 − d, but not below 0, to 1 + d, as factors are given.
    pub(crate) fn around_one(self) -> (f64, f64) {
        match self {
            Self::One(d) => ((1.0 - d).max(0.0), 1.0 + d),
            Self::Two([low, high]) => (low, high),
        }
    }

    /// That number alone.
    pub(crate) fn alone(self) -> (f64, f64) {
        match self {
            Self::One(value) => (value, value),
            Self::Two([low, high]) => (low, high),
        }
    }

    /// # Errors
    /// If it is one number below 0.
    pub(crate) fn check_not_negative(self, name: &str) -> Result<(), String> {
        match self {
            Self::One(value) if value.is_nan() || value < 0.0 => {
                Err(format!("{name} = {value}: one number alone must be at least 0"))
            }
            _ => Ok(()),
        }
    }
}

/// # Errors
/// If `low..=high` does not rise, or is not within `bounds`.
pub(crate) fn check_range(name: &str, (low, high): (f64, f64), bounds: (f64, f64)) -> Result<(), String> {
    if bounds.0 <= low && low <= high && high <= bounds.1 && high.is_finite() {
        return Ok(());
    }
    Err(format!("{name} from {low} to {high} must rise and lie within {} to {}", bounds.0, bounds.1))
}

/// # Errors
/// If `p` is no probability.
pub(crate) fn check_probability(p: f32) -> Result<(), String> {
    if (0.0..=1.0).contains(&p) {
        return Ok(());
    }
    Err(format!("p = {p} is not a probability: 0 to 1 is needed"))
}

/// The usual probability.
pub(crate) fn half() -> f32 {
    0.5
}
