//! What a colleague would say of a dataset, by how much it matters.

use serde::Serialize;

use super::duplicates::Group;
use super::inspect::Inspected;
use super::{Report, Samples, Sizes};
use crate::{ErrorKind, Problem};

/// How much a finding matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Results would be wrong, or images lost: mend it before training.
    Serious,
    /// It may cost accuracy.
    Warning,
    /// Good to know.
    Note,
}

/// What a finding is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// Files that cannot be read or decoded.
    Unusable,
    /// Images that have no label.
    Unlabelled,
    /// Splits whose classes differ.
    ClassMismatch,
    /// Classes without an image.
    EmptyClass,
    /// Fewer than two classes.
    TooFewClasses,
    /// One picture under several labels.
    LabelsDiffer,
    /// Pictures that are in several splits.
    Leakage,
    /// Pictures that nearly are.
    NearLeakage,
    /// Pictures that are there twice within a split.
    Duplicates,
    /// Pictures that nearly are.
    NearDuplicates,
    /// Classes of very different sizes.
    Imbalance,
    /// Classes of a few images.
    SmallClasses,
    /// Images far from the usual size or proportions.
    OddSizes,
    /// Grey images among coloured ones.
    MixedChannels,
    /// Images that are kept lying or mirrored.
    Orientation,
}

/// Something that was found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub kind: Kind,
    /// What was found.
    pub text: String,
    /// What to do about it; empty if there is nothing to do.
    pub advice: String,
    /// Some of the images, classes or splits that it is about.
    pub examples: Vec<String>,
}

/// Examples that a finding names, at most.
const EXAMPLES: usize = 10;
/// From this ratio on, classes are imbalanced.
const IMBALANCE: u64 = 10;
/// Fewer images than this do not teach a class.
const FEW: u64 = 10;
/// An image is odd whose sides, or their ratio, are this many times the median or less than its inverse.
const ODD: f64 = 4.0;
/// The share of a held-out split's images that may look nearly like others', above which that is serious: things of one kind
/// before one background look alike without being copies (2.7% of the test images in the sample of Fashion-MNIST).
const LEAKAGE: f64 = 0.05;

/// The findings of a report that has everything else.
pub(super) fn findings(report: &Report, samples: &Samples, inspected: &Inspected) -> Vec<Finding> {
    let mut found = Vec::new();
    of_problems(report, &mut found);
    of_duplicates(report, &mut found);
    of_classes(report, &mut found);
    of_images(report, samples, inspected, &mut found);
    found.sort_by_key(|finding| finding.severity);
    found
}

fn finding(severity: Severity, kind: Kind, text: String, advice: &str) -> Finding {
    Finding { severity, kind, text, advice: advice.to_owned(), examples: Vec::new() }
}

impl Finding {
    fn with(mut self, examples: impl IntoIterator<Item = String>) -> Self {
        self.examples = examples.into_iter().take(EXAMPLES).collect();
        self
    }
}

/// "1 image", "2 images".
fn images(count: usize) -> String {
    if count == 1 { "1 image".to_owned() } else { format!("{count} images") }
}

fn of_problems(report: &Report, found: &mut Vec<Finding>) {
    let mut add = |severity, kind, told: &[&Problem], text: String, advice| {
        if !told.is_empty() {
            found.push(finding(severity, kind, text, advice).with(told.iter().map(ToString::to_string)));
        }
    };
    let of = |kinds: &[ErrorKind]| -> Vec<&Problem> {
        report.problems.iter().filter(|problem| kinds.contains(&problem.kind())).collect()
    };
    let not_of_files = [ErrorKind::EmptyClass, ErrorKind::Unlabelled, ErrorKind::ClassMismatch];
    let unusable: Vec<&Problem> =
        report.problems.iter().filter(|problem| !not_of_files.contains(&problem.kind())).collect();
    let text = format!(
        "{} cannot be used",
        if unusable.len() == 1 { "1 file".into() } else { format!("{} files", unusable.len()) }
    );
    add(
        Severity::Serious,
        Kind::Unusable,
        &unusable,
        text,
        "replace or remove them; training leaves them out",
    );
    let mismatch = of(&[ErrorKind::ClassMismatch]);
    let text = "splits do not have the same classes".to_owned();
    add(
        Severity::Serious,
        Kind::ClassMismatch,
        &mismatch,
        text,
        "rename or add what is missing; training refuses such data",
    );
    let empty = of(&[ErrorKind::EmptyClass]);
    let text = "classes without a usable image".to_owned();
    add(Severity::Warning, Kind::EmptyClass, &empty, text, "fill or remove them");
    let unlabelled = of(&[ErrorKind::Unlabelled]);
    let text = format!("{} beside the class folders, without a label", images(unlabelled.len()));
    add(Severity::Warning, Kind::Unlabelled, &unlabelled, text, "move them into the folder of their class");
}

