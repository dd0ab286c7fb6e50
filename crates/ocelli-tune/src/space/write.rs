//! Spaces as TOML, and distributions as people read them.

use super::Parameter;
use crate::{Distribution, Value};
use std::fmt;
use toml::Table;

pub(super) fn parameter(parameter: &Parameter) -> toml::Value {
    let mut table = Table::new();
    match &*parameter.distribution {
        Distribution::Float(float) => {
            table.insert("type".into(), "float".into());
            table.insert("low".into(), float.low().into());
            table.insert("high".into(), float.high().into());
            if let Some(step) = float.step() {
                table.insert("step".into(), step.into());
            }
            table.extend(float.is_log().then(|| ("log".into(), true.into())));
        }
        Distribution::Int(int) => {
            table.insert("type".into(), "int".into());
            table.insert("low".into(), int.low().into());
            table.insert("high".into(), int.high().into());
            if int.step() != 1 {
                table.insert("step".into(), int.step().into());
            }
            table.extend(int.is_log().then(|| ("log".into(), true.into())));
        }
        Distribution::Categorical(categorical) => {
            table.insert("type".into(), "categorical".into());
            table.insert("choices".into(), list(categorical.choices()));
        }
    }
    let when = parameter.when.iter().map(|condition| (condition.parameter.clone(), list(&condition.values)));
    let when: Table = when.collect();
    if !when.is_empty() {
        table.insert("when".into(), when.into());
    }
    table.into()
}

/// TOML has no null: such choices only come from code, and are left out.
fn list(values: &[Value]) -> toml::Value {
    toml::Value::Array(values.iter().filter_map(Value::to_toml).collect())
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distribution::Float(float) => {
                write!(f, "a number from {:?} to {:?}", float.low(), float.high())?;
                float.step().map_or(Ok(()), |step| write!(f, " in steps of {step:?}"))
            }
            Distribution::Int(int) => {
                write!(f, "a whole number from {} to {}", int.low(), int.high())?;
                if int.step() == 1 { Ok(()) } else { write!(f, " in steps of {}", int.step()) }
            }
            Distribution::Categorical(categorical) => {
                let choices: Vec<String> = categorical.choices().iter().map(Value::to_string).collect();
                write!(f, "one of {}", choices.join(", "))
            }
        }
    }
}
