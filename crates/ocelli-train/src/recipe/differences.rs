//! In what two recipes differ.

use super::Recipe;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// A setting that two recipes have differently.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    /// Its full name, `train.lr`.
    pub(crate) key: String,
    /// What the first recipe says, as TOML; `None` if it leaves it out.
    pub(crate) first: Option<String>,
    /// What the second says.
    pub(crate) second: Option<String>,
}

/// The settings that two resolved recipes have differently, by name. Who worked them out does not matter.
pub(crate) fn differences(first: &Recipe, second: &Recipe) -> Vec<Difference> {
    let (first, second) = (settings(first), settings(second));
    let keys = first.keys().chain(second.keys().filter(|key| !first.contains_key(*key)));
    let mut found: Vec<Difference> = keys
        .filter(|key| first.get(*key) != second.get(*key))
        .map(|key| {
            let text = |of: &BTreeMap<String, Value>| of.get(key).map(Value::to_string);
            Difference { key: key.clone(), first: text(&first), second: text(&second) }
        })
        .collect();
    found.sort_by(|a, b| a.key.cmp(&b.key));
    found
}

pub(super) fn settings(recipe: &Recipe) -> BTreeMap<String, Value> {
    let recipe = Recipe { derived: Vec::new(), ..recipe.clone() };
    let table = Table::try_from(recipe).expect("a recipe is plain data");
    let mut settings = BTreeMap::new();
    flatten(table, "", &mut settings);
    settings
}

fn flatten(table: Table, path: &str, settings: &mut BTreeMap<String, Value>) {
    for (key, value) in table {
        let key = if path.is_empty() { key } else { format!("{path}.{key}") };
        match value {
            Value::Table(inner) => flatten(inner, &key, settings),
            value => drop(settings.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecipeBuilder;

    #[test]
    fn settings_that_differ_are_named() {
        let recipe = |settings: &[&str]| {
            let with = |recipe: RecipeBuilder, setting: &&str| recipe.set(setting).unwrap();
            settings.iter().fold(RecipeBuilder::new(), with).build().unwrap()
        };
        let usual = recipe(&[]);
        assert_eq!(differences(&usual, &Recipe { derived: vec!["train.lr".into()], ..usual.clone() }), []);
        let other = recipe(&["seed=2", "train.optimizer=sgd", "train.lr=0.5"]);
        let found = differences(&usual, &other);
        let difference = |key: &str, first: Option<&str>, second: Option<&str>| Difference {
            key: key.into(),
            first: first.map(Into::into),
            second: second.map(Into::into),
        };
        for expected in [
            difference("seed", Some("1"), Some("2")),
            difference("train.lr", None, Some("0.5")),
            difference("train.optimizer.name", Some("\"adamw\""), Some("\"sgd\"")),
        ] {
            assert!(found.contains(&expected), "{found:?}");
        }
    }
}
