//! The registry of models in the database.

use super::{Database, Failure, one, pairs, schema};
use crate::entity::{ModelVersion, RegisteredModel};
use crate::error::TrackError;
use crate::ids;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

const MODEL: &str = "name, description, creation_time, last_updated_time";
const VERSION: &str = "name, version, source, run_id, description, creation_time";
/// Versions that MLflow has deleted stay under this stage.
const DELETED: &str = "Deleted_Internal";

impl Database {
    pub(crate) fn create_registered_model(
        &self,
        name: &str,
        description: Option<&str>,
    ) -> Result<RegisteredModel, TrackError> {
        self.write(|transaction| {
            if model(transaction, name)?.is_some() {
                return Err(Failure::Refused(TrackError::Exists {
                    what: "registered model",
                    name: name.to_owned(),
                    store: self.name(),
                    hint: ": create a version of it",
                }));
            }
            let now = ids::now();
            transaction
                .execute(&schema::insert("registered_models"), params![name, now, now, description])?;
            Ok(())
        })?;
        self.get_registered_model(name)
    }

    pub(crate) fn get_registered_model(&self, name: &str) -> Result<RegisteredModel, TrackError> {
        self.read(|connection| model(connection, name))?
            .ok_or_else(|| self.not_found("registered model", name))
    }

    pub(crate) fn list_registered_models(&self) -> Result<Vec<RegisteredModel>, TrackError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare(&format!("SELECT {MODEL} FROM registered_models ORDER BY name"))?;
            let models: Vec<_> = statement.query_map([], read_model)?.collect::<rusqlite::Result<_>>()?;
            models.into_iter().map(|model| complete_model(connection, model)).collect()
        })
    }

    pub(crate) fn create_model_version(
        &self,
        name: &str,
        source: &str,
        run_id: Option<&str>,
    ) -> Result<ModelVersion, TrackError> {
        let version = self.write(|transaction| {
            if model(transaction, name)?.is_none() {
                return Err(Failure::Refused(self.not_found("registered model", name)));
            }
            let last = "SELECT coalesce(max(version), 0) FROM model_versions WHERE name = ?";
            let version: u32 = one(transaction, last, [name])?.unwrap_or(0) + 1;
            let now = ids::now();
            let none: Option<String> = None;
            transaction.execute(
                &schema::insert("model_versions"),
                params![name, version, now, now, none, none, "None", source, run_id, "READY", none, none],
            )?;
            touch(transaction, name)?;
            Ok(version)
        })?;
        self.get_model_version(name, version)
    }

    /// Registers a model of a run, in a registered model that is made where there is none.
    pub(crate) fn register(&self, name: &str, source: &str, run: &str) -> Result<(), TrackError> {
        match self.create_registered_model(name, None) {
            Ok(_) | Err(TrackError::Exists { .. }) => {
                self.create_model_version(name, source, Some(run)).map(drop)
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) fn get_model_version(&self, name: &str, version: u32) -> Result<ModelVersion, TrackError> {
        let found = self.read(|connection| version_of(connection, name, version))?;
        found.ok_or_else(|| self.not_found("version", format!("{version} of the registered model {name}")))
    }

    pub(crate) fn list_model_versions(&self, name: &str) -> Result<Vec<ModelVersion>, TrackError> {
        self.get_registered_model(name)?;
        self.read(|connection| {
            let mut statement = connection.prepare(&format!(
                "SELECT {VERSION} FROM model_versions WHERE name = ? AND current_stage != ? ORDER BY version DESC"
            ))?;
            let versions: Vec<_> =
                statement.query_map([name, DELETED], read_version)?.collect::<rusqlite::Result<_>>()?;
            versions.into_iter().map(|version| complete_version(connection, version)).collect()
        })
    }

    pub(crate) fn set_alias(&self, name: &str, alias: &str, version: u32) -> Result<(), TrackError> {
        self.get_model_version(name, version)?;
        self.write(|transaction| {
            // What is unique has changed between revisions, so nothing is said of conflicts.
            let update = "UPDATE registered_model_aliases SET version = ? WHERE name = ? AND alias = ?";
            if transaction.execute(update, params![version, name, alias])? == 0 {
                transaction
                    .execute(&schema::insert("registered_model_aliases"), params![alias, version, name])?;
            }
            Ok(touch(transaction, name)?)
        })
    }

    pub(crate) fn delete_alias(&self, name: &str, alias: &str) -> Result<(), TrackError> {
        self.get_registered_model(name)?;
        self.write(|transaction| {
            transaction.execute(
                "DELETE FROM registered_model_aliases WHERE name = ? AND alias = ?",
                [name, alias],
            )?;
            Ok(touch(transaction, name)?)
        })
    }

    pub(crate) fn get_model_version_by_alias(
        &self,
        name: &str,
        alias: &str,
    ) -> Result<ModelVersion, TrackError> {
        let model = self.get_registered_model(name)?;
        match model.aliases.get(alias) {
            Some(version) => self.get_model_version(name, *version),
            None => Err(self.not_found("alias", format!("{alias} of the registered model {name}"))),
        }
    }
}

fn touch(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    let sql = "UPDATE registered_models SET last_updated_time = ? WHERE name = ?";
    connection.execute(sql, params![ids::now(), name]).map(drop)
}

fn model(connection: &Connection, name: &str) -> rusqlite::Result<Option<RegisteredModel>> {
    let sql = format!("SELECT {MODEL} FROM registered_models WHERE name = ?");
    let found = connection.query_row(&sql, [name], read_model).optional()?;
    found.map(|model| complete_model(connection, model)).transpose()
}

fn read_model(row: &Row<'_>) -> rusqlite::Result<RegisteredModel> {
    Ok(RegisteredModel {
        name: row.get(0)?,
        description: row.get(1)?,
        created: row.get(2)?,
        updated: row.get(3)?,
        tags: BTreeMap::new(),
        aliases: BTreeMap::new(),
    })
}

fn complete_model(connection: &Connection, model: RegisteredModel) -> rusqlite::Result<RegisteredModel> {
    let tags =
        pairs(connection, "SELECT key, value FROM registered_model_tags WHERE name = ?", [&model.name])?;
    let mut statement =
        connection.prepare("SELECT alias, version FROM registered_model_aliases WHERE name = ?")?;
    let aliases = statement.query_map([&model.name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(RegisteredModel { tags, aliases: aliases.collect::<rusqlite::Result<_>>()?, ..model })
}

fn version_of(connection: &Connection, name: &str, version: u32) -> rusqlite::Result<Option<ModelVersion>> {
    let sql =
        format!("SELECT {VERSION} FROM model_versions WHERE name = ? AND version = ? AND current_stage != ?");
    let found = connection.query_row(&sql, params![name, version, DELETED], read_version).optional()?;
    found.map(|version| complete_version(connection, version)).transpose()
}

fn read_version(row: &Row<'_>) -> rusqlite::Result<ModelVersion> {
    Ok(ModelVersion {
        name: row.get(0)?,
        version: row.get(1)?,
        source: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
        run_id: row.get(3)?,
        description: row.get(4)?,
        created: row.get(5)?,
        tags: BTreeMap::new(),
        aliases: Vec::new(),
    })
}

fn complete_version(connection: &Connection, version: ModelVersion) -> rusqlite::Result<ModelVersion> {
    let of = params![version.name, version.version];
    let tags =
        pairs(connection, "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?", of)?;
    let mut statement = connection.prepare(
        "SELECT alias FROM registered_model_aliases WHERE name = ? AND version = ? ORDER BY alias",
    )?;
    let aliases = statement.query_map(of, |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(ModelVersion { tags, aliases, ..version })
}
