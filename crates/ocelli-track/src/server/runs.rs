//! Runs on a server.

use super::wire::{InfoWire, MetricWire, RunWire};
use super::{Nothing, Server, next, pairs, view_name};
use crate::entity::{DatasetInput, Metric, Page, Run, RunStatus, ViewType};
use crate::error::TrackError;
use crate::tags;
use crate::tracker::SearchRuns;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A run that is to be made.
pub(crate) struct NewRun<'a> {
    pub(crate) experiment_id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) user: &'a str,
    pub(crate) start_time: i64,
    pub(crate) tags: &'a BTreeMap<String, String>,
}

/// What one request logs: at most 1,000 metrics, 100 parameters and 100 tags, and 1,000 in all; about a megabyte.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) metrics: Vec<Metric>,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct OneRun {
    run: RunWire,
}

#[derive(Deserialize)]
struct Updated {
    run_info: InfoWire,
}

#[derive(Deserialize)]
struct Runs {
    #[serde(default)]
    runs: Vec<RunWire>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct History {
    #[serde(default)]
    metrics: Vec<MetricWire>,
    next_page_token: Option<String>,
}

impl Server {
    pub(crate) fn get_run(&self, id: &str) -> Result<Run, TrackError> {
        let found = self.get::<OneRun>(&["runs", "get"], &[("run_id", id)]);
        self.named(found, "run", id).map(|found| found.run.into())
    }

    pub(crate) fn search_runs(&self, search: &SearchRuns) -> Result<Page<Run>, TrackError> {
        let orders: Vec<String> = search.order_by.iter().map(ToString::to_string).collect();
        self.search(&json!({
            "experiment_ids": search.experiment_ids,
            "filter": search.filter.to_string(),
            "run_view_type": view_name(search.view),
            "max_results": search.max_results,
            "order_by": orders,
            "page_token": search.page_token,
        }))
    }

    fn search(&self, body: &Value) -> Result<Page<Run>, TrackError> {
        let found: Runs = self.post(&["runs", "search"], body)?;
        Ok(Page {
            items: found.runs.into_iter().map(Run::from).collect(),
            next: next(found.next_page_token, body["page_token"].as_str()),
        })
    }

    /// The run with this [`tags::RUN_KEY`], in one experiment or in any; the first, if two attempts made one each.
    pub(crate) fn find_run(&self, experiment: Option<&str>, key: &str) -> Result<Option<Run>, TrackError> {
        let experiments = match experiment {
            Some(id) => vec![id.to_owned()],
            None => self.list_experiments(ViewType::ActiveOnly)?.into_iter().map(|found| found.id).collect(),
        };
        Ok(self.find_runs(&experiments, key)?.into_iter().next())
    }

    /// All runs with this [`tags::RUN_KEY`], always in the same order.
    pub(crate) fn find_runs(&self, experiments: &[String], key: &str) -> Result<Vec<Run>, TrackError> {
        let found = self.search(&json!({
            "experiment_ids": experiments,
            "filter": format!("tags.`{}` = '{key}'", tags::RUN_KEY),
            "run_view_type": "ALL",
            "max_results": 10,
            "order_by": ["attributes.start_time ASC"],
        }))?;
        Ok(found.items)
    }

    pub(crate) fn create_run(&self, new: &NewRun<'_>) -> Result<Run, TrackError> {
        let made: OneRun = self.post(
            &["runs", "create"],
            &json!({
                "experiment_id": new.experiment_id,
                "run_name": new.name,
                "user_id": new.user,
                "start_time": new.start_time,
                "tags": pairs(new.tags),
            }),
        )?;
        Ok(made.run.into())
    }

    pub(crate) fn update_run(&self, id: &str, status: RunStatus, end: Option<i64>) -> Result<(), TrackError> {
        let mut body = json!({ "run_id": id, "status": status.as_str() });
        if let Some(end) = end {
            body["end_time"] = json!(end);
        }
        let done = self.post::<Updated>(&["runs", "update"], &body);
        self.named(done, "run", id).map(|done| drop(done.run_info))
    }

    /// Writes to a run what it has already: whether the server can.
    pub(crate) fn write_nothing_new(&self, id: &str) -> Result<(), TrackError> {
        self.set_tag(id, tags::RUN_NAME, &self.get_run(id)?.name)
    }

    pub(crate) fn log_batch(&self, id: &str, batch: &Batch) -> Result<(), TrackError> {
        self.post::<Nothing>(
            &["runs", "log-batch"],
            &json!({
                "run_id": id,
                "metrics": batch.metrics,
                "params": pairs(&batch.params),
                "tags": pairs(&batch.tags),
            }),
        )
        .map(drop)
    }

    pub(crate) fn log_dataset(&self, id: &str, input: &DatasetInput) -> Result<(), TrackError> {
        let tags: Vec<Value> = input
            .context
            .iter()
            .map(|context| json!({ "key": tags::DATASET_CONTEXT, "value": context }))
            .collect();
        let body = json!({ "run_id": id, "datasets": [{ "tags": tags, "dataset": input.dataset }] });
        self.post::<Nothing>(&["runs", "log-inputs"], &body).map(drop)
    }

    pub(crate) fn set_tag(&self, id: &str, key: &str, value: &str) -> Result<(), TrackError> {
        let done =
            self.post::<Nothing>(&["runs", "set-tag"], &json!({ "run_id": id, "key": key, "value": value }));
        self.named(done, "run", id).map(drop)
    }

    pub(crate) fn delete_run(&self, id: &str) -> Result<(), TrackError> {
        let done = self.post::<Nothing>(&["runs", "delete"], &json!({ "run_id": id }));
        self.named(done, "run", id).map(drop)
    }

    pub(crate) fn restore_run(&self, id: &str) -> Result<(), TrackError> {
        let done = self.post::<Nothing>(&["runs", "restore"], &json!({ "run_id": id }));
        self.named(done, "run", id).map(drop)
    }

    pub(crate) fn metric_history(&self, id: &str, key: &str) -> Result<Vec<Metric>, TrackError> {
        let mut found: Vec<Metric> = Vec::new();
        let mut token: Option<String> = None;
        loop {
            // Servers before MLflow 2.4 know neither pages nor their length, and give all.
            let mut query = vec![("run_id", id), ("metric_key", key), ("max_results", "25000")];
            query.extend(token.as_deref().map(|token| ("page_token", token)));
            let page = self.get::<History>(&["metrics", "get-history"], &query);
            let page = self.named(page, "run", id)?;
            let is_last = page.metrics.is_empty();
            found.extend(page.metrics.into_iter().map(Metric::from));
            token = next(page.next_page_token, token.as_deref());
            if token.is_none() || is_last {
                break;
            }
        }
        found.sort_by(|a, b| {
            (a.timestamp, a.step).cmp(&(b.timestamp, b.step)).then(a.value.total_cmp(&b.value))
        });
        Ok(found)
    }
}
