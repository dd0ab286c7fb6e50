//! One tree of images becomes training, validation and test splits.

use std::collections::BTreeMap;

use ocelli_kernels::random::{Stream, hash};

use super::Dataset;
use crate::DataError;

/// The parts of a dataset that go to validation and to test; the rest trains.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fractions {
    /// The part that validates.
    pub validation: f64,
    /// The part that tests.
    pub test: f64,
}

impl Fractions {
    /// # Errors
    /// If a fraction is not in 0..1, or nothing is left to train on.
    fn check(self) -> Result<(), DataError> {
        let within = |f: f64| (0.0..1.0).contains(&f);
        if within(self.validation) && within(self.test) && self.validation + self.test < 1.0 {
            return Ok(());
        }
        Err(DataError::invalid(
            "split",
            format!(
                "validation {} and test {} must each be at least 0 and together below 1",
                self.validation, self.test
            ),
        ))
    }
}

/// The indices of a split, each ascending.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Indices {
    /// Samples to train on.
    pub train: Vec<usize>,
    /// Samples to validate on.
    pub validation: Vec<usize>,
    /// Samples to test on.
    pub test: Vec<usize>,
}

/// What samples are to be divided by: their labels; of multi-label data the label of each that is the rarest among all samples, so
/// that rare classes are in every part, and one number past the classes for samples without any.
pub fn strata(dataset: &dyn Dataset) -> Vec<u32> {
    if !dataset.is_multi_label() {
        return (0..dataset.len()).map(|index| dataset.label(index)).collect();
    }
    let none = dataset.classes().len() as u32;
    let mut counts = vec![0_u64; none as usize];
    for index in 0..dataset.len() {
        dataset.labels(index).iter().for_each(|label| counts[*label as usize] += 1);
    }
    let rarest = |index| dataset.labels(index).iter().copied().min_by_key(|label| counts[*label as usize]);
    (0..dataset.len()).map(|index| rarest(index).unwrap_or(none)).collect()
}

/// Splits samples by class: every class gives the same fractions, rounded to whole samples.
///
/// Which samples go where depends on `seed`, the class and its sample count, nothing else. Every
/// class that has a sample keeps at least one to train on; a class that can spare one (two or
/// more samples) gives at least one to validation and, from three, one to test, where the fraction is above 0.
///
/// # Errors
/// If the fractions leave nothing to train on or are outside 0..1.
pub fn stratified(labels: &[u32], fractions: Fractions, seed: u64) -> Result<Indices, DataError> {
    fractions.check()?;
    let classes = labels.iter().max().map_or(0, |&label| label as usize + 1);
    let mut by_class = vec![Vec::new(); classes];
    for (index, &label) in labels.iter().enumerate() {
        by_class[label as usize].push(index);
    }
    let mut split = Indices::default();
    for (class, mut samples) in by_class.into_iter().enumerate() {
        let mut stream = Stream::new(seed, hash("ocelli.split"), class as u64, 0);
        shuffle(&mut samples, &mut stream);
        let (validation, test) = counts(samples.len(), fractions);
        split.validation.extend(&samples[..validation]);
        split.test.extend(&samples[validation..validation + test]);
        split.train.extend(&samples[validation + test..]);
    }
    for part in [&mut split.train, &mut split.validation, &mut split.test] {
        part.sort_unstable();
    }
    Ok(split)
}

/// Splits samples so that those of one group go to one part: pictures of one person, frames of one film, copies of one picture.
///
/// `groups` has a number for each sample. Large groups are placed first, each where its classes lack most, so that every class
/// gives about the same fractions, as far as its groups allow. Which groups go where depends on `seed`, the labels and the
/// groups, nothing else.
///
/// # Errors
/// If the fractions leave nothing to train on or are outside 0..1, or there is not one group for each label.
pub fn grouped(
    labels: &[u32],
    groups: &[u32],
    fractions: Fractions,
    seed: u64,
) -> Result<Indices, DataError> {
    fractions.check()?;
    if labels.len() != groups.len() {
        let reason = format!("{} groups for {} labels", groups.len(), labels.len());
        return Err(DataError::invalid("split", reason));
    }
    let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    groups.iter().enumerate().for_each(|(index, &group)| members.entry(group).or_default().push(index));
    let mut members: Vec<Vec<usize>> = members.into_values().collect();
    shuffle(&mut members, &mut Stream::new(seed, hash("ocelli.split.grouped"), 0, 0));
    members.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let mut lacks = Lacks::new(labels, fractions);
    let mut split = Indices::default();
    for group in members {
        let part = [&mut split.train, &mut split.validation, &mut split.test];
        let place = lacks.place(group.iter().map(|&index| labels[index]));
        part.into_iter().nth(place).expect("there are three parts").extend(group);
    }
    for part in [&mut split.train, &mut split.validation, &mut split.test] {
        part.sort_unstable();
    }
    Ok(split)
}

/// How many samples of each class training, validation and test still lack.
struct Lacks([Vec<f64>; 3]);

