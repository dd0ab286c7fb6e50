//! Lines of a journal as operations.

use super::operation::{Attrs, Operation, Template};
use crate::{Direction, Distribution, TrialState, json};
use chrono::{DateTime, Local, NaiveDateTime, TimeZone, Utc};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use std::sync::Arc;

/// Reads lines. The same few distributions stand in most of them, so each is read once.
#[derive(Debug, Default)]
pub(super) struct Reader {
    distributions: HashMap<String, Arc<Distribution>>,
}

impl Reader {
    /// The operation of a line; what is wrong with it otherwise.
    pub(super) fn read(&mut self, line: &str) -> Result<Operation, String> {
        let value = json::parse(line).map_err(|error| format!("not JSON: {error}"))?;
        let fields = Fields(value.as_object().ok_or("not an operation: a JSON object is needed")?);
        let code = fields.whole("op_code")?;
        Ok(match code {
            0 => {
                Operation::CreateStudy { name: fields.text("study_name")?, directions: fields.directions()? }
            }
            1 => Operation::DeleteStudy { study: fields.id("study_id")? },
            2 => {
                Operation::StudyUserAttr { study: fields.id("study_id")?, attrs: fields.attrs("user_attr")? }
            }
            3 => Operation::StudySystemAttr {
                study: fields.id("study_id")?,
                attrs: fields.attrs("system_attr")?,
            },
            4 => Operation::CreateTrial {
                study: fields.id("study_id")?,
                trial: Box::new(self.template(&fields)?),
            },
            5 => Operation::TrialParam {
                trial: fields.id("trial_id")?,
                name: fields.text("param_name")?,
                internal: fields.number("param_value_internal")?,
                distribution: self.distribution(&fields.text("distribution")?)?,
            },
            6 => Operation::TrialState {
                trial: fields.id("trial_id")?,
                state: state(fields.whole("state")?)?,
                values: fields.values("values")?,
                time: fields.time("datetime_start")?.or(fields.time("datetime_complete")?),
            },
            7 => Operation::TrialIntermediate {
                trial: fields.id("trial_id")?,
                step: fields.whole("step")?,
                value: fields.number("intermediate_value")?,
            },
            8 => {
                Operation::TrialUserAttr { trial: fields.id("trial_id")?, attrs: fields.attrs("user_attr")? }
            }
            9 => Operation::TrialSystemAttr {
                trial: fields.id("trial_id")?,
                attrs: fields.attrs("system_attr")?,
            },
            10 => Operation::Discard,
            _ => {
                return Err(format!(
                    "op_code {code} is unknown; 0 to 10 are known: a newer version may have written it"
                ));
            }
        })
    }

    fn distribution(&mut self, text: &str) -> Result<Arc<Distribution>, String> {
        if let Some(known) = self.distributions.get(text) {
            return Ok(Arc::clone(known));
        }
        let read = Arc::new(Distribution::from_json(text).map_err(|error| error.to_string())?);
        self.distributions.insert(text.to_string(), Arc::clone(&read));
        Ok(read)
    }

    fn template(&mut self, fields: &Fields<'_>) -> Result<Template, String> {
        let mut template = Template {
            state: fields
                .0
                .get("state")
                .map_or(Ok(TrialState::Running), |_| state(fields.whole("state")?))?,
            values: fields.values("values")?,
            user_attrs: fields.attrs("user_attrs")?,
            system_attrs: fields.attrs("system_attrs")?,
            complete: fields.time("datetime_complete")?,
            ..Template::empty(TrialState::Running, fields.time("datetime_start")?)
        };
        if let (None, Some(value)) =
            (&template.values, fields.0.get("value").filter(|value| !value.is_null()))
        {
            template.values = Some(vec![json::number(value).ok_or("value is no number")?]);
        }
        for (name, text) in fields.object("distributions")? {
            let text = text.as_str().ok_or("distributions: a text of JSON is needed for each parameter")?;
            template.distributions.insert(name.clone(), self.distribution(text)?);
        }
        for (name, internal) in fields.object("params")? {
            let distribution = template.distributions.get(name);
            let value = json::number(internal).and_then(|number| distribution?.to_external(number));
            let value = value.ok_or_else(|| format!("params: {name} is no value of its distribution"))?;
            template.params.insert(name.clone(), value);
        }
        for (step, value) in fields.object("intermediate_values")? {
            let pair = step.parse().ok().zip(json::number(value));
            let (step, value) = pair.ok_or("intermediate_values: a whole number with a number is needed")?;
            template.intermediate_values.insert(step, value);
        }
        // Without a value, a distribution says nothing.
        template.distributions.retain(|name, _| template.params.contains_key(name));
        Ok(template)
    }
}

