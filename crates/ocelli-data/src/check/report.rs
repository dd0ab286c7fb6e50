//! What a check has to say.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::duplicates::{Duplicates, Group, group};
use super::findings::{Finding, Severity, findings};
use super::inspect::Inspected;
use super::{Samples, Split};
use crate::dataset::{Dataset, Format, Undivided};
use crate::transforms::Statistics;
use crate::{Channels, Problem};

/// All that was found out about a dataset.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Where the dataset is.
    pub path: PathBuf,
    /// What it is.
    pub format: Format,
    /// The names of the classes, in order.
    pub classes: Vec<String>,
    /// Whether images may have several labels, or none.
    pub multi_label: bool,
    /// The splits that it has of its own.
    pub splits: Vec<SplitReport>,
    /// What was found, the most serious first.
    pub findings: Vec<Finding>,
    /// What cannot be used, and what else is wrong with single files, classes and splits.
    pub problems: Vec<Problem>,
    /// Images with the very same pixels.
    pub exact_duplicates: Vec<Group>,
    /// Images that look nearly the same, those with the same pixels among them.
    pub near_duplicates: Vec<Group>,
    /// How many images are kept in each file format; images that are kept as pixels are not counted.
    pub formats: BTreeMap<String, u64>,
    /// How many images are grey, and how many have colours, in their files.
    pub channels: BTreeMap<&'static str, u64>,
    /// How many images have each EXIF orientation, 1 (upright) to 8.
    pub orientations: BTreeMap<u8, u64>,
    /// Heights, widths and proportions.
    pub sizes: Sizes,
}

/// One split of a dataset.
#[derive(Clone, Debug, Serialize)]
pub struct SplitReport {
    /// `train`, `val` or `test`.
    pub name: &'static str,
    /// Usable images.
    pub images: usize,
    /// Images of each class, in the classes' order; unusable ones are counted if their headers could be read.
    pub classes: Classes,
    /// The mean and standard deviation of each channel over all pixels, in units of 0..1; `None` without a usable image.
    pub statistics: Option<Statistics>,
}

/// Counts by class.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct Classes(pub Vec<u64>);

impl Classes {
    /// How many images of each class a dataset has; one with several labels counts in each.
    pub fn of(images: &dyn Dataset) -> Self {
        let mut counts = vec![0; images.classes().len()];
        for index in 0..images.len() {
            images.labels(index).iter().for_each(|label| counts[*label as usize] += 1);
        }
        Self(counts)
    }
}

/// The sizes of images, in pixels.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Sizes {
    /// The least, the median and the largest height.
    pub height: [u32; 3],
    /// The least, the median and the largest width.
    pub width: [u32; 3],
    /// The least, the median and the largest width over height.
    pub proportion: [f64; 3],
    /// Whether all images have one size.
    pub uniform: bool,
}

impl Sizes {
    fn of(sizes: &[(u32, u32)]) -> Self {
        let three = |mut values: Vec<u32>| {
            values.sort_unstable();
            let at = |place: usize| values.get(place).copied().unwrap_or(0);
            [at(0), at(values.len() / 2), at(values.len().saturating_sub(1))]
        };
        let mut proportions: Vec<f64> = sizes.iter().map(|&(h, w)| f64::from(w) / f64::from(h)).collect();
        proportions.sort_by(f64::total_cmp);
        let at = |place: usize| proportions.get(place).copied().unwrap_or(0.0);
        Self {
            height: three(sizes.iter().map(|size| size.0).collect()),
            width: three(sizes.iter().map(|size| size.1).collect()),
            proportion: [at(0), at(proportions.len() / 2), at(proportions.len().saturating_sub(1))],
            uniform: sizes.windows(2).all(|pair| pair[0] == pair[1]),
        }
    }
}

impl Report {
    pub(super) fn new(
        data: &Undivided,
        samples: &Samples,
        inspected: Inspected,
        duplicates: Duplicates,
        problems: Vec<Problem>,
    ) -> Self {
        let channels = data.names().first().and_then(|name| data.get(name).ok());
        let channels = channels.map_or(3, |images| images.extent().channels);
        let mut from = 0;
        let split = |(split, sums): (&Split, &crate::transforms::Sums)| {
            let facts = &inspected.facts[from..][..split.images.len()];
            from += split.images.len();
            SplitReport {
                name: split.name,
                images: facts.iter().flatten().count(),
                classes: Classes::of(&*split.images),
                statistics: sums.statistics(channels),
            }
        };
        let splits: Vec<SplitReport> = samples.splits.iter().zip(&inspected.sums).map(split).collect();
        let sizes: Vec<(u32, u32)> = inspected.facts.iter().flatten().map(|facts| facts.size).collect();
        let groups = |groups: &[Vec<u32>]| groups.iter().map(|numbers| group(samples, numbers)).collect();
        let format = |facts: &super::inspect::Facts| {
            facts.format.map_or_else(String::new, |format| format!("{format:?}").to_lowercase())
        };
        let mut formats = inspected.count(format);
        formats.remove("");
        let mut report = Self {
            path: data.path.clone(),
            format: data.format,
            classes: data.classes.clone(),
            multi_label: samples.splits.iter().any(|split| split.images.is_multi_label()),
            splits,
            findings: Vec::new(),
            problems,
            exact_duplicates: groups(&duplicates.exact),
            near_duplicates: groups(&duplicates.near),
            formats,
            channels: inspected.count(|facts| match facts.channels {
                Channels::Grey => "grey",
                Channels::Rgb => "colour",
            }),
            orientations: inspected.count(|facts| facts.orientation),
            sizes: Sizes::of(&sizes),
        };
        report.findings = findings(&report, samples, &inspected);
        report
    }

    /// Whether nothing serious was found: training may go on.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Serious)
    }
}
