//! Which images are the same, or nearly.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::inspect::Inspected;
use super::perceptual::{Hash, Index, Thumbnail};
use super::{CheckOptions, Progress, Samples};
use crate::dataset::{class_names, in_parts};

/// Candidates that are compared with one image, at most.
const CANDIDATES: usize = 64;

/// Pictures that are the same, or nearly.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Group {
    /// The images, in the dataset's order: two or more.
    pub images: Vec<Member>,
    /// Whether they lie in several splits.
    pub across_splits: bool,
    /// Whether they have several labels.
    pub labels_differ: bool,
}

/// One image of a [`Group`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Member {
    /// Its split.
    pub split: &'static str,
    /// Its place in the split.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: String,
}

/// Groups of sample numbers, each ascending, in the order of their first.
pub(super) struct Duplicates {
    /// Every pixel is the same.
    pub(super) exact: Vec<Vec<u32>>,
    /// At least two pictures differ.
    pub(super) near: Vec<Vec<u32>>,
}

impl Duplicates {
    pub(super) fn find(
        samples: &Samples,
        inspected: &Inspected,
        options: &CheckOptions,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Self {
        let mut by_digest: HashMap<u128, Vec<u32>> = HashMap::new();
        for (number, facts) in inspected.facts.iter().enumerate() {
            if let Some(facts) = facts {
                by_digest.entry(facts.digest).or_default().push(number as u32);
            }
        }
        let mut exact: Vec<Vec<u32>> = by_digest.into_values().collect();
        exact.sort_unstable();
        // Of identical pictures the first stands for all.
        let hash = |same: &Vec<u32>| Some((inspected.facts[same[0] as usize]?.hash?, same[0]));
        let hashes: Vec<(Hash, u32)> = exact.iter().filter_map(hash).collect();
        let pairs = near_pairs(samples, &hashes, options, progress);
        let mut sets = Sets::new(inspected.facts.len());
        pairs.iter().for_each(|&(one, other)| sets.join(one, other));
        let mut near: HashMap<u32, Vec<u32>> = HashMap::new();
        for same in &exact {
            near.entry(sets.find(same[0])).or_default().extend(same);
        }
        let mut sizes: HashMap<u32, usize> = HashMap::new();
        exact.iter().for_each(|same| *sizes.entry(sets.find(same[0])).or_default() += 1);
        near.retain(|first, _| sizes[first] > 1);
        let mut near: Vec<Vec<u32>> = near.into_values().collect();
        near.iter_mut().for_each(|group| group.sort_unstable());
        near.sort_unstable();
        exact.retain(|same| same.len() > 1);
        Self { exact, near }
    }

    /// For each of `count` samples the lowest number among the samples that it is the same as, or nearly.
    pub(super) fn together(&self, count: usize) -> Vec<u32> {
        let mut group: Vec<u32> = (0..count as u32).collect();
        // Near groups have all that is identical to their members: they come last.
        for same in self.exact.iter().chain(&self.near) {
            same.iter().for_each(|&number| group[number as usize] = same[0]);
        }
        group
    }
}

/// A group as it is told.
pub(super) fn group(samples: &Samples, numbers: &[u32]) -> Group {
    let member = |&number: &u32| {
        let (split, index) = samples.place(number as usize);
        let split = &samples.splits[split];
        let class = class_names(&*split.images, index);
        Member { split: split.name, index, name: split.images.name(index).into_owned(), class }
    };
    let images: Vec<Member> = numbers.iter().map(member).collect();
    let differ = |by: fn(&Member) -> &str| images.windows(2).any(|pair| by(&pair[0]) != by(&pair[1]));
    let (across_splits, labels_differ) = (differ(|member| member.split), differ(|member| &member.class));
    Group { images, across_splits, labels_differ }
}

/// Pairs of samples whose hashes are near each other and whose thumbnails are alike.
fn near_pairs(
    samples: &Samples,
    hashes: &[(Hash, u32)],
    options: &CheckOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Vec<(u32, u32)> {
    let threads = crate::threads(options.threads);
    let index = Index::new(hashes);
    let done = AtomicU64::new(0);
    let places: Vec<usize> = (0..hashes.len()).collect();
    let candidates: Vec<(u32, u32)> = in_parts(&places, threads, |&place| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        progress(Progress { step: "comparing", done, total: hashes.len() as u64 });
        let near = index.later_near(place, CANDIDATES);
        near.into_iter().map(|other| (hashes[place].1, other)).collect::<Vec<_>>()
    })
    .into_iter()
    .flatten()
    .collect();
    let thumbnails = thumbnails(samples, &candidates, threads, progress);
    let alike = |&(one, other): &(u32, u32)| match (&thumbnails[&one], &thumbnails[&other]) {
        (Some(one), Some(other)) => one.likeness(other) >= options.similarity,
        _ => false,
    };
    candidates.into_iter().filter(alike).collect()
}

/// The thumbnails of all samples that are to be compared, loaded once more.
fn thumbnails(
    samples: &Samples,
    pairs: &[(u32, u32)],
    threads: usize,
    progress: &(dyn Fn(Progress) + Sync),
) -> HashMap<u32, Option<Thumbnail>> {
    let mut numbers: Vec<u32> = pairs.iter().flat_map(|&(one, other)| [one, other]).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let done = AtomicU64::new(0);
    let total = numbers.len() as u64;
    let made = in_parts(&numbers, threads, |&number| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        progress(Progress { step: "comparing what looks alike", done, total });
        let (split, index) = samples.place(number as usize);
        let images = &samples.splits[split].images;
        match images.view(index) {
            Some(view) => Some(Thumbnail::of(view)),
            None => images.load(index).ok().map(|image| Thumbnail::of(image.view())),
        }
    });
    numbers.into_iter().zip(made).collect()
}

/// Disjoint sets of numbers, each known by its lowest.
struct Sets(Vec<u32>);

impl Sets {
    fn new(count: usize) -> Self {
        Self((0..count as u32).collect())
    }

    fn find(&mut self, mut number: u32) -> u32 {
        while self.0[number as usize] != number {
            let above = self.0[self.0[number as usize] as usize];
            self.0[number as usize] = above;
            number = above;
        }
        number
    }

    fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.find(one), self.find(other));
        self.0[one.max(other) as usize] = one.min(other);
    }
}