fn of_duplicates(report: &Report, found: &mut Vec<Finding>) {
    let mut add = |severity, kind, groups: &[&Group], text: String, advice| {
        if !groups.is_empty() {
            found.push(finding(severity, kind, text, advice).with(groups.iter().map(|group| names(group))));
        }
    };
    let exact: Vec<&Group> = report.exact_duplicates.iter().collect();
    let near: Vec<&Group> = report.near_duplicates.iter().collect();
    let of = |groups: &[&'_ Group], which: fn(&Group) -> bool| -> Vec<Group> {
        groups.iter().filter(|group| which(group)).map(|group| (*group).clone()).collect()
    };
    let conflicts = of(&exact, |group| group.labels_differ);
    let text = format!("{} under several labels: one of them is wrong", pictures(conflicts.len()));
    add(
        Severity::Serious,
        Kind::LabelsDiffer,
        &conflicts.iter().collect::<Vec<_>>(),
        text,
        "keep each with its right label",
    );
    let leaks = of(&exact, |group| group.across_splits);
    let text = format!("{} in several splits: what is measured there was trained on", pictures(leaks.len()));
    let regroup =
        "remove them from all but one split, or divide anew with `ocelli data split --group near-duplicates`";
    add(Severity::Serious, Kind::Leakage, &leaks.iter().collect::<Vec<_>>(), text, regroup);
    let leaks = of(&near, |group| group.across_splits);
    let share = leaked_share(report, &leaks);
    let severity = if share > LEAKAGE { Severity::Serious } else { Severity::Warning };
    let text = format!(
        "{} nearly the same in several splits ({:.1}% of the held-out images)",
        pictures(leaks.len()),
        100.0 * share
    );
    add(severity, Kind::NearLeakage, &leaks.iter().collect::<Vec<_>>(), text, regroup);
    let advice = if report.splits.len() < 2 {
        "where they fall into different splits, what is measured was trained on: divide with `ocelli data split --group near-duplicates`"
    } else {
        "they count twice in training; keep one of each unless that is meant"
    };
    let within = of(&exact, |group| !group.across_splits);
    let text = format!("{} more than once in a split", pictures(within.len()));
    add(Severity::Warning, Kind::Duplicates, &within.iter().collect::<Vec<_>>(), text, advice);
    let within = of(&near, |group| !group.across_splits);
    let text = format!("{} nearly the same within a split", pictures(within.len()));
    add(Severity::Warning, Kind::NearDuplicates, &within.iter().collect::<Vec<_>>(), text, advice);
}

fn pictures(count: usize) -> String {
    if count == 1 { "1 picture is".to_owned() } else { format!("{count} pictures are") }
}

fn names(group: &Group) -> String {
    let name = |member: &super::Member| format!("{} ({}, {})", member.name, member.split, member.class);
    group.images.iter().take(4).map(name).collect::<Vec<_>>().join(" = ")
}

/// The largest share of a held-out split's images that are in groups with images of other splits.
fn leaked_share(report: &Report, groups: &[Group]) -> f64 {
    let held_out = report.splits.iter().filter(|split| split.name != "train");
    let share = |split: &super::SplitReport| {
        let members = groups.iter().flat_map(|group| &group.images);
        members.filter(|member| member.split == split.name).count() as f64 / split.images.max(1) as f64
    };
    held_out.map(share).fold(0.0, f64::max)
}

