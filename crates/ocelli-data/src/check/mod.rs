//! What is wrong with a dataset, before a week of training shows it.
//!
//! [`check`] decodes every image once and tells what it finds in a [`Report`]: files that cannot be used, the same or nearly
//! the same picture twice (within a split, across splits, under two labels), classes that are small or missing, sizes, channels
//! and orientations out of the ordinary, and the statistics of the pixels. Each [`Finding`] says how serious it is and what to
//! do; with [`Report::is_sound`] nothing serious was found.
//!
//! # Near duplicates
//!
//! Two pictures are near duplicates if one is the other saved again, at another size, quality or brightness, or moved by a few
//! hundredths of its sides. Their [`perceptual::Hash`]es differ in at most 7 of 64 bits, and their 32×32 grey thumbnails have a
//! correlation of at least [`CheckOptions::similarity`]. Mirrored, turned and cropped copies
//! are not found, nor are pictures of one flat colour unless they are identical.

mod duplicates;
mod findings;
mod inspect;
pub mod perceptual;
mod report;

use std::sync::Arc;

pub use duplicates::{Group, Member};
pub use findings::{Finding, Kind, Severity};
pub use report::{Classes, Report, Sizes, SplitReport};

use crate::dataset::{Dataset, Undivided};
use crate::decode::Limits;
use crate::{DataError, ErrorKind, Problem};

use duplicates::Duplicates;
use inspect::Inspected;

/// How a dataset is checked.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CheckOptions {
    /// Threads; 0 takes as many as the machine has. The report does not depend on it. Default: 0.
    pub threads: usize,
    /// What image files may ask for.
    pub limits: Limits,
    /// From which correlation of their thumbnails on, 0 to 1, two pictures are near duplicates. At the default the sample of
    /// Fashion-MNIST, where many things have one outline, has 2.7% of its test images among them, CIFAR-10 0.3%; at 0.9 CIFAR-10
    /// has 1.1%, nearly all of them rightly. Default: 0.97.
    pub similarity: f32,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self { threads: 0, limits: Limits::default(), similarity: 0.97 }
    }
}

/// What a check is doing, for whoever shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What, in words.
    pub step: &'static str,
    /// Images done.
    pub done: u64,
    /// Images in this step.
    pub total: u64,
}

/// One split's samples, with its name.
struct Split {
    name: &'static str,
    images: Arc<dyn Dataset>,
}

/// The samples of all splits, one after the other.
struct Samples {
    splits: Vec<Split>,
}

impl Samples {
    fn of(data: &Undivided) -> Self {
        let names = data.names().into_iter();
        let split = |name| Some(Split { name, images: data.get(name).ok()? });
        Self { splits: names.filter_map(split).collect() }
    }

    fn len(&self) -> usize {
        self.splits.iter().map(|split| split.images.len()).sum()
    }

    /// The split and the place in it of sample `number`.
    fn place(&self, number: usize) -> (usize, usize) {
        let mut index = number;
        for (split, Split { images, .. }) in self.splits.iter().enumerate() {
            if index < images.len() {
                return (split, index);
            }
            index -= images.len();
        }
        panic!("sample {number} is past the end");
    }
}

/// Looks at every image of a dataset, which is best opened with `allow_class_mismatch`.
///
/// `progress` is told how far it is, from any thread, at most once for each image.
///
/// # Errors
/// If the dataset has no image at all, it is out of reach, or the similarity is not in 0..=1.
pub fn check(
    data: &Undivided,
    options: &CheckOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, DataError> {
    let samples = Samples::of(data);
    let inspected = inspect_all(data, &samples, options, progress)?;
    let duplicates = Duplicates::find(&samples, &inspected, options, progress);
    let problems: Vec<Problem> =
        data.problems.iter().cloned().chain(inspected.problems.iter().cloned()).collect();
    Ok(Report::new(data, &samples, inspected, duplicates, problems))
}

/// For each split of a dataset, in the order of [`Undivided::names`], the group that each sample belongs to: pictures that are
/// duplicates or near duplicates of each other have the same number, all others one of their own.
///
/// # Errors
/// As [`check`].
pub fn groups(
    data: &Undivided,
    options: &CheckOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Vec<Vec<u32>>, DataError> {
    let samples = Samples::of(data);
    let inspected = inspect_all(data, &samples, options, progress)?;
    let together = Duplicates::find(&samples, &inspected, options, progress).together(samples.len());
    let mut rest = together.as_slice();
    let mut take = |split: &Split| {
        let (here, after) = rest.split_at(split.images.len());
        rest = after;
        here.to_vec()
    };
    Ok(samples.splits.iter().map(&mut take).collect())
}

fn inspect_all(
    data: &Undivided,
    samples: &Samples,
    options: &CheckOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Inspected, DataError> {
    if samples.len() == 0 {
        let reason = match data.problems.first() {
            Some(first) => format!("has no image that can be used; first problem: {first}"),
            None => "has no image".to_owned(),
        };
        return Err(DataError::at(ErrorKind::UnknownFormat, &data.path, reason));
    }
    if !(0.0..=1.0).contains(&options.similarity) {
        let reason = format!("{} is not in 0 to 1", options.similarity);
        return Err(DataError::invalid("similarity", reason));
    }
    Inspected::new(samples, options, progress)
}