impl Lacks {
    fn new(labels: &[u32], fractions: Fractions) -> Self {
        let classes = labels.iter().max().map_or(0, |&label| label as usize + 1);
        let mut counts = vec![0.0; classes];
        labels.iter().for_each(|&label| counts[label as usize] += 1.0);
        let Fractions { validation, test } = fractions;
        Self(
            [1.0 - validation - test, validation, test].map(|part| counts.iter().map(|c| c * part).collect()),
        )
    }

    /// The part that lacks most of what a group has, which it then has; training first among equals.
    fn place(&mut self, labels: impl Iterator<Item = u32> + Clone) -> usize {
        let lack = |part: &Vec<f64>| labels.clone().map(|label| part[label as usize]).sum::<f64>();
        let lacks = self.0.each_ref().map(lack);
        let most = (0..3).fold(0, |most, part| if lacks[part] > lacks[most] { part } else { most });
        labels.for_each(|label| self.0[most][label as usize] -= 1.0);
        most
    }
}

/// How many of `samples` validate and test.
fn counts(samples: usize, fractions: Fractions) -> (usize, usize) {
    let share = |fraction: f64, least_from: usize| {
        let least = usize::from(fraction > 0.0 && samples >= least_from);
        ((samples as f64 * fraction).round() as usize).max(least)
    };
    let spare = samples.saturating_sub(1);
    let validation = share(fractions.validation, 2).min(spare);
    let test = share(fractions.test, 3).min(spare - validation);
    (validation, test)
}

/// Fisher–Yates.
pub(crate) fn shuffle<T>(items: &mut [T], stream: &mut Stream) {
    for last in (1..items.len()).rev() {
        items.swap(last, stream.below(last as u32 + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_sample_goes_to_one_part_and_classes_keep_their_share(
            labels in prop::collection::vec(0u32..5, 0..200),
            validation in 0.0f64..0.5,
            test in 0.0f64..0.49,
            seed: u64,
        ) {
            let fractions = Fractions { validation, test };
            let split = stratified(&labels, fractions, seed).unwrap();
            prop_assert_eq!(&split, &stratified(&labels, fractions, seed).unwrap());
            let mut all: Vec<usize> = [&split.train, &split.validation, &split.test]
                .into_iter().flatten().copied().collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
            for class in 0..5 {
                let of = |part: &[usize]| part.iter().filter(|&&i| labels[i] == class).count();
                let total = labels.iter().filter(|&&l| l == class).count();
                prop_assert_eq!(of(&split.train) > 0, total > 0);
                let wanted = total as f64 * validation;
                let got = of(&split.validation) as f64;
                prop_assert!((got - wanted).abs() <= 1.0, "{got} of {wanted}");
            }
        }
    }

    proptest! {
        #[test]
        fn groups_stay_together_and_classes_keep_their_share(
            samples in prop::collection::vec((0u32..4, 0u32..60), 0..400),
            validation in 0.0f64..0.4,
            test in 0.0f64..0.4,
            seed: u64,
        ) {
            let (labels, groups): (Vec<u32>, Vec<u32>) = samples.into_iter().unzip();
            let fractions = Fractions { validation, test };
            let split = grouped(&labels, &groups, fractions, seed).unwrap();
            prop_assert_eq!(&split, &grouped(&labels, &groups, fractions, seed).unwrap());
            let parts = [&split.train, &split.validation, &split.test];
            let mut all: Vec<usize> = parts.into_iter().flatten().copied().collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
            for group in 0..60 {
                let has = |part: &&Vec<usize>| part.iter().any(|&i| groups[i] == group);
                prop_assert!(parts.iter().filter(|part| has(part)).count() <= 1);
            }
            // Alone in its group, every sample can go where it is lacked.
            let alone: Vec<u32> = (0..labels.len() as u32).collect();
            let split = grouped(&labels, &alone, fractions, seed).unwrap();
            for class in 0..4 {
                let total = labels.iter().filter(|&&l| l == class).count() as f64;
                let got = split.validation.iter().filter(|&&i| labels[i] == class).count() as f64;
                prop_assert!((got - total * validation).abs() <= 1.0, "{got} of {total}");
            }
        }
    }

    #[test]
    fn small_classes_give_one_to_each_part() {
        let fractions = Fractions { validation: 0.1, test: 0.1 };
        let split = stratified(&[0, 0, 0], fractions, 1).unwrap();
        assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (1, 1, 1));
        let one = stratified(&[0], fractions, 1).unwrap();
        assert_eq!(one.train, [0]);
    }

    #[test]
    fn the_seed_decides_the_split() {
        let labels = vec![0; 100];
        let fractions = Fractions { validation: 0.2, test: 0.0 };
        let one = stratified(&labels, fractions, 1).unwrap();
        let two = stratified(&labels, fractions, 2).unwrap();
        assert_eq!(one.validation.len(), 20);
        assert_ne!(one, two);
    }

    #[test]
    fn fractions_that_leave_nothing_are_refused() {
        for (validation, test) in [(0.5, 0.5), (-0.1, 0.0), (0.0, 1.0), (f64::NAN, 0.0)] {
            assert!(stratified(&[0], Fractions { validation, test }, 0).is_err());
        }
    }
}
