//! Why weights cannot be read from a file.

use super::pickle::Fault;
use super::zip::ZipFault;
use crate::error::ModelError;
use std::io;
use std::path::{Path, PathBuf};

/// A file that weights cannot be read from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file could not be read.
    #[error("{}: cannot be {doing}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried: "read".
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The file asks for a Python name that is none of data's. Nothing of it was run.
    #[error(
        "{}: {} {global}, and {}; in PyTorch, torch.save(model.state_dict(), \"weights.pth\") writes a file of weights alone",
        path.display(),
        if is_module(global) { "holds a whole pickled model: it asks for" } else { "asks for" },
        "nothing but tensors and plain containers is read",
    )]
    Refused {
        /// The file.
        path: PathBuf,
        /// The name: `os.system`.
        global: String,
    },
    /// The file is none of weights, or damaged, or holds what is not read.
    #[error("{}: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is a safetensors file and cannot be read.
    #[error(transparent)]
    Safetensors(ModelError),
}

impl ImportError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, doing: "read", source }
    }

    pub(super) fn invalid(path: &Path, reason: impl Into<String>) -> Self {
        Self::Invalid { path: path.to_path_buf(), reason: reason.into() }
    }

    pub(super) fn pickle(path: &Path) -> impl Fn(Fault) -> Self {
        let path = path.to_path_buf();
        move |fault| match fault {
            Fault::Refused(global) => Self::Refused { path: path.clone(), global },
            Fault::Broken(reason) => {
                Self::Invalid { path: path.clone(), reason: format!("its pickle {reason}") }
            }
        }
    }

    pub(super) fn zip(path: &Path) -> impl Fn(ZipFault) -> Self {
        let path = path.to_path_buf();
        move |fault| match fault {
            ZipFault::Io(source) => Self::Io { path: path.clone(), doing: "read", source },
            ZipFault::Broken(reason) => Self::invalid(&path, reason),
        }
    }
}

/// Whether a name is that of a layer, as in a pickled model.
fn is_module(global: &str) -> bool {
    global.starts_with("torch.nn.modules.") || global.starts_with("torchvision.models.")
}
