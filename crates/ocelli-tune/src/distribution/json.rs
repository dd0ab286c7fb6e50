//! Distributions in the JSON of Optuna.

use super::{CategoricalDistribution, Distribution, DistributionError, FloatDistribution, IntDistribution};
use crate::{Value, json};
use serde_json::{Value as Json, json};

pub(super) fn write(distribution: &Distribution) -> String {
    let (name, attributes) = match distribution {
        Distribution::Float(float) => (
            "FloatDistribution",
            json!({ "step": float.step(), "low": float.low(), "high": float.high(), "log": float.is_log() }),
        ),
        Distribution::Int(int) => (
            "IntDistribution",
            json!({ "log": int.is_log(), "step": int.step(), "low": int.low(), "high": int.high() }),
        ),
        Distribution::Categorical(categorical) => {
            let choices: Vec<Json> = categorical.choices().iter().map(Value::to_json).collect();
            ("CategoricalDistribution", json!({ "choices": choices }))
        }
    };
    json::to_text(&json!({ "name": name, "attributes": attributes }))
}

pub(super) fn read(text: &str) -> Result<Distribution, DistributionError> {
    let value = json::parse(text).map_err(|error| problem(error.to_string()))?;
    let name = value.get("name").and_then(Json::as_str).ok_or_else(|| problem("it has no name".into()))?;
    let attributes = Attributes(value.get("attributes").unwrap_or(&Json::Null));
    match name {
        "FloatDistribution"
        | "UniformDistribution"
        | "LogUniformDistribution"
        | "DiscreteUniformDistribution" => {
            let log = attributes.flag("log") || name == "LogUniformDistribution";
            let step = attributes.optional("step").or(attributes.optional("q"));
            FloatDistribution::new(attributes.float("low")?, attributes.float("high")?, log, step)
                .map(Distribution::Float)
        }
        "IntDistribution" | "IntUniformDistribution" | "IntLogUniformDistribution" => {
            let log = attributes.flag("log") || name == "IntLogUniformDistribution";
            let step = if log { 1 } else { attributes.0.get("step").and_then(Json::as_i64).unwrap_or(1) };
            IntDistribution::new(attributes.int("low")?, attributes.int("high")?, log, step)
                .map(Distribution::Int)
        }
        "CategoricalDistribution" => attributes.choices().map(Distribution::Categorical),
        other => Err(problem(format!(
            "no distribution is called {other}; there are FloatDistribution, IntDistribution and CategoricalDistribution"
        ))),
    }
}

struct Attributes<'a>(&'a Json);

impl Attributes<'_> {
    fn optional(&self, key: &str) -> Option<f64> {
        self.0.get(key).and_then(json::number)
    }

    fn float(&self, key: &str) -> Result<f64, DistributionError> {
        self.optional(key).ok_or_else(|| problem(format!("attributes.{key} is no number")))
    }

    fn int(&self, key: &str) -> Result<i64, DistributionError> {
        // Python writes a bound that was given as a float as one.
        let value = self.0.get(key).and_then(Value::from_json).and_then(|value| value.as_i64());
        value.ok_or_else(|| problem(format!("attributes.{key} is no whole number of 64 bits")))
    }

    fn flag(&self, key: &str) -> bool {
        self.0.get(key).and_then(Json::as_bool).unwrap_or(false)
    }

    fn choices(&self) -> Result<CategoricalDistribution, DistributionError> {
        let choices = self.0.get("choices").and_then(Json::as_array);
        let choices = choices.ok_or_else(|| problem("attributes.choices is no list".into()))?;
        let values: Option<Vec<Value>> = choices.iter().map(Value::from_json).collect();
        CategoricalDistribution::new(
            values.ok_or_else(|| problem("a choice is neither text, number, true, false nor null".into()))?,
        )
    }
}

fn problem(problem: String) -> DistributionError {
    DistributionError::Json { problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn older_names_mean_the_same() {
        let read = |name: &str, attributes: &str| {
            read(&format!(r#"{{"name":"{name}","attributes":{attributes}}}"#)).unwrap()
        };
        let log = Distribution::Float(FloatDistribution::log(0.1, 2.0).unwrap());
        assert_eq!(read("LogUniformDistribution", r#"{"low":0.1,"high":2.0}"#), log);
        let steps = Distribution::Float(FloatDistribution::stepped(0.0, 2.0, 0.5).unwrap());
        assert_eq!(read("DiscreteUniformDistribution", r#"{"low":0,"high":2.0,"q":0.5}"#), steps);
        let int = Distribution::Int(IntDistribution::stepped(1, 9, 2).unwrap());
        assert_eq!(read("IntUniformDistribution", r#"{"low":1,"high":9,"step":2}"#), int);
        let int = Distribution::Int(IntDistribution::log(1, 9).unwrap());
        assert_eq!(read("IntLogUniformDistribution", r#"{"low":1,"high":9,"step":1}"#), int);
    }

    #[test]
    fn what_is_no_distribution_is_an_error() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"name":"FloatDistribution"}"#,
            r#"{"name":"FloatDistribution","attributes":{"low":NaN,"high":1}}"#,
            r#"{"name":"FloatDistribution","attributes":{"low":2,"high":1}}"#,
            r#"{"name":"FloatDistribution","attributes":{"low":0,"high":1,"step":-1}}"#,
            r#"{"name":"IntDistribution","attributes":{"low":0.5,"high":1}}"#,
            r#"{"name":"IntDistribution","attributes":{"low":0,"high":1,"log":true}}"#,
            r#"{"name":"CategoricalDistribution","attributes":{"choices":[]}}"#,
            r#"{"name":"CategoricalDistribution","attributes":{"choices":[[1]]}}"#,
            r#"{"name":"Other","attributes":{}}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    fn distributions() -> impl Strategy<Value = Distribution> {
        let float = (-1e6..1e6, 0.0..1e6, prop::option::of(1e-3..10.0)).prop_map(|(low, width, step)| {
            Distribution::Float(FloatDistribution::new(low, low + width, false, step).unwrap())
        });
        let log = (1e-9..1.0, 0.0..1e3)
            .prop_map(|(low, width)| Distribution::Float(FloatDistribution::log(low, low + width).unwrap()));
        let int = (any::<i32>(), 0..1000_i64, 1..50_i64).prop_map(|(low, width, step)| {
            Distribution::Int(IntDistribution::stepped(low.into(), i64::from(low) + width, step).unwrap())
        });
        let int_log = (1..1000_i64, 0..1000_i64)
            .prop_map(|(low, width)| Distribution::Int(IntDistribution::log(low, low + width).unwrap()));
        let value = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            Just(Value::Float(f64::INFINITY)),
            (-1e9..1e9).prop_map(Value::Float),
            ".{0,5}".prop_map(Value::Text),
        ];
        let categorical = prop::collection::vec(value, 1..5)
            .prop_map(|choices| Distribution::Categorical(CategoricalDistribution::new(choices).unwrap()));
        prop_oneof![float, log, int, int_log, categorical]
    }

    proptest! {
        #[test]
        fn any_distribution_reads_back(distribution in distributions()) {
            prop_assert_eq!(read(&write(&distribution)).unwrap(), distribution);
        }

        #[test]
        fn any_place_has_a_value_within(distribution in distributions(), place in 0.0..1.0_f64) {
            for place in [place, 0.0, 1.0] {
                let value = distribution.at(place);
                prop_assert!(distribution.contains(&value), "{:?}: {:?}", distribution, value);
                let internal = distribution.to_internal(&value).unwrap();
                prop_assert!(distribution.to_external(internal).unwrap().is_same(&value));
            }
        }
    }
}
