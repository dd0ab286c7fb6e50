//! A Gaussian process, conditioned on values.

use super::kernel::{Kernel, Process};
use egobox_gp::GpError;
use ndarray::{Array1, Array2};

/// The most that noise is raised to where rounding leaves no covariance, as a share of the process's variance.
const NOISIEST: f64 = 1.0;

/// egobox's process, conditioned on values at points, and certain at further ones, whose values are not known yet.
///
/// Those further points are "believed" (Ginsbourger et al., "Kriging is well-suited to parallelize optimization", 2010): as if the mean had been
/// observed there. That leaves the mean as it is everywhere, and takes the variance from around them.
#[derive(Debug)]
pub(super) struct Model {
    process: Process,
    kernel: Kernel,
    /// The smallest mean at a point, of those with values and those without.
    best: f64,
}

impl Model {
    /// Of rows with values and of further ones, with as much more noise as rounding needs; `None` where none is enough.
    pub(super) fn new(
        rows: &Array2<f64>,
        values: &Array1<f64>,
        believed: &Array2<f64>,
        mut kernel: Kernel,
    ) -> Option<Self> {
        while kernel.noise <= NOISIEST {
            if let Ok(model) = Self::with_noise(rows, values, believed, &kernel)
                && model.best.is_finite()
                && model.process.variance().is_normal()
            {
                return Some(model);
            }
            kernel.noise *= 10.0;
        }
        None
    }

    fn with_noise(
        rows: &Array2<f64>,
        values: &Array1<f64>,
        believed: &Array2<f64>,
        kernel: &Kernel,
    ) -> Result<Self, GpError> {
        let process = kernel.process(rows, values)?;
        let (known, means) = (process.predict(rows)?, process.predict(believed)?);
        let best = known.iter().chain(&means).copied().fold(f64::INFINITY, f64::min);
        Ok(Self { process: process.update(believed, &means)?, kernel: kernel.clone(), best })
    }

    pub(super) fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The smallest mean at a point with a value or without: what is to be improved upon.
    pub(super) fn best(&self) -> f64 {
        self.best
    }

    /// The mean and the variance at each row. Where egobox cannot tell, nothing is to be gained.
    pub(super) fn predict(&self, rows: &Array2<f64>) -> Vec<(f64, f64)> {
        match self.process.predict_valvar(rows) {
            Ok((means, variances)) => means.into_iter().zip(variances).collect(),
            Err(_) => vec![(f64::INFINITY, 0.0); rows.nrows()],
        }
    }

    /// The derivatives of the mean and of the variance at the only row by its numbers.
    pub(super) fn slopes(&self, row: &Array2<f64>) -> (Array1<f64>, Array1<f64>) {
        let (of_mean, of_variance) = self.process.predict_valvar_gradients(row);
        (of_mean.row(0).to_owned(), of_variance.row(0).to_owned())
    }
}
