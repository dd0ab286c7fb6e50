//! Which samples an epoch has, how often, and in what order.
//!
//! All of it is a function of the seed, the epoch and the dataset's labels and weights: neither the number of threads nor what
//! earlier epochs did bears on it.

use ocelli_kernels::random::{Stream, hash};
use serde::{Deserialize, Serialize};

use super::LoaderOptions;
use crate::dataset::{Dataset, Stretch, shuffle};
use crate::{DataError, ErrorKind};

/// Which samples an epoch has.
///
/// A sample that comes several times in an epoch is transformed anew each time.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Sampler {
    /// Every sample once.
    #[default]
    Uniform,
    /// Every class equally often, in an epoch of as many samples as the dataset has. No sample of a class comes again before
    /// all others of the class have come; of large classes each epoch has another part.
    Balanced,
    /// As many samples as the dataset has, drawn with replacement in proportion to their [weights](Dataset::weight): PyTorch's
    /// `WeightedRandomSampler`.
    Weighted,
    /// Every sample once, and those of small classes again, until each class has its share.
    Oversample(Oversample),
}

/// How far small classes are repeated.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Oversample {
    /// The samples that each class has at least, as a part of the largest class's, 0 to 1. Default: 1.
    pub to: f64,
}

impl Default for Oversample {
    fn default() -> Self {
        Self { to: 1.0 }
    }
}

/// A draw: the sample's index, and in the upper 32 bits how often the epoch had it before.
pub(super) type Draw = u64;

/// The index of the sample that a draw is of.
pub(super) fn index(draw: Draw) -> usize {
    draw as u32 as usize
}

/// A sampler made ready for one dataset.
pub(super) struct Sampling {
    len: u32,
    kind: Kind,
}

enum Kind {
    InOrder,
    Shuffled,
    /// Stretches are shuffled, and the samples of so many bytes of them.
    Stretched(Vec<Stretch>, u64),
    /// For each class its samples, and how many of them an epoch has.
    ByClass {
        members: Vec<Vec<u32>>,
        counts: Counts,
    },
    /// Sums of the weights up to and with each sample.
    Weighted(Vec<f64>),
}

enum Counts {
    /// So many samples, divided equally among the classes.
    Equal(usize),
    /// So many of each class.
    Each(Vec<usize>),
}

impl Sampling {
    /// # Errors
    /// If the dataset has too many samples, samples are to be drawn but not shuffled, all weights are 0, or an option is out of
    /// its range.
    pub(super) fn new(dataset: &dyn Dataset, options: &LoaderOptions) -> Result<Self, DataError> {
        let count = dataset.len();
        let len = u32::try_from(count).map_err(|_| {
            DataError::about(
                ErrorKind::TooLarge,
                "dataset",
                format!("has {count} samples: fewer than 2³² are needed"),
            )
        })?;
        let stretches = dataset.stretches();
        let kind = match options.sampler {
            Sampler::Uniform if !options.shuffle => Kind::InOrder,
            Sampler::Uniform if stretches.is_empty() => Kind::Shuffled,
            Sampler::Uniform => Kind::Stretched(stretches.to_vec(), options.shuffle_bytes),
            _ if !options.shuffle => {
                return Err(DataError::invalid(
                    "sampler",
                    "draws samples at random, but shuffle is off: leave one of the two out",
                ));
            }
            Sampler::Balanced | Sampler::Oversample(_) if dataset.is_multi_label() => {
                return Err(DataError::invalid(
                    "sampler",
                    "goes by classes, but images have several labels: weigh the images in the manifest and draw them by weight (weighted)",
                ));
            }
            Sampler::Balanced => Kind::ByClass { members: members(dataset), counts: Counts::Equal(count) },
            Sampler::Oversample(Oversample { to }) => oversampled(members(dataset), to)?,
            Sampler::Weighted => Kind::Weighted(sums(dataset)?),
        };
        Ok(Self { len, kind })
    }

    /// How many samples an epoch has.
    pub(super) fn len(&self) -> usize {
        match &self.kind {
            Kind::ByClass { counts: Counts::Each(counts), .. } => counts.iter().sum(),
            _ => self.len as usize,
        }
    }

