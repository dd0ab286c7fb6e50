//! Why a model cannot be loaded, saved or used.

use std::io;
use std::path::{Path, PathBuf};

/// A model that cannot be loaded, saved, put together or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file could not be read or written.
    #[error("{}: cannot be {doing}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried: "read" or "written".
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The file is no model, or a broken or hostile one.
    #[error("{}: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Network, weights, transforms and class names do not fit each other.
    #[error("{reason}")]
    Mismatch {
        /// What does not fit what.
        reason: String,
    },
    /// An image cannot be used.
    #[error(transparent)]
    Image(ocelli_data::DataError),
    /// The network cannot be run.
    #[error("the network cannot be prepared to run")]
    Plan(#[source] ocelli_nn::plan::PlanError),
    /// Threads could not be started.
    #[error("{threads} threads cannot be started")]
    Threads {
        /// How many.
        threads: usize,
        /// Why it failed.
        source: rayon::ThreadPoolBuildError,
    },
}

impl ModelError {
    pub(crate) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> ModelError {
        let path = path.to_path_buf();
        move |source| ModelError::Io { path, doing, source }
    }

    pub(crate) fn invalid(path: &Path, reason: impl Into<String>) -> ModelError {
        ModelError::Invalid { path: path.to_path_buf(), reason: reason.into() }
    }

    pub(crate) fn mismatch(reason: impl Into<String>) -> ModelError {
        ModelError::Mismatch { reason: reason.into() }
    }

    /// The same error, as one about the file that the parts came from.
    pub(crate) fn in_file(self, path: &Path) -> ModelError {
        match self {
            ModelError::Mismatch { reason } => ModelError::invalid(path, reason),
            other => other,
        }
    }
}
