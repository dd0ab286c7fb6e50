//! The weights that a run begins with, where they come from a file.

use crate::error::TrainError;
use ocelli_model::{Fit, Head, WeightsFile};
use ocelli_nn::{Network, Weights};
use std::path::Path;

/// Weights to begin with, and what came of loading them.
pub(super) struct Start {
    pub(super) weights: Weights,
    pub(super) fit: Fit,
}

impl Start {
    /// Loads what fits `network` from a file; the rest begins as `seed` says. The last layer does so where the file's is for
    /// other classes: another number of them, or, where it names them, others than `classes`.
    pub(super) fn load(
        path: &Path,
        network: &Network,
        classes: &[String],
        seed: u64,
    ) -> Result<Self, TrainError> {
        let file = WeightsFile::open(path)?;
        let head = match file.classes() {
            Some(others) if others != classes => Head::New,
            _ => Head::IfItFits,
        };
        let mut weights = network.init(seed);
        let fit = Fit::load(network, &mut weights, file.read()?, head);
        if fit.loaded().is_empty() {
            let (path, network) = (path.to_path_buf(), network.name().to_string());
            return Err(TrainError::NothingFits { path, network, fit: Box::new(fit) });
        }
        Ok(Start { weights, fit })
    }
}
