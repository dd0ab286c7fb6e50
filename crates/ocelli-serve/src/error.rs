//! Why nothing can be served.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ocelli_model::ModelError;

/// A server that cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// There is nothing to serve.
    #[error("no model is given: give the file of one")]
    NoModels,
    /// A model's name, version or path cannot be.
    #[error("{text}: {reason}")]
    Source {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A model cannot be loaded or run.
    #[error("the model {name} cannot be served")]
    Model {
        /// Its name.
        name: String,
        /// Why.
        source: ModelError,
    },
    /// A file of keys or certificates cannot be used.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An option cannot be.
    #[error("{name} is {found}, but must be {needed}")]
    Option {
        /// Its name.
        name: &'static str,
        /// What was given.
        found: String,
        /// What would do.
        needed: &'static str,
    },
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Threads cannot be started.
    #[error("threads cannot be started")]
    Threads(#[source] io::Error),
}

impl ServeError {
    pub(crate) fn source(text: &str, reason: impl Into<String>) -> Self {
        Self::Source { text: text.to_owned(), reason: reason.into() }
    }

    pub(crate) fn file(path: &Path, reason: impl Into<String>) -> Self {
        Self::File { path: path.to_path_buf(), reason: reason.into() }
    }

    pub(crate) fn option(name: &'static str, found: impl ToString, needed: &'static str) -> Self {
        Self::Option { name, found: found.to_string(), needed }
    }
}