fn of_classes(report: &Report, found: &mut Vec<Finding>) {
    if report.classes.len() < 2 {
        let text = format!(
            "has {}: two are needed to tell them apart",
            if report.classes.is_empty() { "no class" } else { "one class" }
        );
        found.push(finding(
            Severity::Serious,
            Kind::TooFewClasses,
            text,
            "put the images of each class in a folder of its own",
        ));
    }
    let Some(train) = report.splits.iter().find(|split| split.name == "train") else {
        return;
    };
    let counted = || report.classes.iter().zip(&train.classes.0).filter(|(_, count)| **count > 0);
    let largest = counted().max_by_key(|(_, count)| **count);
    let smallest = counted().min_by_key(|(_, count)| **count);
    if let (Some((large, most)), Some((small, least))) = (largest, smallest)
        && most / least >= IMBALANCE
    {
        let text = format!(
            "class `{large}` has {most} training images, `{small}` has {least}: {} times as many",
            most / least
        );
        let advice = "balance them: --set data.sampler=balanced, or --set train.class_weights=balanced";
        found.push(finding(Severity::Warning, Kind::Imbalance, text, advice));
    }
    let few: Vec<String> = counted()
        .filter(|(_, count)| **count < FEW)
        .map(|(name, count)| format!("{name}: {count}"))
        .collect();
    if !few.is_empty() {
        let text = format!(
            "{} with fewer than {FEW} training images",
            if few.len() == 1 { "1 class".into() } else { format!("{} classes", few.len()) }
        );
        found.push(
            finding(
                Severity::Warning,
                Kind::SmallClasses,
                text,
                "collect more, or begin with pretrained weights",
            )
            .with(few),
        );
    }
}

fn of_images(report: &Report, samples: &Samples, inspected: &Inspected, found: &mut Vec<Finding>) {
    let numbered =
        || inspected.facts.iter().enumerate().filter_map(|(number, facts)| Some((number, (*facts)?)));
    let name = |number: usize| {
        let (split, index) = samples.place(number);
        samples.splits[split].images.name(index).into_owned()
    };
    let odd: Vec<(usize, (u32, u32))> = numbered()
        .filter(|(_, facts)| is_odd(facts.size, &report.sizes))
        .map(|(number, facts)| (number, facts.size))
        .collect();
    if !odd.is_empty() {
        let text = format!(
            "{} far from the usual {}×{} in size or proportions",
            images(odd.len()),
            report.sizes.width[1],
            report.sizes.height[1]
        );
        let told = odd.iter().take(EXAMPLES).map(|&(number, (h, w))| format!("{}: {w}×{h}", name(number)));
        found.push(
            finding(Severity::Warning, Kind::OddSizes, text, "see whether they are what they should be")
                .with(told),
        );
    }
    let grey = report.channels.get("grey").copied().unwrap_or(0);
    let colour = report.channels.get("colour").copied().unwrap_or(0);
    if grey > 0 && colour > 0 {
        let text = format!("{grey} grey images among {colour} with colours");
        let fewer = if grey < colour { crate::Channels::Grey } else { crate::Channels::Rgb };
        let told = numbered()
            .filter(|(_, facts)| facts.channels == fewer)
            .take(EXAMPLES)
            .map(|(number, _)| name(number));
        found.push(finding(Severity::Note, Kind::MixedChannels, text, "they are made RGB").with(told));
    }
    let turned: u64 = report
        .orientations
        .iter()
        .filter(|(orientation, _)| **orientation != 1)
        .map(|(_, count)| count)
        .sum();
    if turned > 0 {
        let text = format!("{} kept lying or mirrored (EXIF orientation)", images(turned as usize));
        let told = numbered().filter(|(_, facts)| facts.orientation != 1).take(EXAMPLES);
        let told = told.map(|(number, facts)| format!("{}: {}", name(number), facts.orientation));
        let advice = "they are turned upright here; other programs may not";
        found.push(finding(Severity::Note, Kind::Orientation, text, advice).with(told));
    }
}

fn is_odd((height, width): (u32, u32), usual: &Sizes) -> bool {
    let far = |value: f64, usual: f64| value > usual * ODD || value * ODD < usual;
    let proportion = f64::from(width) / f64::from(height);
    far(f64::from(height), f64::from(usual.height[1]))
        || far(f64::from(width), f64::from(usual.width[1]))
        || far(proportion, usual.proportion[1])
}
