//! The registry of models on a server.

use super::wire::{ModelWire, VersionWire};
use super::{Nothing, Server, next, pairs};
use crate::entity::{ModelVersion, RegisteredModel};
use crate::error::TrackError;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct OneModel {
    registered_model: ModelWire,
}

#[derive(Deserialize)]
struct Models {
    #[serde(default)]
    registered_models: Vec<ModelWire>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct OneVersion {
    model_version: VersionWire,
}

#[derive(Deserialize)]
struct Versions {
    #[serde(default)]
    model_versions: Vec<VersionWire>,
    next_page_token: Option<String>,
}

const WHAT: &str = "registered model";

impl Server {
    pub(crate) fn create_registered_model(
        &self,
        name: &str,
        description: Option<&str>,
    ) -> Result<RegisteredModel, TrackError> {
        let body = json!({ "name": name, "description": description.unwrap_or_default() });
        let made = self.post::<OneModel>(&["registered-models", "create"], &body);
        self.exists(made, WHAT, name).map(|made| made.registered_model.into())
    }

    pub(crate) fn get_registered_model(&self, name: &str) -> Result<RegisteredModel, TrackError> {
        let found = self.get::<OneModel>(&["registered-models", "get"], &[("name", name)]);
        self.named(found, WHAT, name).map(|found| found.registered_model.into())
    }

    pub(crate) fn list_registered_models(&self) -> Result<Vec<RegisteredModel>, TrackError> {
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            let query = [("max_results", "1000"), ("order_by", "name ASC"), ("page_token", &token)];
            let page: Models = self.get(&["registered-models", "search"], &query)?;
            let is_last = page.registered_models.is_empty();
            found.extend(page.registered_models.into_iter().map(RegisteredModel::from));
            token = next(page.next_page_token, Some(&token)).unwrap_or_default();
            if token.is_empty() || is_last {
                return Ok(found);
            }
        }
    }

    pub(crate) fn create_model_version(
        &self,
        name: &str,
        source: &str,
        run_id: Option<&str>,
        tags: &BTreeMap<String, String>,
    ) -> Result<ModelVersion, TrackError> {
        let mut body = json!({ "name": name, "source": source, "tags": pairs(tags) });
        if let Some(run) = run_id {
            body["run_id"] = json!(run);
        }
        // Whoever registers a logged model has to name it twice.
        if let Some(model) = source.strip_prefix("models:/").filter(|model| !model.contains('/')) {
            body["model_id"] = json!(model);
        }
        let made = self.post::<OneVersion>(&["model-versions", "create"], &body);
        self.named(made, WHAT, name).map(|made| made.model_version.into())
    }

    pub(crate) fn get_model_version(&self, name: &str, version: u32) -> Result<ModelVersion, TrackError> {
        let number = version.to_string();
        let found = self
            .get::<OneVersion>(&["model-versions", "get"], &[("name", name), ("version", number.as_str())]);
        let called = format!("{version} of the registered model {name}");
        self.named(found, "version", &called).map(|found| found.model_version.into())
    }

    pub(crate) fn list_model_versions(&self, name: &str) -> Result<Vec<ModelVersion>, TrackError> {
        let mut found: Vec<ModelVersion> = Vec::new();
        let filter = format!("name = '{}'", name.replace('\'', "''"));
        let mut token = String::new();
        loop {
            let query = [("filter", filter.as_str()), ("max_results", "1000"), ("page_token", &token)];
            let page: Versions = self.get(&["model-versions", "search"], &query)?;
            let is_last = page.model_versions.is_empty();
            found.extend(page.model_versions.into_iter().map(ModelVersion::from));
            token = next(page.next_page_token, Some(&token)).unwrap_or_default();
            if token.is_empty() || is_last {
                found.sort_by_key(|version| std::cmp::Reverse(version.version));
                return Ok(found);
            }
        }
    }

    pub(crate) fn set_alias(&self, name: &str, alias: &str, version: u32) -> Result<(), TrackError> {
        let body = json!({ "name": name, "alias": alias, "version": version.to_string() });
        let done = self.post::<Nothing>(&["registered-models", "alias"], &body);
        self.named(done, "version", &format!("{version} of the registered model {name}")).map(drop)
    }

    pub(crate) fn delete_alias(&self, name: &str, alias: &str) -> Result<(), TrackError> {
        let done = self.http.call::<Nothing>(
            "DELETE",
            &[&super::API, &["registered-models", "alias"][..]].concat(),
            &[],
            super::Send::Json(&json!({ "name": name, "alias": alias })),
        );
        self.named(done, WHAT, name).map(drop)
    }

    pub(crate) fn get_model_version_by_alias(
        &self,
        name: &str,
        alias: &str,
    ) -> Result<ModelVersion, TrackError> {
        let found =
            self.get::<OneVersion>(&["registered-models", "alias"], &[("name", name), ("alias", alias)]);
        match found {
            // For an alias that is not there MLflow has another code.
            Err(TrackError::Refused { .. }) => Err(TrackError::NotFound {
                what: "alias",
                name: format!("{alias} of the registered model {name}"),
                store: self.name().to_owned(),
            }),
            found => found.map(|found| found.model_version.into()),
        }
    }
}
