//! Why a run cannot begin or go on.

use crate::distill::TeacherError;
use crate::divergence::Divergence;
use crate::recipe::RecipeError;
use ocelli_data::{DataError, ErrorKind, Loader, Problem};
use ocelli_model::{Fit, ImportError, ModelError};
use ocelli_nn::plan::PlanError;
use ocelli_nn::{NetworkError, Shape};
use std::io;
use std::path::PathBuf;

/// A run that cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The recipe cannot be used.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The data cannot be used.
    #[error(transparent)]
    Data(DataError),
    /// Files of the data cannot be used, and the recipe is strict.
    #[error("{} of the data cannot be used, and data.strict is set{}", parts(problems.len()), first(problems))]
    Strict {
        /// What cannot be used, with the reasons.
        problems: Vec<Problem>,
    },
    /// Not one image could be loaded and transformed.
    #[error("not one of {} could be used{}", images(problems.len()), first(problems))]
    NoImages {
        /// What is wrong with each.
        problems: Vec<Problem>,
    },
    /// There is no network of this name, nor a file.
    #[error("no network is called {name}, and there is no such file{}", did_you_mean(suggestion))]
    UnknownNetwork {
        /// What was asked for.
        name: String,
        /// The nearest name that exists.
        suggestion: Option<String>,
    },
    /// The file that describes the network cannot be read.
    #[error("{}: cannot be read", path.display())]
    NetworkFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file that should describe the network is no text.
    #[error("{}: is no TOML file with a network's layers", path.display())]
    NotANetwork {
        /// The file.
        path: PathBuf,
    },
    /// The network cannot be built for this data.
    #[error("{origin}: {source}")]
    Network {
        /// The network's name or file, and the input it was built for.
        origin: String,
        /// What does not fit.
        source: NetworkError,
    },
    /// The network does not give one value for each class.
    #[error(
        "{network}: the network gives {found} values, but the data has {classes} classes: \
         let it end in a Linear layer with out_features = \"classes\""
    )]
    Outputs {
        /// The network's name or file.
        network: String,
        /// The shape of its output.
        found: Shape,
        /// Classes of the data.
        classes: usize,
    },
    /// The data has a class that the model does not know.
    #[error("the data has the class {name}, which the model does not know{}", did_you_mean(suggestion))]
    UnknownClass {
        /// The class.
        name: String,
        /// The nearest class of the model.
        suggestion: Option<String>,
    },
    /// One label an image is told or known where several are needed, or several where one is.
    #[error("{reason}")]
    Labels {
        /// Which of the two, and what to do.
        reason: &'static str,
    },
    /// Images cannot be seen as asked.
    #[error("views: {reason}")]
    Views {
        /// Why.
        reason: String,
    },
    /// The network's last layer is a softmax.
    #[error(
        "layer {layer} is a Softmax at the end, but the loss applies softmax itself: leave the layer out to train"
    )]
    EndsInSoftmax {
        /// The layer.
        layer: String,
    },
    /// The network's last layer is a sigmoid, and the loss is of images that may have several labels.
    #[error(
        "layer {layer} is a Sigmoid at the end, but the loss applies it itself: leave the layer out to train"
    )]
    EndsInSigmoid {
        /// The layer.
        layer: String,
    },
    /// The network cannot be planned, or a checkpoint does not fit it.
    #[error(transparent)]
    Plan(PlanError),
    /// A model could not be saved or loaded.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The file of weights to begin with cannot be read.
    #[error(transparent)]
    Weights(#[from] ImportError),
    /// The file of weights to begin with has none of the network's.
    #[error("{}: none of its tensors is one of {network}'s: {fit}", path.display())]
    NothingFits {
        /// The file.
        path: PathBuf,
        /// The network's name.
        network: String,
        /// What is in the file, and what is not.
        fit: Box<Fit>,
    },
    /// The teacher does not fit what is trained.
    #[error("{}: cannot be the teacher", path.display())]
    Teacher {
        /// The teacher's file.
        path: PathBuf,
        /// Why not.
        source: TeacherError,
    },
    /// An epoch had no batch that could be trained on.
    #[error(
        "epoch {epoch} has no batch to train on: there must be at least one image, and two if the network has BatchNorm"
    )]
    NoBatches {
        /// The epoch, from 1.
        epoch: u64,
    },
    /// A sweep over learning rates cannot be as asked.
    #[error("the sweep's {setting} {problem}")]
    LrFind {
        /// The setting of [`LrFindOptions`](crate::LrFindOptions).
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Not even the smallest batch fits into a budget of memory.
    #[error(
        "training takes {} with batches of {}, more than the {} that it may take: give it more memory, bring the images to a \
         smaller size (transforms.size), or take a smaller network; batches as small as fit can make one step together \
         (train.accumulate)",
        mebibytes(*needed), images(*batch_size), mebibytes(*budget)
    )]
    NoBatchFits {
        /// The smallest batch that can be trained on.
        batch_size: usize,
        /// Bytes that training with it takes.
        needed: u64,
        /// Bytes that it may take.
        budget: u64,
    },
    /// The loss is no longer a number.
    #[error("{0}; lower train.lr")]
    Diverged(Box<Divergence>),
    /// The folder for the run already holds one.
    #[error(
        "{} already holds a run's {file}, which would be overwritten: give another folder with --out, or remove it",
        path.display()
    )]
    FolderTaken {
        /// The folder.
        path: PathBuf,
        /// The file that a run would overwrite.
        file: &'static str,
    },
    /// Another process trains in the folder.
    #[error("{}: another process is training in this folder: wait until it is done, or end it", path.display())]
    FolderInUse {
        /// The folder.
        path: PathBuf,
    },
    /// The run is over: there is nothing to go on with.
    #[error("{}: all {epochs} epochs are done, and the model is tested: there is nothing left to do", folder.display())]
    Finished {
        /// The run's folder.
        folder: PathBuf,
        /// Its epochs.
        epochs: u64,
    },
    /// The run was stopped, as its observer asked; what it has come to is kept.
    #[error("stopped as asked, {}", place(*epoch, *batch))]
    Stopped {
        /// The run's folder.
        folder: PathBuf,
        /// The epoch, from 1.
        epoch: u64,
        /// Batches of the epoch that were trained on.
        batch: u64,
    },
    /// Measuring was stopped, as whoever watched it asked.
    #[error("stopped as asked, before all images were measured")]
    MeasuringStopped,
    /// A file of the run could not be read or written.
    #[error("{}: cannot be {doing}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The checkpoint cannot be gone on from.
    #[error("{}: {reason}", path.display())]
    Resume {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder is not a run's, or a file in it is not what it should be.
    #[error("{}: {reason}", path.display())]
    Record {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Threads could not be started.
    #[error("{threads} threads cannot be started")]
    Threads {
        /// How many.
        threads: usize,
        /// Why it failed.
        source: rayon::ThreadPoolBuildError,
    },
}

impl TrainError {
    /// Whether what was asked for cannot be (a recipe, a name), rather than work that failed.
    pub fn is_request(&self) -> bool {
        match self {
            Self::Recipe(_)
            | Self::UnknownNetwork { .. }
            | Self::NotANetwork { .. }
            | Self::Network { .. }
            | Self::Outputs { .. }
            | Self::EndsInSoftmax { .. }
            | Self::EndsInSigmoid { .. }
            | Self::NothingFits { .. }
            | Self::Teacher { .. }
            | Self::FolderTaken { .. }
            | Self::Labels { .. }
            | Self::Views { .. }
            | Self::FolderInUse { .. }
            | Self::Finished { .. }
            | Self::LrFind { .. }
            | Self::NoBatchFits { .. }
            | Self::Record { .. }
            | Self::Resume { .. } => true,
            Self::Weights(ImportError::Io { source, .. }) | Self::Model(ModelError::Io { source, .. }) => {
                source.kind() == io::ErrorKind::NotFound
            }
            Self::Data(error) => {
                matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnknownFormat | ErrorKind::Invalid)
            }
            // A folder was asked for where a file is.
            Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory)
            }
            _ => false,
        }
    }
}

impl TrainError {
    /// Where a loader that leaves out what it cannot load had nothing left: its problems are the reason.
    pub(crate) fn with_problems(self, problems: Vec<Problem>, loader: &Loader) -> Self {
        match self {
            Self::Data(_) if !problems.is_empty() && !loader.options().strict => Self::NoImages { problems },
            other => other,
        }
    }
}

impl From<Divergence> for TrainError {
    fn from(divergence: Divergence) -> Self {
        Self::Diverged(Box::new(divergence))
    }
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// Where a run stopped.
fn place(epoch: u64, batch: u64) -> String {
    match (epoch, batch) {
        (1, 0) => "before the first batch".into(),
        (epoch, 0) => format!("after epoch {}", epoch - 1),
        (epoch, batch) => format!("after batch {batch} of epoch {epoch}"),
    }
}

fn parts(count: usize) -> String {
    if count == 1 { "1 part".into() } else { format!("{count} parts") }
}

fn images(count: usize) -> String {
    if count == 1 { "1 image".into() } else { format!("{count} images") }
}

/// 12345678 → "11.8 MiB".
fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

fn first(problems: &[Problem]) -> String {
    problems.first().map_or_else(String::new, |problem| format!("; the first: {problem}"))
}
