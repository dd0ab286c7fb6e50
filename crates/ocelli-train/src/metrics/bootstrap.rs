//! How far figures would move if other images of the same kind had been measured: the bootstrap.

use super::per_class::ClassScores;
use super::{PerClass, Predictions, brier, share, top_k};
use ocelli_kernels::random::{Stream, hash};
use serde::Serialize;

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// How many times as many images are drawn as there are, with replacement (default 1,000).
    pub resamples: usize,
    /// The share of the resamples that an interval covers, 0 to 1 (default 0.95).
    pub level: f64,
    /// Decides what is drawn (default 0).
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Bootstrap { resamples: 1000, level: 0.95, seed: 0 }
    }
}

/// Where a figure lies in most resamples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The intervals of the figures that are means over images, or over classes of such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Intervals {
    /// Of the accuracy.
    pub accuracy: Interval,
    /// Of the accuracy of the five likeliest.
    pub top5_accuracy: Interval,
    /// Of the balanced accuracy.
    pub balanced_accuracy: Interval,
    /// Of the macro F1.
    pub macro_f1: Interval,
    /// Of the logarithmic loss.
    pub log_loss: Interval,
    /// Of the Brier score.
    pub brier_score: Interval,
}

/// The figures of one resample, in the order of [`Intervals`].
const FIGURES: usize = 6;

/// The percentile intervals of the bootstrap: Efron, "Bootstrap Methods" (1979). Percentiles lie between two resamples in
/// proportion, as numpy has them. `None` without images or resamples. The same seed gives the same intervals.
pub fn bootstrap(predictions: &Predictions, options: &Bootstrap) -> Option<Intervals> {
    let count = u32::try_from(predictions.len()).ok().filter(|count| *count > 0)?;
    if options.resamples == 0 {
        return None;
    }
    let images: Vec<Image> = (0..predictions.len()).map(|image| Image::of(predictions, image)).collect();
    let mut drawn: [Vec<f64>; FIGURES] = std::array::from_fn(|_| Vec::with_capacity(options.resamples));
    let mut counts = vec![[0; 3]; predictions.classes()];
    for resample in 0..options.resamples {
        let mut stream = Stream::new(options.seed, hash("ocelli.bootstrap"), resample as u64, 0);
        let chosen = (0..count).map(|_| &images[stream.below(count) as usize]);
        let figures = figures(chosen, f64::from(count), &mut counts);
        drawn.iter_mut().zip(figures).for_each(|(drawn, figure)| drawn.push(figure));
    }
    let tail = (1.0 - options.level.clamp(0.0, 1.0)) / 2.0;
    let [accuracy, top5_accuracy, balanced_accuracy, macro_f1, log_loss, brier_score] =
        drawn.map(|mut values| {
            values.sort_unstable_by(f64::total_cmp);
            Interval { low: percentile(&values, tail), high: percentile(&values, 1.0 - tail) }
        });
    Some(Intervals { accuracy, top5_accuracy, balanced_accuracy, macro_f1, log_loss, brier_score })
}

/// What resampling needs of an image.
struct Image {
    label: u32,
    predicted: u32,
    among_five: bool,
    loss: f64,
    squares: f64,
}

impl Image {
    fn of(predictions: &Predictions, image: usize) -> Self {
        let (row, label) = (predictions.row(image), predictions.labels()[image]);
        Image {
            label,
            predicted: predictions.predicted(image) as u32,
            among_five: top_k::is_among(row, label as usize, 5),
            loss: predictions.loss(image),
            squares: brier::squares(row, label as usize),
        }
    }
}

/// The figures of a resample. `counts` is for each class: right answers, images, and images taken for it.
fn figures<'a>(
    chosen: impl Iterator<Item = &'a Image>,
    count: f64,
    counts: &mut [[u64; 3]],
) -> [f64; FIGURES] {
    counts.fill([0; 3]);
    let (mut among_five, mut loss, mut squares) = (0_u64, 0.0, 0.0);
    for image in chosen {
        let (label, predicted) = (image.label as usize, image.predicted as usize);
        counts[label][0] += u64::from(label == predicted);
        counts[label][1] += 1;
        counts[predicted][2] += 1;
        among_five += u64::from(image.among_five);
        loss += image.loss;
        squares += image.squares;
    }
    let right: u64 = counts.iter().map(|[right, ..]| right).sum();
    let classes = counts.iter().map(|&[right, images, taken]| ClassScores::of(right, images, taken));
    let classes = PerClass::new(classes.collect());
    let [right, among_five] = [right, among_five].map(|images| share(images as f64, count));
    [right, among_five, classes.balanced_accuracy, classes.macro_average.f1, loss / count, squares / count]
}

/// The value below which `share` of the sorted values lie.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, rest) = (place.floor() as usize, place.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(right: usize, all: usize) -> Predictions {
        let mut predictions = Predictions::new(2, all);
        for image in 0..all {
            let label = (image % 2) as u32;
            let sure = if image < right { 0.9 } else { 0.2 };
            let row = if label == 0 { [sure, 1.0 - sure] } else { [1.0 - sure, sure] };
            predictions.push(image as u64, label, &row);
        }
        predictions
    }

    #[test]
    fn intervals_are_those_of_the_binomial_distribution() {
        let found = bootstrap(&predictions(320, 400), &Bootstrap::default()).unwrap();
        // 0.8 ± 1.96 √(0.8 × 0.2 / 400), to what a thousand resamples tell.
        let half = 1.96 * (0.8_f64 * 0.2 / 400.0).sqrt();
        let Interval { low, high } = found.accuracy;
        assert!((low - (0.8 - half)).abs() < 0.008 && (high - (0.8 + half)).abs() < 0.008, "{low} {high}");
        assert_eq!(found.top5_accuracy, Interval { low: 1.0, high: 1.0 });
        assert!(found.log_loss.low < found.log_loss.high);
    }

    #[test]
    fn the_seed_decides() {
        let predictions = predictions(30, 50);
        let of = |seed| bootstrap(&predictions, &Bootstrap { seed, ..Bootstrap::default() });
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        assert_eq!(bootstrap(&Predictions::new(2, 0), &Bootstrap::default()), None);
        assert_eq!(bootstrap(&predictions, &Bootstrap { resamples: 0, ..Bootstrap::default() }), None);
    }

    #[test]
    fn percentiles_are_numpys() {
        // numpy.percentile([1, 2, 4, 8], [0, 25, 50, 100])
        let found = [0.0, 0.25, 0.5, 1.0].map(|share| percentile(&[1.0, 2.0, 4.0, 8.0], share));
        assert_eq!(found, [1.0, 1.75, 3.0, 8.0]);
    }
}