    /// Whether samples come about as they lie, so that reading ahead is reading in long runs.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.kind, Kind::InOrder | Kind::Stretched(..))
    }

    /// The draws of an epoch.
    pub(super) fn epoch(&self, seed: u64, epoch: u64) -> Vec<Draw> {
        let stream = |part: u64| Stream::new(seed, hash("ocelli.order"), epoch, part);
        let mut samples: Vec<u32> = match &self.kind {
            Kind::InOrder | Kind::Shuffled => (0..self.len).collect(),
            Kind::ByClass { members, counts } => {
                let counts = counts.of_epoch(members.len(), &mut stream(1));
                let drawn = members.iter().zip(counts).zip(2..);
                drawn.flat_map(|((members, count), part)| cycled(members, count, &mut stream(part))).collect()
            }
            Kind::Stretched(stretches, bytes) => stretched(stretches, *bytes, stream),
            Kind::Weighted(sums) => {
                let mut stream = stream(1);
                (0..self.len).map(|_| weighted(sums, &mut stream)).collect()
            }
        };
        if !matches!(self.kind, Kind::InOrder | Kind::Stretched(..)) {
            shuffle(&mut samples, &mut stream(0));
        }
        numbered(&samples, self.len as usize)
    }
}

impl Counts {
    /// How many samples each of so many classes gets in one epoch; who gets what is left over is drawn.
    fn of_epoch(&self, classes: usize, stream: &mut Stream) -> Vec<usize> {
        match self {
            Self::Each(counts) => counts.clone(),
            Self::Equal(samples) => {
                let classes = classes.max(1);
                let mut counts = vec![samples / classes; classes];
                counts.iter_mut().take(samples % classes).for_each(|count| *count += 1);
                shuffle(&mut counts, stream);
                counts
            }
        }
    }
}

/// The samples of all stretches: these in random order, and within so many bytes of them the samples.
fn stretched(stretches: &[Stretch], bytes: u64, stream: impl Fn(u64) -> Stream) -> Vec<u32> {
    let mut order: Vec<&Stretch> = stretches.iter().collect();
    shuffle(&mut order, &mut stream(0));
    let mut samples = Vec::new();
    let (mut first, mut buffered, mut part) = (0, 0, 1);
    for (place, stretch) in order.iter().enumerate() {
        samples.extend(stretch.samples.clone().map(|index| index as u32));
        buffered += stretch.bytes;
        if buffered >= bytes || place + 1 == order.len() {
            shuffle(&mut samples[first..], &mut stream(part));
            (first, buffered, part) = (samples.len(), 0, part + 1);
        }
    }
    samples
}

/// The samples of each class that has any.
fn members(dataset: &dyn Dataset) -> Vec<Vec<u32>> {
    let mut members = vec![Vec::new(); dataset.classes().len()];
    (0..dataset.len()).for_each(|index| members[dataset.label(index) as usize].push(index as u32));
    members.retain(|members| !members.is_empty());
    members
}

fn oversampled(members: Vec<Vec<u32>>, to: f64) -> Result<Kind, DataError> {
    if !(0.0..=1.0).contains(&to) {
        return Err(DataError::invalid(
            "sampler",
            format!("oversample to {to}: a part of the largest class, 0 to 1, is needed"),
        ));
    }
    let largest = members.iter().map(Vec::len).max().unwrap_or(0);
    let least = (largest as f64 * to).ceil() as usize;
    let counts = members.iter().map(|members| members.len().max(least)).collect();
    Ok(Kind::ByClass { members, counts: Counts::Each(counts) })
}

fn sums(dataset: &dyn Dataset) -> Result<Vec<f64>, DataError> {
    let mut sum = 0.0;
    let mut sums = Vec::with_capacity(dataset.len());
    for index in 0..dataset.len() {
        let weight = f64::from(dataset.weight(index));
        if !(weight >= 0.0 && weight.is_finite()) {
            return Err(DataError::about(
                ErrorKind::Invalid,
                dataset.name(index),
                format!("has weight {weight}: at least 0 is needed"),
            ));
        }
        sum += weight;
        sums.push(sum);
    }
    if sum > 0.0 {
        return Ok(sums);
    }
    Err(DataError::invalid("sampler", "no sample has a weight above 0, so none can be drawn by weight"))
}

