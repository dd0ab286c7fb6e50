//! Why a classifier cannot be exported, or an export not be run.

use ocelli_data::DataError;
use ocelli_model::ModelError;
use std::io;
use std::path::PathBuf;

/// A classifier that cannot be exported, or an exported one that cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A transform or layer, or a combination of options, that the format cannot say.
    #[error("{what} cannot be exported: {reason}")]
    Unsupported {
        /// The transform, layer or option.
        what: String,
        /// Why not, and what can be done instead.
        reason: String,
    },
    /// The file would be larger than the format allows.
    #[error(
        "the file would have {bytes} bytes, but {format} files have at most {most}: make the network smaller"
    )]
    TooLarge {
        /// The format's name.
        format: &'static str,
        /// What the file would have.
        bytes: u64,
        /// What it may have.
        most: u64,
    },
    /// A file could not be read or written.
    #[error("{}: cannot be {doing}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried: "read", "written" or "run".
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The archive that TorchScript files are could not be made: a tensor is too large for it.
    #[error("the archive cannot be made")]
    Archive(#[from] io::Error),
    /// A file that is no export, or not one that is known here.
    #[error("{}: {reason}", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// The runtime refused the exported file, or failed on an image.
    #[error("{runtime} cannot run {}: {reason}", path.display())]
    Runtime {
        /// The runtime's name and version.
        runtime: String,
        /// The exported file.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
    /// What should be the package of ONNX Runtime Web is another.
    #[error("{place}: is not ONNX Runtime Web {}, which was tested: {reason}", crate::web::VERSION)]
    OtherPackage {
        /// The file, folder or address.
        place: String,
        /// What shows it.
        reason: String,
    },
    /// The package of ONNX Runtime Web cannot be had from a registry.
    #[error("{address}: cannot be fetched: {reason}")]
    Unreachable {
        /// Its address.
        address: String,
        /// Why not.
        reason: String,
    },
    /// A folder that is there already, and not an earlier export.
    #[error("{}: is there already, and {} is not of an earlier export", folder.display(), found.display())]
    Taken {
        /// The folder.
        folder: PathBuf,
        /// What is there.
        found: PathBuf,
    },
    /// The weights are not the network's.
    #[error(transparent)]
    Weights(#[from] ocelli_nn::WeightsError),
    /// The classifier itself cannot be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An image cannot be prepared.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl ExportError {
    pub(crate) fn unsupported(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into(), reason: reason.into() }
    }
}
