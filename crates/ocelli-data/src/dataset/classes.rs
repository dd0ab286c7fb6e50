//! Which classes there are: the same in every split, or an error that says which one lacks which.

use std::collections::BTreeSet;

use crate::{DataError, ErrorKind};

/// The classes of one split.
pub(super) struct ClassSet<'a> {
    /// What the split is called in errors: its folder, or its name.
    pub(super) name: String,
    /// Classes that have a usable sample.
    pub(super) used: BTreeSet<&'a str>,
    /// Classes that are named, but have no usable sample.
    pub(super) empty: BTreeSet<&'a str>,
}

impl<'a> ClassSet<'a> {
    /// The classes that these labels are of.
    pub(super) fn of(name: String, labels: impl IntoIterator<Item = u32>, classes: &'a [String]) -> Self {
        let used: BTreeSet<u32> = labels.into_iter().collect();
        let used = used.into_iter().map(|label| classes[label as usize].as_str()).collect();
        Self { name, used, empty: BTreeSet::new() }
    }
}

/// A label's place among the classes: by name, or by number.
pub(super) fn place(classes: &[String], label: &str) -> Option<u32> {
    let named = classes.iter().position(|class| class == label);
    let counted = || label.parse::<usize>().ok().filter(|&place| place < classes.len());
    named.or_else(counted).map(|place| place as u32)
}

/// Compares every split's classes with the first one's.
///
/// A class that is named and empty in one split may be missing in the other.
pub(super) fn mismatches(sets: &[ClassSet<'_>]) -> Vec<DataError> {
    let Some((first, others)) = sets.split_first() else {
        return Vec::new();
    };
    others.iter().filter_map(|other| mismatch(first, other)).collect()
}

fn mismatch(first: &ClassSet<'_>, other: &ClassSet<'_>) -> Option<DataError> {
    let lacking = |has: &ClassSet<'_>, lacks: &ClassSet<'_>| {
        let unknown = |name: &&&str| !lacks.used.contains(**name) && !lacks.empty.contains(**name);
        let names: Vec<String> = has.used.iter().filter(unknown).map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let (missing, extra) = (lacking(first, other), lacking(other, first));
    let mut reasons = Vec::new();
    if !missing.is_empty() {
        reasons.push(format!("has no {missing}, which {} has", first.name));
    }
    if !extra.is_empty() {
        reasons.push(format!("has {extra}, which {} has not", first.name));
    }
    let reason = format!("{}: every split needs the same classes", reasons.join("; "));
    (!reasons.is_empty()).then(|| DataError::at(ErrorKind::ClassMismatch, &other.name, reason))
}

/// Brings class names into their order: whole numbers by value, all else by letters.
pub(super) fn in_order(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    let numbers: Option<Vec<u64>> = names.iter().map(|name| name.parse().ok()).collect();
    match numbers {
        Some(_) => names.sort_by_key(|name| (name.parse::<u64>().unwrap_or(u64::MAX), name.clone())),
        None => names.sort(),
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set<'a>(name: &str, used: &[&'a str], empty: &[&'a str]) -> ClassSet<'a> {
        let of = |names: &[&'a str]| names.iter().copied().collect();
        ClassSet { name: name.to_owned(), used: of(used), empty: of(empty) }
    }

    #[test]
    fn what_one_split_lacks_is_named() {
        let train = || set("train", &["cat", "dog"], &["emu"]);
        assert!(mismatches(&[train(), set("val", &["cat", "dog"], &[])]).is_empty());
        assert!(mismatches(&[train(), set("val", &["cat"], &["dog"])]).is_empty());
        assert!(mismatches(&[train(), set("val", &["cat", "dog", "emu"], &[])]).is_empty());
        let told = mismatches(&[train(), set("val", &["cat", "dgo"], &[]), set("test", &["cat"], &[])]);
        let told: Vec<String> = told.iter().map(DataError::to_string).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("val: has no `dog`, which train has; has `dgo`, which train has not"));
        assert!(told[1].starts_with("test: has no `dog`"));
    }

    #[test]
    fn numbers_are_ordered_by_value() {
        let order = |names: &[&str]| in_order(names.iter().map(|n| (*n).to_owned()));
        assert_eq!(order(&["10", "9", "0"]), ["0", "9", "10"]);
        assert_eq!(order(&["b10", "b9", "a"]), ["a", "b10", "b9"]);
        assert_eq!(order(&["10", "9", "x"]), ["10", "9", "x"]);
    }
}
