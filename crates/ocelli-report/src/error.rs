//! Why something cannot be shown.

use std::path::PathBuf;

use ocelli_data::DataError;
use ocelli_nn::plan::PlanError;
use ocelli_plot::FigureError;

/// Something that cannot be explained, drawn or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// An image cannot be brought to what the network takes.
    #[error(transparent)]
    Image(#[from] DataError),
    /// The network cannot be run.
    #[error("the network cannot be prepared to run")]
    Plan(#[from] PlanError),
    /// A layer that is not there, or not of the kind that is needed.
    #[error("layer {layer}: {reason}")]
    Layer {
        /// Its name.
        layer: String,
        /// What it is, what is needed, and which layer would do.
        reason: String,
    },
    /// The network lacks what is to be shown.
    #[error("{0}")]
    Network(String),
    /// A figure could not be written.
    #[error(transparent)]
    Figure(#[from] FigureError),
    /// Threads could not be started.
    #[error("threads cannot be started")]
    Threads(#[source] rayon::ThreadPoolBuildError),
    /// A file could not be written.
    #[error("{}: cannot be written", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl ReportError {
    pub(crate) fn layer(layer: &str, reason: impl Into<String>) -> Self {
        Self::Layer { layer: layer.to_string(), reason: reason.into() }
    }
}
