//! What a parameter may be: Optuna's three distributions, with their names, meanings and JSON.

mod categorical;
mod decimal;
mod float;
mod int;
mod json;

pub use categorical::CategoricalDistribution;
pub use float::FloatDistribution;
pub use int::IntDistribution;

use crate::Value;

/// What a parameter may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// A number.
    Float(FloatDistribution),
    /// A whole number.
    Int(IntDistribution),
    /// One of a list.
    Categorical(CategoricalDistribution),
}

/// A distribution that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DistributionError {
    /// The bounds, the step or the choices make no sense together.
    #[error("{problem}")]
    Invalid {
        /// What was found, what is needed.
        problem: String,
    },
    /// Not a distribution as Optuna writes it.
    #[error("not a distribution in Optuna's JSON: {problem}")]
    Json {
        /// What was found, what is needed.
        problem: String,
    },
}

fn invalid(problem: String) -> DistributionError {
    DistributionError::Invalid { problem }
}

impl Distribution {
    /// The value as a number, as Optuna keeps it: numbers as they are, choices by their index. `None` where the value is of another
    /// kind or no choice; bounds are not looked at.
    pub fn to_internal(&self, value: &Value) -> Option<f64> {
        match self {
            Distribution::Float(_) => value.as_f64(),
            Distribution::Int(_) => value.as_i64().map(|value| value as f64),
            Distribution::Categorical(categorical) => categorical.index(value).map(|index| index as f64),
        }
    }

    /// The value of a number that [`Distribution::to_internal`] gave.
    pub fn to_external(&self, internal: f64) -> Option<Value> {
        match self {
            Distribution::Float(_) => Some(Value::Float(internal)),
            Distribution::Int(_) => internal.is_finite().then_some(Value::Int(internal as i64)),
            Distribution::Categorical(categorical) => {
                let index = (internal >= 0.0).then_some(internal as usize)?;
                categorical.choices().get(index).cloned()
            }
        }
    }

    /// Whether the value is within the bounds, or among the choices.
    pub fn contains(&self, value: &Value) -> bool {
        match self {
            Distribution::Float(float) => value.as_f64().is_some_and(|value| float.contains(value)),
            Distribution::Int(int) => value.as_i64().is_some_and(|value| int.contains(value)),
            Distribution::Categorical(categorical) => categorical.index(value).is_some(),
        }
    }

    /// The same value, as this distribution writes it: a float that was given as a whole number becomes a float, a choice becomes the
    /// choice. `None` where [`Distribution::contains`] says no.
    pub fn accept(&self, value: &Value) -> Option<Value> {
        self.contains(value).then(|| self.to_external(self.to_internal(value)?)).flatten()
    }

    /// Whether there is but one value.
    pub fn is_single(&self) -> bool {
        match self {
            Distribution::Float(float) => float.low() == float.high(),
            Distribution::Int(int) => int.low() == int.high(),
            Distribution::Categorical(categorical) => categorical.choices().len() == 1,
        }
    }

    /// Whether both may be a parameter of one study, as in Optuna: of one kind, and choices must be the same.
    pub fn is_compatible(&self, other: &Distribution) -> bool {
        match (self, other) {
            (Distribution::Float(_), Distribution::Float(_))
            | (Distribution::Int(_), Distribution::Int(_)) => true,
            (Distribution::Categorical(one), Distribution::Categorical(other)) => {
                let (one, other) = (one.choices(), other.choices());
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.is_same(other))
            }
            _ => false,
        }
    }

    /// The value at a place from 0 to 1 in the distribution: the inverse of its cumulative distribution function. Places that are
    /// uniform at random give values as Optuna's `RandomSampler` draws them.
    pub fn at(&self, place: f64) -> Value {
        match self {
            Distribution::Float(float) => Value::Float(float_at(float, place)),
            Distribution::Int(int) if int.is_log() => {
                let (low, high) = ((int.low() as f64 - 0.5).ln(), (int.high() as f64 + 0.5).ln());
                Value::Int(int.nearest(between(low, high, place).exp()))
            }
            Distribution::Int(int) => {
                let index = (place * int.count()).floor();
                Value::Int(int.nearest(int.low() as f64 + index * int.step() as f64))
            }
            Distribution::Categorical(categorical) => {
                let choices = categorical.choices();
                let index = (place * choices.len() as f64) as usize;
                choices[index.min(choices.len() - 1)].clone()
            }
        }
    }

    /// As Optuna's journal has it: `{"name": "FloatDistribution", "attributes": {…}}`.
    pub fn to_json(&self) -> String {
        json::write(self)
    }

    /// From Optuna's JSON, the names of older versions included (`UniformDistribution` and so on).
    ///
    /// # Errors
    /// Not such JSON, or bounds that make no sense.
    pub fn from_json(text: &str) -> Result<Self, DistributionError> {
        json::read(text)
    }
}

fn between(low: f64, high: f64, place: f64) -> f64 {
    low + place * (high - low)
}

fn float_at(float: &FloatDistribution, place: f64) -> f64 {
    if let (Some(step), Some(count)) = (float.step(), float.count()) {
        return float.nearest(float.low() + (place * count).floor() * step);
    }
    // The ends are what was written, not what is left of it after a logarithm.
    let value = if place <= 0.0 {
        float.low()
    } else if place >= 1.0 {
        float.high()
    } else if float.is_log() {
        between(float.low().ln(), float.high().ln(), place).exp()
    } else {
        between(float.low(), float.high(), place)
    };
    float.nearest(value)
}
