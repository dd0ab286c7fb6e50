//! What a run leaves on the disk: the best model, checkpoints to go on from, the recipe and the metrics.
//!
//! Whatever moment a run is killed at, its folder has the newest checkpoint whole. A checkpoint is written aside, under
//! `.next.safetensors`; then the one before it goes from `last.safetensors` to `checkpoints/`, and the new one takes its place.

mod folder;
mod lock;
mod progress;

pub(crate) use folder::{Folder, Keep, Name};
pub(crate) use progress::{Checkpoint, DataMark, Line, Progress};
pub use progress::{PartMark, TestDone};
