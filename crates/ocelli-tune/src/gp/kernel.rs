//! What the kernel is like, judged by the values.

use super::correlation::Correlation;
use super::features::Features;
use egobox_gp::mean_models::ConstantMean;
use egobox_gp::{GaussianProcess, GpError, ThetaTuning};
use linfa::{Dataset, ParamGuard, prelude::Fit};
use ndarray::{Array1, Array2, Axis};

/// egobox's process: Matérn 5/2 around a constant mean.
pub(super) type Process = GaussianProcess<f64, ConstantMean, Correlation>;

/// The inverse lengthscales of numbers from 0 to 1, and of choices.
///
/// Without bounds, the most likely kernel of few values is often one by which everything is alike or nothing is: four of sixteen searches of Ackley-5 never
/// left its plateau. Beyond 2, a choice says nothing of another, and on a plateau a search for the likeliest kernel finds no way.
const NUMBERS: (f64, f64) = (0.4, 20.0);
const CHOICES: (f64, f64) = (0.4, 2.0);
/// Lengthscales and noises of the places that are looked at first. Noises are shares of the process's variance; the least keeps the covariance of
/// points that are close to each other from being singular.
const LENGTHSCALES: [f64; 2] = [0.3, 1.0];
const NOISES: [f64; 3] = [1e-8, 1e-5, 1e-2];

/// A kernel but for the process's variance, which egobox works out from the values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kernel {
    /// The inverse of the lengthscale of each number of a row.
    pub(super) theta: Array1<f64>,
    /// The variance of what each value has beside, as a share of the process's variance.
    pub(super) noise: f64,
}

impl Kernel {
    /// The process with this kernel, of at least two rows that have one number or more.
    pub(super) fn process(&self, rows: &Array2<f64>, values: &Array1<f64>) -> Result<Process, GpError> {
        fitted(rows, values, ThetaTuning::Fixed(&self.theta * &spreads(rows)), self.noise, 0)
    }

    /// The kernel that makes values most likely: egobox looks for lengthscales, with so many `likelihoods`, from the best of six places, and then each
    /// noise is tried. `None` where no kernel has a covariance that can be factorised.
    pub(super) fn fit(
        features: &Features,
        rows: &Array2<f64>,
        values: &Array1<f64>,
        likelihoods: usize,
    ) -> Option<Self> {
        let bounds: Array1<(f64, f64)> =
            features.choices().iter().map(|choice| if *choice { CHOICES } else { NUMBERS }).collect();
        let places = LENGTHSCALES.map(|length| bounds.mapv(|(low, high)| (1.0 / length).clamp(low, high)));
        let start = likeliest(rows, values, places)?;
        let spreads = spreads(rows);
        let scaled = |((low, high), spread): (&(f64, f64), &f64)| (low * spread, high * spread);
        let bounds = bounds.iter().zip(&spreads).map(scaled).collect();
        let tuning = ThetaTuning::Full { init: &start.theta * &spreads, bounds };
        let found = fitted(rows, values, tuning, start.noise, likelihoods);
        // The start stays in the running: a search that gets nowhere returns another place.
        let thetas = found.map(|process| process.theta() / &spreads).into_iter().chain([start.theta]);
        likeliest(rows, values, thetas)
    }
}

/// The most likely kernel, with each of the noises, of those that have a likelihood.
fn likeliest(
    rows: &Array2<f64>,
    values: &Array1<f64>,
    thetas: impl IntoIterator<Item = Array1<f64>>,
) -> Option<Kernel> {
    let kernels =
        thetas.into_iter().flat_map(|theta| NOISES.map(|noise| Kernel { theta: theta.clone(), noise }));
    let judged = kernels.filter_map(|kernel| Some((kernel.process(rows, values).ok()?.likelihood(), kernel)));
    let likely = judged.filter(|(likelihood, _)| likelihood.is_finite());
    likely.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, kernel)| kernel)
}

/// The standard deviations that egobox divides the numbers of rows by.
fn spreads(rows: &Array2<f64>) -> Array1<f64> {
    rows.std_axis(Axis(0), 1.0).mapv(|spread| if spread == 0.0 { 1.0 } else { spread })
}

/// egobox's fit, from a single place: to one further start it would draw another at each call.
fn fitted(
    rows: &Array2<f64>,
    values: &Array1<f64>,
    tuning: ThetaTuning<f64>,
    noise: f64,
    likelihoods: usize,
) -> Result<Process, GpError> {
    let params = Process::params(ConstantMean(), Correlation::default());
    let params = params.theta_tuning(tuning).nugget(noise).n_start(0).max_eval(likelihoods);
    params.check()?.fit(&Dataset::new(rows.clone(), values.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::column::{Column, Kind};

    fn rows(count: usize) -> Array2<f64> {
        let value = |(row, column): (usize, usize)| {
            ((row + 1) as f64 * [0.754_877_666, 0.569_840_29][column]).fract()
        };
        Array2::from_shape_fn((count, 2), value)
    }

    fn fit(values: &Array1<f64>) -> Kernel {
        let features = Features::new(&[Kind::Range, Kind::Range].map(Column::from));
        Kernel::fit(&features, &rows(values.len()), values, 100).expect("points apart from each other")
    }

    #[test]
    fn what_does_not_matter_is_long_and_noise_is_seen() {
        let wave = rows(60).column(0).mapv(|x| (7.0 * x).sin());
        let smooth = fit(&wave);
        assert!(smooth.theta[1] < 0.5 && smooth.theta[0] > 2.0 * smooth.theta[1], "{smooth:?}");
        assert!(smooth.noise < 1e-4, "{smooth:?}");
        let chance = |row: usize| ((row as f64 * 12.9898).sin() * 43_758.545_3).fract();
        let rough = fit(&(wave + Array1::from_shape_fn(60, |row| 0.2 * chance(row))));
        assert_eq!(rough.noise, 1e-2, "{rough:?}");
    }

    #[test]
    fn a_process_stands_on_lengthscales_of_its_own_whatever_the_rows() {
        let kernel = Kernel { theta: Array1::from_vec(vec![3.0, 1.0]), noise: 1e-8 };
        let rows = &rows(20) * 0.5;
        let process =
            kernel.process(&rows, &rows.column(0).mapv(f64::sin)).expect("points apart from each other");
        let found = process.theta() / &rows.std_axis(Axis(0), 1.0);
        assert!((found - &kernel.theta).iter().all(|difference| difference.abs() < 1e-12));
    }
}