/// `count` of the members: all of them as often as that goes, and a drawn part once more.
fn cycled(members: &[u32], count: usize, stream: &mut Stream) -> Vec<u32> {
    let mut drawn = members.repeat(count / members.len());
    let mut rest = members.to_vec();
    shuffle(&mut rest, stream);
    drawn.extend(&rest[..count % members.len()]);
    drawn
}

fn weighted(sums: &[f64], stream: &mut Stream) -> u32 {
    let total = sums[sums.len() - 1];
    // 53 bits in 0..1.
    let at = (stream.next_u64() >> 11) as f64 / (1_u64 << 53) as f64 * total;
    // Rounding may reach the total itself: the last sample that has a weight is meant.
    let place = sums.partition_point(|&sum| sum <= at);
    let last = sums.partition_point(|&sum| sum < total);
    place.min(last) as u32
}

/// The samples, each with how often it came before.
fn numbered(samples: &[u32], len: usize) -> Vec<Draw> {
    let mut before = vec![0_u32; len];
    let draw = |&sample: &u32| {
        let before = &mut before[sample as usize];
        let draw = u64::from(sample) | u64::from(*before) << 32;
        *before += 1;
        draw
    };
    samples.iter().map(draw).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataset::MemoryDataset;

    fn dataset(labels: &[u32]) -> MemoryDataset {
        let classes = (0..5).map(|class| class.to_string()).collect();
        MemoryDataset::new("made", classes, labels.to_vec(), (1, 1, 1), vec![0; labels.len()]).unwrap()
    }

    fn new(dataset: &dyn Dataset, sampler: Sampler, shuffle: bool) -> Result<Sampling, DataError> {
        Sampling::new(dataset, &LoaderOptions { sampler, shuffle, ..LoaderOptions::default() })
    }

    /// The indices of an epoch, and that no draw comes twice.
    fn indices(sampling: &Sampling, seed: u64, epoch: u64) -> Vec<usize> {
        let draws = sampling.epoch(seed, epoch);
        assert_eq!(draws.len(), sampling.len());
        let mut distinct = draws.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), draws.len(), "every draw has random numbers of its own");
        draws.into_iter().map(index).collect()
    }

    proptest! {
        #[test]
        fn every_class_gets_what_it_should(
            labels in prop::collection::vec(0u32..5, 1..120), seed: u64, epoch in 0u64..3, to in 0.0f64..=1.0,
        ) {
            let dataset = dataset(&labels);
            let labels = labels.as_slice();
            let of = |drawn: &[usize], class: u32| drawn.iter().filter(|&&i| labels[i] == class).count();
            let times = |drawn: &[usize], index: usize| drawn.iter().filter(|&&i| i == index).count();
            let present: Vec<u32> = (0..5).filter(|class| labels.contains(class)).collect();
            let members = |class: u32| (0..labels.len()).filter(move |&i| labels[i] == class);

            let balanced = new(&dataset, Sampler::Balanced, true).unwrap();
            let drawn = indices(&balanced, seed, epoch);
            prop_assert_eq!(&drawn, &indices(&balanced, seed, epoch));
            prop_assert_eq!(drawn.len(), labels.len());
            for &class in &present {
                let fair = labels.len() / present.len();
                prop_assert!((fair..=fair + 1).contains(&of(&drawn, class)));
                let counts: Vec<usize> = members(class).map(|i| times(&drawn, i)).collect();
                let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                prop_assert!(most - least <= 1);
            }

            let sampler = Sampler::Oversample(Oversample { to });
            let drawn = indices(&new(&dataset, sampler, true).unwrap(), seed, epoch);
            let largest = present.iter().map(|&class| members(class).count()).max().unwrap();
            for &class in &present {
                let wanted = members(class).count().max((largest as f64 * to).ceil() as usize);
                prop_assert_eq!(of(&drawn, class), wanted);
                prop_assert!(members(class).all(|i| times(&drawn, i) >= 1));
            }
        }
    }

    proptest! {
        #[test]
        fn stretches_are_read_one_after_the_other(
            lengths in prop::collection::vec((1usize..20, 1u64..9), 1..30), bytes in 1u64..40, seed: u64,
        ) {
            let mut end = 0;
            let stretch = |&(len, bytes): &(usize, u64)| {
                end += len;
                Stretch { samples: end - len..end, bytes }
            };
            let stretches: Vec<Stretch> = lengths.iter().map(stretch).collect();
            let stream = |part| Stream::new(seed, 1, 2, part);
            let drawn = stretched(&stretches, bytes, stream);
            prop_assert_eq!(&drawn, &stretched(&stretches, bytes, stream));
            let mut sorted = drawn.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..end as u32).collect::<Vec<_>>());
            // From its first sample to its last, no more of other stretches is read than the buffer holds.
            for stretch in &stretches {
                let is_in = |sample: &u32| stretch.samples.contains(&(*sample as usize));
                let first = drawn.iter().position(is_in).unwrap();
                let last = drawn.iter().rposition(is_in).unwrap();
                let others = stretches.iter().filter(|other| *other != stretch);
                let between = |other: &&Stretch| drawn[first..last].iter().any(|&s| other.samples.contains(&(s as usize)));
                // All that are shuffled together, but for the one that filled the buffer.
                let read: u64 = others.filter(between).map(|other| other.bytes).sum();
                prop_assert!(read < bytes + 9 + 9, "{read} of {bytes}");
            }
        }
    }

    #[test]
    fn seed_and_epoch_name_the_order() {
        let labels: Vec<u32> = (0..1000).map(|i| i % 5).collect();
        let dataset = dataset(&labels);
        for sampler in [Sampler::Uniform, Sampler::Balanced, Sampler::Weighted] {
            let sampling = new(&dataset, sampler, true).unwrap();
            let one = indices(&sampling, 1, 0);
            assert_eq!(one, indices(&sampling, 1, 0));
            assert_ne!(one, indices(&sampling, 1, 1));
            assert_ne!(one, indices(&sampling, 2, 0));
        }
        let mut sorted = indices(&new(&dataset, Sampler::Uniform, true).unwrap(), 7, 7);
        sorted.sort_unstable();
        assert_eq!(sorted, indices(&new(&dataset, Sampler::Uniform, false).unwrap(), 0, 0));
    }

    /// Samples whose weight is their index modulo 4.
    struct Weighted(MemoryDataset);

    impl Dataset for Weighted {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn classes(&self) -> &[String] {
            self.0.classes()
        }
        fn label(&self, index: usize) -> u32 {
            self.0.label(index)
        }
        fn weight(&self, index: usize) -> f32 {
            (index % 4) as f32
        }
        fn name(&self, index: usize) -> std::borrow::Cow<'_, str> {
            self.0.name(index)
        }
        fn load(&self, index: usize) -> Result<crate::Image, DataError> {
            self.0.load(index)
        }
        fn extent(&self) -> crate::Extent {
            self.0.extent()
        }
    }

    #[test]
    fn weights_are_how_often_samples_come() {
        let sampling = new(&Weighted(dataset(&[0; 4000])), Sampler::Weighted, true).unwrap();
        let mut counts = [0.0f64; 4];
        (0..10).for_each(|epoch| indices(&sampling, 3, epoch).iter().for_each(|i| counts[i % 4] += 1.0));
        assert_eq!(counts[0], 0.0);
        for (weight, count) in counts.iter().enumerate().skip(1) {
            let share = weight as f64 / 6.0;
            // Five standard errors of 40,000 draws.
            let error = 5.0 * (share * (1.0 - share) * 40_000.0).sqrt();
            assert!((count - share * 40_000.0).abs() < error, "{counts:?}");
        }
    }

    #[test]
    fn what_cannot_be_sampled_is_refused() {
        let dataset = dataset(&[0, 1]);
        let said = |sampler, shuffled| new(&dataset, sampler, shuffled).err().unwrap().to_string();
        assert!(said(Sampler::Balanced, false).contains("shuffle is off"));
        assert!(said(Sampler::Oversample(Oversample { to: 1.5 }), true).contains("0 to 1"));
        let light = new(&Weighted(self::dataset(&[0])), Sampler::Weighted, true);
        assert!(light.err().unwrap().to_string().contains("no sample has a weight above 0"));
    }
}
