//! From TOML's text to a [`Template`].

use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Entry, EntryKind, Template};
use crate::error::{NetworkError, NetworkErrorKind};
use crate::layers::Layer;
use crate::suggest;

/// How deep residual blocks may lie in each other.
const MAX_DEPTH: usize = 16;

/// The type of a residual block, which is not a layer.
pub(super) const RESIDUAL: &str = "Residual";

/// What a file may say in place of a number.
pub(super) const CLASSES: &str = "classes";

pub(super) fn template(text: &str) -> Result<Template, NetworkError> {
    let reader = Reader::new(text);
    let document = DeTable::parse(text).map_err(|error| reader.syntax(&error, 0))?;
    let document = document.get_ref();
    reader.check_keys(document, "the file", &["name", "input", "classes", "initialisation", "layers"])?;
    let Some(layers) = document.get("layers") else {
        return Err(NetworkError::new(
            NetworkErrorKind::Syntax,
            "got no layers, needs [[layers]] tables: add some",
        ));
    };
    Ok(Template {
        name: reader.optional(document, "name")?,
        input: reader.optional(document, "input")?,
        classes: reader.optional(document, "classes")?,
        initialisation: reader.optional(document, "initialisation")?.unwrap_or_default(),
        initialisation_line: document
            .get("initialisation")
            .map_or(1, |value| reader.line(value.span().start)),
        layers: reader.entries(layers, 0)?,
    })
}

struct Reader {
    /// Where the text's lines end.
    line_ends: Vec<usize>,
}

impl Reader {
    fn new(text: &str) -> Self {
        Self { line_ends: text.match_indices('\n').map(|(offset, _)| offset).collect() }
    }

    /// The line of a place in the text, counted from 1.
    fn line(&self, offset: usize) -> usize {
        1 + self.line_ends.partition_point(|&end| end < offset)
    }

    fn syntax(&self, error: &toml::de::Error, offset: usize) -> NetworkError {
        let offset = error.span().map_or(offset, |span| span.start);
        NetworkError::new(NetworkErrorKind::Syntax, error.message()).at_line(self.line(offset))
    }

    fn value<'de, T: Deserialize<'de>>(
        &self,
        key: &str,
        value: &Spanned<DeValue<'de>>,
    ) -> Result<T, NetworkError> {
        T::deserialize(value.clone().into_deserializer()).map_err(|error| {
            let message = format!("{key}: {}", error.message());
            NetworkError::new(NetworkErrorKind::Syntax, message).at_line(self.line(value.span().start))
        })
    }

    fn optional<'de, T: Deserialize<'de>>(
        &self,
        table: &DeTable<'de>,
        key: &str,
    ) -> Result<Option<T>, NetworkError> {
        table.get(key).map(|value| self.value(key, value)).transpose()
    }

    fn check_keys(&self, table: &DeTable<'_>, place: &str, known: &[&str]) -> Result<(), NetworkError> {
        match table.keys().find(|key| !known.contains(&key.get_ref().as_ref())) {
            None => Ok(()),
            Some(key) => {
                let (name, line) = (key.get_ref(), self.line(key.span().start));
                let near = suggest::hint(name, known.iter().copied());
                let known = known.join(", ");
                let message = format!("{place} has no key {name:?}{near} (its keys: {known})");
                Err(NetworkError::new(NetworkErrorKind::Unknown, message).at_line(line))
            }
        }
    }

    fn entries(&self, list: &Spanned<DeValue<'_>>, depth: usize) -> Result<Vec<Entry>, NetworkError> {
        let line = self.line(list.span().start);
        if depth > MAX_DEPTH {
            let message = format!("residual blocks lie deeper in each other than {MAX_DEPTH}");
            return Err(NetworkError::new(NetworkErrorKind::Limit, message).at_line(line));
        }
        let wrong = |got: &DeValue<'_>| {
            let message = format!("got a {}, needs a list of layers as tables", got.type_str());
            NetworkError::new(NetworkErrorKind::Syntax, message)
        };
        let items = list.get_ref().as_array().ok_or_else(|| wrong(list.get_ref()).at_line(line))?;
        let entry = |item: &Spanned<DeValue<'_>>| {
            let line = self.line(item.span().start);
            let table = item.get_ref().as_table().ok_or_else(|| wrong(item.get_ref()).at_line(line))?;
            self.entry(table, line, depth)
        };
        items.iter().map(entry).collect()
    }

    fn entry(&self, table: &DeTable<'_>, line: usize, depth: usize) -> Result<Entry, NetworkError> {
        let Some(written) = self.optional::<String>(table, "type")? else {
            let message = "got a layer without a type, needs one: add, for example, type = \"Conv2d\"";
            return Err(NetworkError::new(NetworkErrorKind::Syntax, message).at_line(line));
        };
        let kind = if written == RESIDUAL {
            self.check_keys(table, RESIDUAL, &["type", "name", "inputs", "body", "shortcut"])?;
            let part = |key| table.get(key).map_or(Ok(Vec::new()), |list| self.entries(list, depth + 1));
            let (body, shortcut) = (part("body")?, part("shortcut")?);
            if body.is_empty() {
                let message = "got a Residual without layers, needs some: add body = [{ type = … }, …]";
                return Err(NetworkError::new(NetworkErrorKind::Syntax, message).at_line(line));
            }
            EntryKind::Residual { body, shortcut }
        } else if let Some(example) = Layer::example(&written) {
            EntryKind::Layer { type_name: example.type_name(), options: self.options(table, &example)? }
        } else {
            let types: Vec<_> = Layer::type_names().into_iter().chain([RESIDUAL]).collect();
            let near = suggest::hint(&written, types.iter().copied());
            let message =
                format!("there is no layer type {written:?}{near} (the types: {})", types.join(", "));
            return Err(NetworkError::new(NetworkErrorKind::Unknown, message).at_line(line));
        };
        let (name, inputs) = (self.optional(table, "name")?, self.optional(table, "inputs")?);
        Ok(Entry { line, name, inputs, kind })
    }

    /// The options in a layer's table, each of which fits the layer's type on its own.
    fn options(&self, table: &DeTable<'_>, example: &Layer) -> Result<toml::Table, NetworkError> {
        let example_options = toml::Table::try_from(example).expect("a layer is a table");
        let known: Vec<_> =
            ["name", "inputs"].into_iter().chain(example_options.keys().map(String::as_str)).collect();
        self.check_keys(table, example.type_name(), &known)?;
        let mut options = toml::Table::new();
        for (key, value) in table.iter() {
            let (key, line) = (key.get_ref().as_ref(), self.line(value.span().start));
            if ["type", "name", "inputs"].contains(&key) {
                continue;
            }
            let value: toml::Value = self.value(key, value)?;
            let mut trial = example_options.clone();
            trial.insert(key.to_owned(), with_classes(value.clone(), 1));
            Layer::deserialize(trial).map_err(|error| {
                let message = format!("{}: {key}: {}", example.type_name(), error.message());
                NetworkError::new(NetworkErrorKind::Syntax, message).at_line(line)
            })?;
            options.insert(key.to_owned(), value);
        }
        Ok(options)
    }
}

/// The value, or the number of classes where the file says "classes".
pub(super) fn with_classes(value: toml::Value, classes: i64) -> toml::Value {
    if value.as_str() == Some(CLASSES) { toml::Value::Integer(classes) } else { value }
}
