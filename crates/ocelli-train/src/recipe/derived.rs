//! Settings that were worked out from others when a run began, and what they come from.

use super::{Recipe, RecipeError};
use toml::{Table, Value};

/// The key under which a resolved recipe lists the settings that were worked out.
pub(super) const KEY: &str = "derived";

/// What can be worked out, and the settings that it comes from, each with all below it.
const SOURCES: [(&str, &[&str]); 5] = [
    ("train.lr", &["train.optimizer"]),
    ("transforms.channels", &["data"]),
    ("transforms.size", &["data", "model.network", "transforms.train", "transforms.eval"]),
    ("transforms.train", &["seed", "data", "model.network", "transforms"]),
    ("transforms.eval", &["seed", "data", "model.network", "transforms"]),
];

/// Leaves what is derived in `base` open again where `over`, a layer that is about to be laid over it, changes what it
/// comes from: a change would otherwise have no effect. What the layer sets itself is derived no longer.
pub(super) fn reopen(base: &mut Table, over: &Table) {
    // A resolved recipe says itself what is derived in it.
    if over.contains_key(KEY) {
        return;
    }
    let Some(Value::Array(derived)) = base.get(KEY) else { return };
    let derived: Vec<String> = derived.iter().filter_map(Value::as_str).map(str::to_string).collect();
    let mut kept = Vec::new();
    for key in derived {
        let sources = SOURCES.iter().find(|(name, _)| *name == key).map_or(&[][..], |(_, sources)| sources);
        if sets(over, &key) {
            continue;
        }
        if sources.iter().any(|source| sets(over, source)) {
            remove(base, &key);
        } else {
            kept.push(Value::String(key));
        }
    }
    base.insert(KEY.into(), Value::Array(kept));
}

/// The settings that are worked out in a run of `recipe`: those that it leaves open, and those that an earlier run of it
/// worked out.
pub(crate) fn derived(recipe: &Recipe) -> Vec<String> {
    let transforms = &recipe.transforms;
    let given = [
        recipe.train.lr.is_some(),
        transforms.channels.is_some(),
        transforms.size.is_some(),
        transforms.train.is_some(),
        transforms.eval.is_some(),
    ];
    let names = SOURCES.iter().map(|(name, _)| name.to_string()).zip(given);
    names.filter(|(name, given)| !given || recipe.derived.contains(name)).map(|(name, _)| name).collect()
}

/// # Errors
/// A name that is none of a setting that can be worked out.
pub(super) fn check(derived: &[String]) -> Result<(), RecipeError> {
    let names: Vec<&str> = SOURCES.iter().map(|(name, _)| *name).collect();
    match derived.iter().find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(RecipeError::OutOfRange {
            key: KEY.into(),
            problem: format!("lists {name}, but only {} can be worked out", names.join(", ")),
        }),
    }
}

/// Whether a table has a value at a dotted key, or any below it.
pub(super) fn sets(table: &Table, key: &str) -> bool {
    match key.split_once('.') {
        Some((section, rest)) => matches!(table.get(section), Some(Value::Table(inner)) if sets(inner, rest)),
        None => table.contains_key(key),
    }
}

fn remove(table: &mut Table, key: &str) {
    match key.split_once('.') {
        Some((section, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(section) {
                remove(inner, rest);
            }
        }
        None => {
            table.remove(key);
        }
    }
}
