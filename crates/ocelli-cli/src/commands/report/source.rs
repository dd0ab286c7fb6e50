//! What the page is about: a run's folder, or a model.

use crate::args::ReportArgs;
use crate::commands::labelled;
use crate::failure::Failure;
use ocelli::data::OpenOptions;
use ocelli::data::dataset::{address, shown};
use ocelli::train::Record;
use std::path::{Path, PathBuf};

/// A model, and the run that made it, if that is known.
pub(super) struct Source {
    pub(super) model: PathBuf,
    pub(super) record: Option<Record>,
}

impl Source {
    /// The run in a folder, or a model with the run that it lies in.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        if !path.is_dir() {
            return Ok(Self {
                model: path.to_path_buf(),
                record: Record::of_model(path).map_err(labelled::failed)?,
            });
        }
        let record = Record::open(path).map_err(labelled::failed)?;
        if !record.model.is_file() {
            let reason = format!("{}: the run has no model yet: none of its epochs is over", path.display());
            return Err(Failure::usage(reason)
                .hint("wait for its first epoch, or go on with it: ocelli train --resume"));
        }
        Ok(Self { model: record.model.clone(), record: Some(record) })
    }

    /// The folder of the run, if one is known.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.record.as_ref()?;
        let folder = self.model.parent()?;
        Some(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
    }

    /// The data that is asked for, or that the run was trained on.
    pub(super) fn data(&self, asked: Option<&str>) -> Result<String, Failure> {
        let known = || self.record.as_ref().map(|record| record.recipe.data.path.clone());
        asked.map(str::to_owned).or_else(known).ok_or_else(|| {
            let reason =
                format!("{}: no run is known that made it, so neither is its data", self.model.display());
            Failure::usage(reason).hint("name labelled images: --data PATH")
        })
    }

    /// What is between the labels of an image: as the run's recipe says.
    pub(super) fn label_separator(&self) -> char {
        let recipe = self.record.as_ref().map(|record| &record.recipe.data);
        recipe.map_or_else(|| OpenOptions::default().label_separator, |data| data.label_separator)
    }

    /// What failed, with where the data's path came from.
    pub(super) fn explained(&self, args: &ReportArgs, failure: Failure) -> Failure {
        match args.data {
            Some(_) => failure,
            None => {
                failure.hint("this is where the recipe of the run has its data; if it was moved: --data PATH")
            }
        }
    }

    /// The recipe's text, without names and passwords in addresses.
    pub(super) fn recipe(&self) -> Option<String> {
        let mut recipe = self.record.as_ref()?.recipe.clone();
        if address(Path::new(&recipe.data.path)).is_some() {
            recipe.data.path = shown(&recipe.data.path).into_owned();
        }
        Some(recipe.to_toml())
    }
}