/// The fields of a line, by their types.
struct Fields<'a>(&'a Map<String, Json>);

impl Fields<'_> {
    fn whole(&self, key: &str) -> Result<i64, String> {
        self.0.get(key).and_then(Json::as_i64).ok_or_else(|| self.missing(key, "a whole number"))
    }

    fn id(&self, key: &str) -> Result<u64, String> {
        self.0.get(key).and_then(Json::as_u64).ok_or_else(|| self.missing(key, "a whole number of 0 or more"))
    }

    fn number(&self, key: &str) -> Result<f64, String> {
        self.0.get(key).and_then(json::number).ok_or_else(|| self.missing(key, "a number"))
    }

    fn text(&self, key: &str) -> Result<String, String> {
        let text = self.0.get(key).and_then(Json::as_str);
        text.map(str::to_string).ok_or_else(|| self.missing(key, "a text"))
    }

    /// An object that may be left out.
    fn object(&self, key: &str) -> Result<impl Iterator<Item = (&String, &Json)>, String> {
        let object = match self.0.get(key) {
            None | Some(Json::Null) => None,
            Some(Json::Object(object)) => Some(object),
            Some(_) => return Err(self.missing(key, "an object")),
        };
        Ok(object.into_iter().flatten())
    }

    fn attrs(&self, key: &str) -> Result<Attrs, String> {
        Ok(self.object(key)?.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn values(&self, key: &str) -> Result<Option<Vec<f64>>, String> {
        match self.0.get(key) {
            None | Some(Json::Null) => Ok(None),
            Some(value) => {
                let numbers = value.as_array().and_then(|list| list.iter().map(json::number).collect());
                numbers.map(Some).ok_or_else(|| self.missing(key, "a list of numbers"))
            }
        }
    }

    fn time(&self, key: &str) -> Result<Option<DateTime<Utc>>, String> {
        match self.0.get(key) {
            None | Some(Json::Null) => Ok(None),
            Some(value) => {
                let time = value.as_str().and_then(time);
                time.map(Some)
                    .ok_or_else(|| self.missing(key, "a time such as 2026-01-31T12:30:00.123456+00:00"))
            }
        }
    }

    fn directions(&self) -> Result<Vec<Direction>, String> {
        let wrong = || self.missing("directions", "a list of 1 (minimise) and 2 (maximise)");
        let list = self.0.get("directions").and_then(Json::as_array).ok_or_else(wrong)?;
        let direction = |value: &Json| match value.as_i64() {
            Some(1) => Ok(Direction::Minimize),
            Some(2) => Ok(Direction::Maximize),
            _ => Err(wrong()),
        };
        let directions: Vec<Direction> = list.iter().map(direction).collect::<Result<_, _>>()?;
        if directions.is_empty() { Err(wrong()) } else { Ok(directions) }
    }

    fn missing(&self, key: &str, needed: &str) -> String {
        match self.0.get(key) {
            None => format!("{key} is missing; {needed} is needed"),
            Some(found) => {
                let found: String = json::to_text(found).chars().take(60).collect();
                format!("{key} is {found}; {needed} is needed")
            }
        }
    }
}

fn state(code: i64) -> Result<TrialState, String> {
    use TrialState::{Complete, Fail, Pruned, Running, Waiting};
    let found = [Running, Complete, Pruned, Fail, Waiting].into_iter().find(|state| *state as i64 == code);
    found.ok_or_else(|| format!("state {code} is unknown; 0 to 4 are known"))
}

/// A time with its zone, as Optuna 5 writes it; or without, in the zone of this machine, as versions before it did.
fn time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let local: NaiveDateTime = text.parse().ok()?;
    Some(Local.from_local_datetime(&local).earliest().map_or_else(|| local.and_utc(), |time| time.to_utc()))
}
