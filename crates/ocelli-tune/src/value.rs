//! One value of one parameter, of whatever type.

use crate::json;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A trial's parameters by name, in the order in which they were chosen.
pub type Params = IndexMap<String, Value>;

/// A value of a parameter: what a choice of a [`CategoricalDistribution`](crate::CategoricalDistribution) may be, and what the
/// other distributions give. JSON and TOML write it as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// JSON's `null`, Python's `None`; TOML has none.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
}

impl Value {
    /// The number, if it is one; a whole number too.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(value) => Some(*value as f64),
            Value::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The whole number, if it is one; a float without a fraction too.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            // Beyond 2⁵³ a float no longer says which whole number was meant.
            Value::Float(value) if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => {
                Some(*value as i64)
            }
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether two values are the same choice: as equal as Python has it for numbers (1 is 1.0), but true is not 1.
    pub fn is_same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Int(int), Value::Float(float)) | (Value::Float(float), Value::Int(int)) => {
                *int as f64 == *float
            }
            (Value::Float(one), Value::Float(other)) => one == other || (one.is_nan() && other.is_nan()),
            _ => self == other,
        }
    }

    /// As TOML, for a recipe. `None` for [`Value::Null`].
    pub fn to_toml(&self) -> Option<toml::Value> {
        Some(match self {
            Value::Null => return None,
            Value::Bool(value) => toml::Value::Boolean(*value),
            Value::Int(value) => toml::Value::Integer(*value),
            Value::Float(value) => toml::Value::Float(*value),
            Value::Text(value) => toml::Value::String(value.clone()),
        })
    }

    /// From TOML; `None` for dates, lists and tables.
    pub fn from_toml(value: &toml::Value) -> Option<Self> {
        Some(match value {
            toml::Value::Boolean(value) => Value::Bool(*value),
            toml::Value::Integer(value) => Value::Int(*value),
            toml::Value::Float(value) => Value::Float(*value),
            toml::Value::String(value) => Value::Text(value.clone()),
            _ => return None,
        })
    }

    /// As JSON; numbers that JSON has not as the journal keeps them.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Int(value) => (*value).into(),
            Value::Float(value) => json::from_number(*value),
            Value::Text(value) => value.as_str().into(),
        }
    }

    /// From JSON; `None` for lists and objects.
    pub(crate) fn from_json(value: &serde_json::Value) -> Option<Self> {
        Some(match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(value) => Value::Int(value),
                None => Value::Float(number.as_f64()?),
            },
            serde_json::Value::String(text) => match json::number(value) {
                Some(number) => Value::Float(number),
                None => Value::Text(text.clone()),
            },
            _ => return None,
        })
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Null => write!(f, "null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Text(value) => write!(f, "{value}"),
        }
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Float(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(value.to_string())
    }
}
