//! Operations as lines of a journal.

use super::operation::{Operation, Template};
use crate::{TrialState, json};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

impl Operation {
    /// The line, without its end.
    pub(super) fn line(&self, worker: &str) -> String {
        let (code, rest) = self.fields();
        let mut line = json!({ "op_code": code, "worker_id": worker });
        if let (Json::Object(line), Json::Object(rest)) = (&mut line, rest) {
            line.extend(rest);
        }
        json::to_text(&line)
    }

    fn fields(&self) -> (u8, Json) {
        match self {
            Operation::CreateStudy { name, directions } => {
                let directions: Vec<i64> = directions.iter().map(|direction| *direction as i64).collect();
                (0, json!({ "study_name": name, "directions": directions }))
            }
            Operation::DeleteStudy { study } => (1, json!({ "study_id": study })),
            Operation::StudyUserAttr { study, attrs } => {
                (2, json!({ "study_id": study, "user_attr": attrs }))
            }
            Operation::StudySystemAttr { study, attrs } => {
                (3, json!({ "study_id": study, "system_attr": attrs }))
            }
            Operation::CreateTrial { study, trial } => (4, trial.fields(*study)),
            Operation::TrialParam { trial, name, internal, distribution } => (
                5,
                json!({
                    "trial_id": trial,
                    "param_name": name,
                    "param_value_internal": json::from_number(*internal),
                    "distribution": distribution.to_json(),
                }),
            ),
            Operation::TrialState { trial, state, values, time } => {
                let mut fields = json!({ "trial_id": trial, "state": *state as u8, "values": list(values) });
                let key = if *state == TrialState::Running { "datetime_start" } else { "datetime_complete" };
                if let Some(time) = time {
                    fields[key] = iso(*time).into();
                }
                (6, fields)
            }
            Operation::TrialIntermediate { trial, step, value } => (
                7,
                json!({ "trial_id": trial, "step": step, "intermediate_value": json::from_number(*value) }),
            ),
            Operation::TrialUserAttr { trial, attrs } => {
                (8, json!({ "trial_id": trial, "user_attr": attrs }))
            }
            Operation::TrialSystemAttr { trial, attrs } => {
                (9, json!({ "trial_id": trial, "system_attr": attrs }))
            }
            Operation::Discard => (10, json!({ "trial_ids": [] })),
        }
    }
}

impl Template {
    /// As Optuna writes a trial that is made of a template.
    fn fields(&self, study: u64) -> Json {
        let pairs = self.distributions.iter().filter_map(|(name, distribution)| {
            let internal = distribution.to_internal(self.params.get(name)?)?;
            Some((name, json::from_number(internal)))
        });
        let params: BTreeMap<_, _> = pairs.collect();
        let distributions: BTreeMap<_, _> =
            self.distributions.iter().map(|(name, distribution)| (name, distribution.to_json())).collect();
        let intermediate: BTreeMap<_, _> = self
            .intermediate_values
            .iter()
            .map(|(step, value)| (step.to_string(), json::from_number(*value)))
            .collect();
        let single = self.values.as_deref().filter(|values| values.len() == 1);
        let mut fields = json!({
            "study_id": study,
            "state": self.state as u8,
            "value": single.map(|values| json::from_number(values[0])),
            "values": if single.is_some() { Json::Null } else { list(&self.values) },
            "distributions": distributions,
            "params": params,
            "user_attrs": self.user_attrs,
            "system_attrs": self.system_attrs,
            "intermediate_values": intermediate,
            "datetime_start": self.start.map(iso),
        });
        if let Some(complete) = self.complete {
            fields["datetime_complete"] = iso(complete).into();
        }
        fields
    }
}

fn list(values: &Option<Vec<f64>>) -> Json {
    values.as_ref().map_or(Json::Null, |values| values.iter().copied().map(json::from_number).collect())
}

/// As Python's `isoformat(timespec="microseconds")`.
fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}
