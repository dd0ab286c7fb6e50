//! The commands, one file each.

mod bar;
pub(crate) mod batch_size;
pub(crate) mod data;
pub(crate) mod embed;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod export;
mod labelled;
pub(crate) mod lint;
pub(crate) mod lr_find;
pub(crate) mod models;
mod network;
mod page;
pub(crate) mod predict;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod schedule;
pub(crate) mod serve;
pub(crate) mod summary;
pub(crate) mod train;
pub(crate) mod tune;
pub(crate) mod weights;

use crate::failure::Failure;
use ocelli::model::{Classifier, ModelError};
use ocelli::nn::{suggest, zoo};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;

/// Prints a value as one JSON document.
fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

/// As many threads as asked for, or one for each core.
fn threads(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Loads a model; what cannot be one gets a hint.
fn load(path: &Path) -> Result<Classifier, Failure> {
    let hint = || match path.is_dir() {
        true => format!("give the file in it: {}", path.join("model.safetensors").display()),
        false => "`ocelli train` writes models: runs/<date>-<name>/model.safetensors".to_string(),
    };
    Classifier::load(path).map_err(|error| match &error {
        ModelError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Failure::usage(error).hint(hint())
        }
        _ if path.is_dir() => Failure::usage(error).hint(hint()),
        _ => Failure::failed(error),
    })
}

/// The names of all networks, for a hint.
fn network_names() -> String {
    format!("the networks are {}; a TOML file with layers will do too", zoo::NAMES.join(", "))
}

/// The nearest network to a name that is none.
fn nearest_network(name: &str) -> Option<&'static str> {
    suggest::nearest(name, zoo::NAMES)
}
