//! The store behind MLflow's REST interface (<https://mlflow.org/docs/latest/api_reference/rest-api.html>).

mod artifacts;
mod http;
mod models;
mod registry;
mod runs;
mod wire;

pub(crate) use runs::{Batch, NewRun};

use crate::entity::{Experiment, ViewType};
use crate::error::TrackError;
use crate::tracker::ServerOptions;
use http::{Http, Send};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::Url;
use wire::ExperimentWire;

const API: [&str; 3] = ["api", "2.0", "mlflow"];

/// An MLflow server.
pub(crate) struct Server {
    http: Http,
}

#[derive(Deserialize)]
struct OneExperiment {
    experiment: ExperimentWire,
}

#[derive(Deserialize)]
struct Experiments {
    #[serde(default)]
    experiments: Vec<ExperimentWire>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct ExperimentId {
    experiment_id: String,
}

/// An answer of which nothing is wanted.
#[derive(Deserialize)]
struct Nothing {}

impl Server {
    pub(crate) fn new(address: &Url, options: &ServerOptions) -> Result<Self, TrackError> {
        Ok(Server { http: Http::new(address, options)? })
    }

    /// The address, as it may be shown and written.
    pub(crate) fn name(&self) -> &str {
        &self.http.name
    }

    fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, TrackError> {
        self.http.call("GET", &[&API, path].concat(), query, Send::Nothing)
    }

    fn post<T: DeserializeOwned>(&self, path: &[&str], body: &Value) -> Result<T, TrackError> {
        self.http.call("POST", &[&API, path].concat(), &[], Send::Json(body))
    }

    /// Turns "there is no such thing" into our error for it.
    fn named<T>(
        &self,
        found: Result<T, TrackError>,
        what: &'static str,
        name: &str,
    ) -> Result<T, TrackError> {
        match found {
            Err(error) if refused_with(&error, "RESOURCE_DOES_NOT_EXIST") => {
                Err(TrackError::NotFound { what, name: name.to_owned(), store: self.name().to_owned() })
            }
            other => other,
        }
    }

    fn exists<T>(
        &self,
        made: Result<T, TrackError>,
        what: &'static str,
        name: &str,
    ) -> Result<T, TrackError> {
        match made {
            Err(error) if refused_with(&error, "RESOURCE_ALREADY_EXISTS") => Err(TrackError::Exists {
                what,
                name: name.to_owned(),
                store: self.name().to_owned(),
                hint: "",
            }),
            other => other,
        }
    }

    pub(crate) fn create_experiment(
        &self,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<String, TrackError> {
        let body = json!({ "name": name, "tags": pairs(tags) });
        let made = self.post::<ExperimentId>(&["experiments", "create"], &body);
        self.exists(made, "experiment", name).map(|made| made.experiment_id)
    }

    pub(crate) fn get_experiment(&self, id: &str) -> Result<Experiment, TrackError> {
        let found = self.get::<OneExperiment>(&["experiments", "get"], &[("experiment_id", id)]);
        self.named(found, "experiment", id).map(|found| found.experiment.into())
    }

    pub(crate) fn get_experiment_by_name(&self, name: &str) -> Result<Option<Experiment>, TrackError> {
        let found = self.get::<OneExperiment>(&["experiments", "get-by-name"], &[("experiment_name", name)]);
        match found {
            Ok(found) => Ok(Some(found.experiment.into())),
            Err(error) if refused_with(&error, "RESOURCE_DOES_NOT_EXIST") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The id of the experiment of this name, which is made where there is none.
    pub(crate) fn experiment_for_runs(&self, name: &str) -> Result<String, TrackError> {
        if let Some(found) = self.get_experiment_by_name(name)? {
            return Ok(found.id);
        }
        match self.create_experiment(name, &BTreeMap::new()) {
            // Somebody was quicker.
            Err(TrackError::Exists { .. }) => {
                let found = self.get_experiment_by_name(name)?;
                found
                    .map(|found| found.id)
                    .ok_or_else(|| self.http.unreachable(format!("it has and has no {name}")))
            }
            made => made,
        }
    }

    pub(crate) fn list_experiments(&self, view: ViewType) -> Result<Vec<Experiment>, TrackError> {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let body = json!({
                "max_results": 1000, "view_type": view_name(view), "page_token": token,
                "order_by": ["last_update_time DESC", "experiment_id DESC"],
            });
            let page: Experiments = self.post(&["experiments", "search"], &body)?;
            let is_last = page.experiments.is_empty();
            found.extend(page.experiments.into_iter().map(Experiment::from));
            token = next(page.next_page_token, token.as_deref());
            if token.is_none() || is_last {
                return Ok(found);
            }
        }
    }

    pub(crate) fn delete_experiment(&self, id: &str) -> Result<(), TrackError> {
        let done = self.post::<Nothing>(&["experiments", "delete"], &json!({ "experiment_id": id }));
        self.named(done, "experiment", id).map(drop)
    }

    pub(crate) fn restore_experiment(&self, id: &str) -> Result<(), TrackError> {
        let done = self.post::<Nothing>(&["experiments", "restore"], &json!({ "experiment_id": id }));
        self.named(done, "experiment", id).map(drop)
    }
}

/// The token of the next page. A server that gives empty pages, or the same one, for ever ends the list so.
fn next(token: Option<String>, last: Option<&str>) -> Option<String> {
    token.filter(|token| !token.is_empty() && Some(token.as_str()) != last)
}

fn refused_with(error: &TrackError, code: &str) -> bool {
    matches!(error, TrackError::Refused { message, .. } if message.starts_with(code))
}

/// Tags and parameters as MLflow's interface has them.
fn pairs(map: &BTreeMap<String, String>) -> Vec<Value> {
    map.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

fn view_name(view: ViewType) -> &'static str {
    match view {
        ViewType::ActiveOnly => "ACTIVE_ONLY",
        ViewType::DeletedOnly => "DELETED_ONLY",
        ViewType::All => "ALL",
    }
}
