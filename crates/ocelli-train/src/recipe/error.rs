//! What can be wrong with a recipe, said so that it can be mended.

use super::Recipe;
use ocelli_nn::suggest::nearest;
use std::collections::BTreeSet;
use std::path::PathBuf;
use toml::{Table, Value};

/// A recipe, or a setting that overrides it, that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// The file could not be read or written.
    #[error("{}: cannot be {doing}", path.display())]
    Io {
        /// The recipe file.
        path: PathBuf,
        /// What was tried: "read" or "written".
        doing: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error("{origin}: {message}{}", hint(suggestion))]
    Invalid {
        /// Where the setting was given: a file, `--set train.lr=fast`, a flag.
        origin: String,
        /// What is wrong.
        message: String,
        /// The key or name that was probably meant.
        suggestion: Option<String>,
    },
    /// `--set` was given something that is not `KEY=VALUE`.
    #[error("--set {given}: expected KEY=VALUE, such as train.lr=0.01")]
    NotKeyValue {
        /// What was given.
        given: String,
    },
    /// A value outside its range.
    #[error("{key} {problem}")]
    OutOfRange {
        /// The key, `train.lr`.
        key: String,
        /// What it is and what it must be.
        problem: String,
    },
}

fn hint(suggestion: &Option<String>) -> String {
    match suggestion {
        Some(name) => format!("; did you mean `{name}`?"),
        None => String::new(),
    }
}

impl RecipeError {
    /// From the TOML reader's own error about `table`: keeps its first line and place, adds the nearest of the names it
    /// expected, or of any section's.
    pub(super) fn from_toml(origin: &str, error: &toml::de::Error, table: &Table) -> Self {
        let message = error.message().trim().to_string();
        let place = error.to_string();
        let key = place.lines().find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'));
        let chosen = key.and_then(|key| chosen(table, key));
        let field = unknown(&message, "field");
        let other = field.filter(|_| chosen.is_none()).and_then(elsewhere);
        // A name that another section has is more than one that is like it.
        let is_same = |key: &String| key.rsplit('.').next() == field;
        let suggestion = other.clone().filter(is_same).or_else(|| suggestion(&message)).or(other);
        let message = match (key, unknown(&message, "field"), &suggestion) {
            // The names that there are need not be listed where one of them was meant.
            (Some(key), Some(field), Some(_)) => format!("unknown key `{key}.{field}`"),
            (None, Some(field), Some(_)) => format!("unknown key `{field}`"),
            (Some(key), _, _) => format!("{message} (in `{key}`){}", chosen.unwrap_or_default()),
            (None, _, _) => message,
        };
        RecipeError::Invalid { origin: origin.to_string(), message, suggestion }
    }
}

/// serde says "unknown field `lrr`, expected one of `epochs`, `lr`" (or "unknown variant"): which was meant?
fn suggestion(message: &str) -> Option<String> {
    let given = unknown(message, "field").or_else(|| unknown(message, "variant"))?;
    nearest(given, expected(message)).map(str::to_string)
}

/// The names that there are, of such a message.
fn expected(message: &str) -> impl Iterator<Item = &str> {
    let names = message.split_once(", expected ").map_or("", |(_, names)| names);
    // What lies between the backticks: name, separator, name.
    names.split('`').skip(1).step_by(2)
}

/// What was chosen in a table that stands for a choice: its name decides which keys it has.
fn chosen(table: &Table, key: &str) -> Option<String> {
    let what =
        key.strip_prefix("train.").filter(|what| matches!(*what, "optimizer" | "schedule" | "loss"))?;
    let name = table.get("train")?.get(what)?.get("name")?.as_str()?;
    Some(format!("; the {what} is {name}"))
}

/// The full name of the key, in whichever section, that is nearest to `name`.
fn elsewhere(name: &str) -> Option<String> {
    let mut keys = BTreeSet::new();
    for section in keys_of(None) {
        keys.extend(keys_of(Some(&section)).into_iter().map(|key| format!("{section}.{key}")));
    }
    list(&Table::try_from(Recipe::default()).expect("the default recipe is plain data"), "", &mut keys);
    let last = |key: &str| key.rfind('.').map_or(0, |dot| dot + 1);
    let nearest = nearest(name, keys.iter().map(|key| &key[last(key)..]))?;
    let mut found = keys.iter().filter(|key| &key[last(key)..] == nearest);
    // A name that several sections have says nothing.
    found.next().filter(|_| found.next().is_none()).cloned()
}

/// The keys of a section, or the sections: serde names them all to whoever gives one that there is not.
fn keys_of(section: Option<&str>) -> Vec<String> {
    let mut asked = Table::from_iter([("?".to_string(), Value::Boolean(true))]);
    if let Some(section) = section {
        asked = Table::from_iter([(section.to_string(), Value::Table(asked))]);
    }
    let error = asked.try_into::<Recipe>().expect_err("no key is called so");
    expected(error.message()).map(str::to_string).collect()
}

fn list(table: &Table, path: &str, keys: &mut BTreeSet<String>) {
    for (key, value) in table {
        let key = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            Value::Table(inner) => list(inner, &key, keys),
            _ => drop(keys.insert(key)),
        }
    }
}

/// The `lrr` of "unknown field `lrr`, expected …".
fn unknown<'a>(message: &'a str, what: &str) -> Option<&'a str> {
    message.strip_prefix("unknown ")?.strip_prefix(what)?.strip_prefix(" `")?.split('`').next()
}

#[cfg(test)]
mod tests {
    use super::suggestion;

    #[test]
    fn reads_serde_messages() {
        let said = |message| suggestion(message);
        assert_eq!(said("unknown field `lrr`, expected one of `epochs`, `lr`").as_deref(), Some("lr"));
        assert_eq!(said("unknown field `sede`, expected `seed` or `data`").as_deref(), Some("seed"));
        assert_eq!(said("unknown variant `adamm`, expected one of `sgd`, `adam`").as_deref(), Some("adam"));
        assert_eq!(said("invalid type: string"), None);
    }
}
