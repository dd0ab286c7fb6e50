//! From a [`Template`] to a [`Network`].

use serde::Deserialize;

use super::read::{RESIDUAL, with_classes};
use super::{Entry, EntryKind, Template};
use crate::error::{NetworkError, NetworkErrorKind};
use crate::layers::Layer;
use crate::network::{Assembly, Network, Node, Source};
use crate::shape::Shape;
use crate::suggest;

pub(super) fn network(template: &Template, input: Shape, classes: usize) -> Result<Network, NetworkError> {
    let mut builder =
        Builder { assembly: Assembly::new(input), classes: i64::try_from(classes).unwrap_or(i64::MAX) };
    builder.list(&template.layers, "", Source::Input)?;
    let name = template.name.clone().unwrap_or_else(|| "network".to_owned());
    let network = builder.assembly.finish(name)?;
    network
        .with_initialisation(template.initialisation.clone())
        .map_err(|error| error.at_line(template.initialisation_line))
}

/// The options that may be left out, to be taken from what comes in.
const INFERRED: [(&str, &[&str]); 5] = [
    ("in_channels", &["Conv2d"]),
    ("in_features", &["Linear", "ChannelLinear"]),
    ("num_features", &["BatchNorm1d", "BatchNorm2d", "InstanceNorm2d"]),
    ("normalized_shape", &["LayerNorm2d"]),
    ("num_channels", &["GroupNorm", "LayerScale"]),
];

struct Builder {
    assembly: Assembly,
    classes: i64,
}

impl Builder {
    /// Appends a list of layers, the first of which reads `last`, and gives the output of the last.
    fn list(&mut self, entries: &[Entry], prefix: &str, mut last: Source) -> Result<Source, NetworkError> {
        for (place, entry) in entries.iter().enumerate() {
            let name = entry.name.clone().unwrap_or_else(|| format!("{prefix}{place}"));
            last = self.entry(entry, name, last).map_err(|error| error.at_line(entry.line))?;
        }
        Ok(last)
    }

    fn entry(&mut self, entry: &Entry, name: String, last: Source) -> Result<Source, NetworkError> {
        let inputs = match &entry.inputs {
            None => vec![last],
            Some(names) => names.iter().map(|input| self.find(input)).collect::<Result<_, _>>()?,
        };
        let (layer, inputs) = match &entry.kind {
            EntryKind::Layer { type_name, options } => {
                let input = inputs.first().map(|&source| self.assembly.shape_of(source));
                let layer = self
                    .layer(type_name, options, input)
                    .map_err(|error| error.at_layer(&name, type_name))?;
                (layer, inputs)
            }
            EntryKind::Residual { body, shortcut } => {
                let &[before] = &inputs[..] else {
                    let message = format!("got {} inputs, needs 1: change the block's inputs", inputs.len());
                    return Err(NetworkError::new(NetworkErrorKind::Graph, message).at_layer(&name, RESIDUAL));
                };
                let body = self.list(body, &format!("{name}.body."), before)?;
                let shortcut = self.list(shortcut, &format!("{name}.shortcut."), before)?;
                (Layer::Add, vec![body, shortcut])
            }
        };
        self.assembly.push(Node { name, layer, inputs })
    }

    fn find(&self, name: &str) -> Result<Source, NetworkError> {
        if name == "input" {
            return Ok(Source::Input);
        }
        self.assembly.find(name).ok_or_else(|| {
            let near = suggest::hint(name, self.assembly.names().chain(["input"]));
            NetworkError::new(NetworkErrorKind::Unknown, format!("no earlier layer is named {name:?}{near}"))
        })
    }

    fn layer(
        &self,
        type_name: &str,
        options: &toml::Table,
        input: Option<Shape>,
    ) -> Result<Layer, NetworkError> {
        let mut table: toml::Table = options
            .iter()
            .map(|(key, value)| (key.clone(), with_classes(value.clone(), self.classes)))
            .collect();
        for (option, types) in INFERRED {
            if let Some(shape) = input
                && types.contains(&type_name)
                && !table.contains_key(option)
            {
                // A map without Flatten is refused by Linear, which then says so.
                let count = if type_name == "Linear" { shape.elements() } else { shape.channels() };
                table.insert(
                    option.to_owned(),
                    toml::Value::Integer(i64::try_from(count).unwrap_or(i64::MAX)),
                );
            }
        }
        table.insert("type".to_owned(), type_name.into());
        Layer::deserialize(table)
            .map_err(|error| NetworkError::new(NetworkErrorKind::Syntax, error.message()))
    }
}
