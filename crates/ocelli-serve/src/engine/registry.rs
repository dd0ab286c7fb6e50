//! Which models there are, and what became of their files.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use ocelli_nn::suggest;

use super::{Model, Shared};
use crate::log;
use crate::metrics::Outcome;
use crate::watched::Stamp;
use crate::{ModelSource, ServeError};

/// All models, by name and version.
pub(crate) struct Registry {
    /// The one that is meant where none is named.
    first: String,
    models: BTreeMap<String, BTreeMap<u64, Slot>>,
    shared: Shared,
}

/// The place of one version of a model, whatever is loaded there.
pub(crate) struct Slot {
    source: ModelSource,
    current: RwLock<Current>,
}

struct Current {
    model: Arc<Model>,
    /// What its file was when it was loaded, or last failed to be.
    stamp: Option<Stamp>,
    /// Why its file could not be loaded again.
    trouble: Option<String>,
}

/// A model that is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unknown(String);

impl Slot {
    /// What is loaded now.
    pub(crate) fn model(&self) -> Arc<Model> {
        self.current.read().unwrap_or_else(|poisoned| poisoned.into_inner()).model.clone()
    }

    /// Why the file as it is now is not what is served, if so.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.current.read().unwrap_or_else(|poisoned| poisoned.into_inner()).trouble.clone()
    }

    /// Loads the file again if it has changed. One that cannot be loaded leaves all as it is.
    fn look(&self, shared: &Shared) {
        let stamp = Stamp::of(&self.source.path);
        let known = self.current.read().unwrap_or_else(|poisoned| poisoned.into_inner()).stamp;
        if stamp == known {
            return;
        }
        let loaded = Model::load(&self.source, shared);
        let mut current = self.current.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        current.stamp = stamp;
        let (name, version) = (&self.source.name, self.source.version);
        let outcome = match loaded {
            Ok(model) => {
                current.model = Arc::new(model);
                current.trouble = None;
                Outcome::Loaded
            }
            Err(error) => {
                current.trouble = Some(reasons(&error));
                Outcome::Failed
            }
        };
        shared.metrics.reloaded(name, version, outcome);
        log::reload(name, version, current.trouble.as_deref());
    }
}

/// An error with all its causes, as one line.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl Registry {
    /// Loads all models.
    pub(crate) fn load(sources: &[ModelSource], shared: Shared) -> Result<Self, ServeError> {
        crate::source::check_all(sources)?;
        let mut models: BTreeMap<String, BTreeMap<u64, Slot>> = BTreeMap::new();
        for source in sources {
            // Before it is read: what is written meanwhile is a change.
            let stamp = Stamp::of(&source.path);
            let model = Model::load(source, &shared)
                .map_err(|error| ServeError::Model { name: source.name.clone(), source: error })?;
            let current = Current { model: Arc::new(model), stamp, trouble: None };
            let slot = Slot { source: source.clone(), current: RwLock::new(current) };
            models.entry(source.name.clone()).or_default().insert(source.version, slot);
        }
        Ok(Self { first: sources[0].name.clone(), models, shared })
    }

    /// A model as it is now; the first without a name, the highest version without a version.
    pub(crate) fn find(&self, name: Option<&str>, version: Option<u64>) -> Result<Arc<Model>, Unknown> {
        let name = name.unwrap_or(&self.first);
        let versions = self.models.get(name).ok_or_else(|| {
            let names = self.models.keys().map(String::as_str);
            let nearest = suggest::nearest(name, names.clone());
            let all = names.collect::<Vec<_>>().join(", ");
            let hint = nearest
                .map_or(format!("there are {all}"), |near| format!("did you mean {near}? there are {all}"));
            Unknown(format!("no model is called {name:?}: {hint}"))
        })?;
        let slot = match version {
            Some(version) => versions.get(&version),
            None => versions.values().next_back(),
        };
        slot.map(Slot::model).ok_or_else(|| {
            let all: Vec<String> = versions.keys().map(u64::to_string).collect();
            let asked = version.unwrap_or_default();
            Unknown(format!("{name} has no version {asked}: there are {}", all.join(", ")))
        })
    }

    /// All models by name, their versions from the lowest.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &BTreeMap<u64, Slot>)> {
        self.models.iter().map(|(name, versions)| (name.as_str(), versions))
    }

    /// The versions of a model, from the lowest.
    pub(crate) fn versions(&self, name: &str) -> Vec<String> {
        self.models
            .get(name)
            .map(|versions| versions.keys().map(u64::to_string).collect())
            .unwrap_or_default()
    }

    /// The model that is meant where none is named.
    pub(crate) fn first(&self) -> &str {
        &self.first
    }

    /// Whether every model can answer.
    pub(crate) fn is_alive(&self) -> bool {
        self.models.values().flat_map(BTreeMap::values).all(|slot| slot.model().is_alive())
    }

    /// Loads what has changed.
    pub(crate) fn look(&self) {
        self.models.values().flat_map(BTreeMap::values).for_each(|slot| slot.look(&self.shared));
    }
}
