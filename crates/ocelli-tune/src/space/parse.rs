//! Spaces from TOML.

use super::{Condition, Parameter, SpaceError, problem};
use crate::{CategoricalDistribution, Distribution, FloatDistribution, IntDistribution, Value};
use std::sync::Arc;
use toml::Table;

const KEYS: [&str; 7] = ["type", "low", "high", "log", "step", "choices", "when"];
const EXAMPLE: &str = "{ type = \"float\", low = 1e-4, high = 1e-1, log = true }";

/// The parameters of a table, which may be nested: a table whose `type` is a text describes a parameter, others are parts of paths.
pub(super) fn parameters(table: &Table) -> Result<Vec<(String, Parameter)>, SpaceError> {
    let mut found = Vec::new();
    collect(table, "", &mut found)?;
    Ok(found)
}

fn collect(table: &Table, path: &str, found: &mut Vec<(String, Parameter)>) -> Result<(), SpaceError> {
    for (key, value) in table {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let Some(inner) = value.as_table() else {
            let kind = kind_of(value);
            return Err(problem(&path, format!("is {kind}; a parameter is a table, such as {EXAMPLE}")));
        };
        if inner.get("type").is_some_and(toml::Value::is_str) {
            found.push((path.clone(), Description { name: &path, table: inner }.parameter()?));
        } else if is_parameter(inner) {
            return Err(problem(
                &path,
                format!("has no type; write type = \"float\", \"int\" or \"categorical\", such as {EXAMPLE}"),
            ));
        } else {
            collect(inner, &path, found)?;
        }
    }
    Ok(())
}

/// Whether a table was meant as a parameter: it has values under a parameter's keys, or none at all.
fn is_parameter(table: &Table) -> bool {
    table.is_empty() || table.iter().any(|(key, value)| KEYS.contains(&key.as_str()) && !value.is_table())
}

/// A parameter's table.
struct Description<'a> {
    name: &'a str,
    table: &'a Table,
}

impl Description<'_> {
    fn parameter(&self) -> Result<Parameter, SpaceError> {
        let kind = self.table.get("type").and_then(toml::Value::as_str).unwrap_or_default();
        let distribution = match kind {
            "float" => {
                self.only(&["low", "high", "log", "step"])?;
                FloatDistribution::new(
                    self.float("low")?,
                    self.float("high")?,
                    self.flag("log")?,
                    self.table.get("step").map(|_| self.float("step")).transpose()?,
                )
                .map(Distribution::Float)
            }
            "int" => {
                self.only(&["low", "high", "log", "step"])?;
                let step = self.table.get("step").map_or(Ok(1), |_| self.int("step"))?;
                IntDistribution::new(self.int("low")?, self.int("high")?, self.flag("log")?, step)
                    .map(Distribution::Int)
            }
            "categorical" => {
                self.only(&["choices"])?;
                CategoricalDistribution::new(self.values("choices", self.need("choices")?)?)
                    .map(Distribution::Categorical)
            }
            other => {
                let known = "float, int, categorical";
                return Err(self.problem(format!("no type is called {other}; there are {known}")));
            }
        };
        let distribution = distribution.map_err(|error| self.problem(error.to_string()))?;
        Ok(Parameter { distribution: Arc::new(distribution), when: self.conditions()? })
    }

    fn only(&self, keys: &[&str]) -> Result<(), SpaceError> {
        let known = |key: &str| keys.contains(&key) || ["type", "when"].contains(&key);
        match self.table.keys().find(|key| !known(key)) {
            Some(key) => {
                let text = format!("unknown key `{key}`; there are type, {}, when", keys.join(", "));
                Err(self.problem(text))
            }
            None => Ok(()),
        }
    }

    fn conditions(&self) -> Result<Vec<Condition>, SpaceError> {
        let Some(when) = self.table.get("when") else { return Ok(Vec::new()) };
        let example = "when = { \"train.optimizer.name\" = [\"sgd\"] }";
        let Some(table) = when.as_table() else {
            let kind = kind_of(when);
            return Err(self.problem(format!(
                "when is {kind}; it must be a table of other parameters' values: {example}"
            )));
        };
        let mut conditions = Vec::new();
        self.collect_conditions(table, "", &mut conditions)?;
        Ok(conditions)
    }

    /// Conditions may be nested as parameters are.
    fn collect_conditions(
        &self,
        table: &Table,
        path: &str,
        found: &mut Vec<Condition>,
    ) -> Result<(), SpaceError> {
        for (key, value) in table {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            match value {
                toml::Value::Table(inner) => self.collect_conditions(inner, &path, found)?,
                value => {
                    let values = self.values(&format!("when.{path}"), value)?;
                    found.push(Condition { parameter: path, values });
                }
            }
        }
        Ok(())
    }

    /// A list of values; one value alone is a list of one.
    fn values(&self, key: &str, value: &toml::Value) -> Result<Vec<Value>, SpaceError> {
        let one = std::slice::from_ref(value);
        let list = value.as_array().map_or(one, Vec::as_slice);
        let scalar = |value| {
            let wrong = || {
                self.problem(format!(
                    "{key}: a value is {}; it must be text, a number, true or false",
                    kind_of(value)
                ))
            };
            Value::from_toml(value).ok_or_else(wrong)
        };
        list.iter().map(scalar).collect()
    }

    fn need(&self, key: &str) -> Result<&toml::Value, SpaceError> {
        self.table.get(key).ok_or_else(|| self.problem(format!("has no {key}; add {key} = …")))
    }

    fn float(&self, key: &str) -> Result<f64, SpaceError> {
        let value = self.need(key)?;
        let number = value.as_float().or(value.as_integer().map(|number| number as f64));
        number.ok_or_else(|| self.problem(format!("{key} is {}; it must be a number", kind_of(value))))
    }

    fn int(&self, key: &str) -> Result<i64, SpaceError> {
        let value = self.need(key)?;
        let text = || match value {
            toml::Value::Float(_) => {
                format!("{key} = {value} is no whole number; write one, or type = \"float\"")
            }
            _ => format!("{key} is {}; it must be a whole number", kind_of(value)),
        };
        value.as_integer().ok_or_else(|| self.problem(text()))
    }

    fn flag(&self, key: &str) -> Result<bool, SpaceError> {
        let Some(value) = self.table.get(key) else { return Ok(false) };
        value
            .as_bool()
            .ok_or_else(|| self.problem(format!("{key} is {}; it must be true or false", kind_of(value))))
    }

    fn problem(&self, text: String) -> SpaceError {
        problem(self.name, text)
    }
}

fn kind_of(value: &toml::Value) -> &'static str {
    match value {
        toml::Value::String(_) => "a text",
        toml::Value::Integer(_) | toml::Value::Float(_) => "a number",
        toml::Value::Boolean(_) => "true or false",
        toml::Value::Datetime(_) => "a date",
        toml::Value::Array(_) => "a list",
        toml::Value::Table(_) => "a table",
    }
}
