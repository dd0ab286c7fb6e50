//! Networks written in TOML, layer by layer.

mod build;
mod read;
mod write;

use crate::error::NetworkError;
use crate::init::Initialisation;
use crate::network::Network;
use crate::shape::Shape;

/// A network as a TOML file describes it, whose input and number of classes are not settled yet.
///
/// ```
/// use ocelli_nn::{Shape, Template};
///
/// let template = Template::from_toml(r#"
///     name = "small"
///     input = [3, 32, 32]             # optional: for when nothing else says
///     classes = 10                    # the same
///
///     [[layers]]
///     type = "Conv2d"                 # in_channels, in_features and num_features may be left out
///     out_channels = 16
///     kernel_size = 3
///     padding = 1
///
///     [[layers]]
///     type = "Residual"               # body and shortcut (none: the identity) are added
///     body = [
///         { type = "BatchNorm2d" },
///         { type = "ReLU" },
///         { type = "Conv2d", out_channels = 16, kernel_size = 3, padding = 1 },
///     ]
///
///     [[layers]]
///     type = "AdaptiveAvgPool2d"
///     output_size = 1
///
///     [[layers]]
///     type = "Flatten"
///
///     [[layers]]
///     name = "head"                   # optional: the name is the place in the list
///     type = "Linear"
///     out_features = "classes"        # the number of classes of the data
/// "#)?;
/// let network = template.build(Shape::map(1, 28, 28), 7)?;
/// assert_eq!(network.output(), Shape::features(7));
/// assert_eq!(network.nodes()[4].name, "1");
/// # Ok::<(), ocelli_nn::NetworkError>(())
/// ```
///
/// Every layer reads the one before it unless `inputs = ["name", …]` says otherwise; `"input"` is the network's input.
/// An optional `initialisation` is an [`Initialisation`]: `"kaiming_normal"`, or `[[initialisation]]` tables, each a
/// [`Rule`](crate::init::Rule) such as `pattern = "head.weight"`, `init = "trunc_normal"`, `std = 0.02`.
#[derive(Clone, PartialEq, Debug)]
pub struct Template {
    name: Option<String>,
    input: Option<Shape>,
    classes: Option<usize>,
    initialisation: Initialisation,
    /// The line of `initialisation` in the file, counted from 1; 1 if it has none.
    initialisation_line: usize,
    layers: Vec<Entry>,
}

/// One element of a list of layers.
#[derive(Clone, PartialEq, Debug)]
struct Entry {
    /// Its line in the file, counted from 1.
    line: usize,
    name: Option<String>,
    /// What it reads, where that is not the layer before.
    inputs: Option<Vec<String>>,
    kind: EntryKind,
}

#[derive(Clone, PartialEq, Debug)]
enum EntryKind {
    /// A layer with the options that are given, each of which has the right type.
    Layer { type_name: &'static str, options: toml::Table },
    /// A residual block.
    Residual { body: Vec<Entry>, shortcut: Vec<Entry> },
}

impl Template {
    /// Reads TOML.
    ///
    /// # Errors
    /// If it is not TOML, a key or layer type does not exist, or a value has the wrong type; each with its line.
    pub fn from_toml(text: &str) -> Result<Self, NetworkError> {
        read::template(text)
    }

    /// The file's `name`.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The input that the file says it is for, if it does.
    pub fn input(&self) -> Option<Shape> {
        self.input
    }

    /// The number of classes that the file says it is for, if it does.
    pub fn classes(&self) -> Option<usize> {
        self.classes
    }

    /// The network over images of the shape `input`, with "classes" replaced by `classes`. Without a name of its own it
    /// is called "network".
    ///
    /// # Errors
    /// As [`Network::new`], each with its line.
    pub fn build(&self, input: Shape, classes: usize) -> Result<Network, NetworkError> {
        build::network(self, input, classes)
    }
}

impl Network {
    /// Reads a network from TOML in the format of [`Template`].
    ///
    /// # Errors
    /// As [`Template::from_toml`] and [`Template::build`].
    pub fn from_toml(text: &str, input: Shape, classes: usize) -> Result<Self, NetworkError> {
        Template::from_toml(text)?.build(input, classes)
    }

    /// The network as TOML, every option written out. [`Network::from_toml`] gives it back.
    pub fn to_toml(&self) -> String {
        write::toml(self)
    }
}

#[cfg(test)]
mod tests;
