//! Why a picture has no answer.

use ocelli_data::DataError;

/// A picture without an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The picture cannot be used.
    #[error("{}: {}", .0.subject(), .0.reason())]
    Picture(ocelli_data::Problem),
    /// More is waiting than may.
    #[error("{asked} images were sent, but only {queue} may wait for this model")]
    TooMany {
        /// How many this request has.
        asked: usize,
        /// How many may ever wait.
        queue: usize,
    },
    /// No place is free now.
    #[error("too many images are waiting for this model")]
    Busy,
    /// What worked on it is gone: a defect of ours.
    #[error("the network could not be run")]
    Lost,
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::Picture(error.into())
    }
}
