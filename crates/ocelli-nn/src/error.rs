//! Errors of networks: each says where, what it got, what it needs, and what would fix it.

use std::fmt;

/// What sort of thing a [`ShapeError`] is about.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShapeErrorKind {
    /// A map came where features are needed, or features where a map is needed.
    Rank,
    /// The number of channels or features differs from what the layer was made for.
    Channels,
    /// The height or width does not do.
    Size,
    /// An option of the layer is not valid, whatever comes in.
    Option,
    /// The wrong number of inputs.
    Inputs,
    /// Larger than [`MAX_ELEMENTS`](crate::shape::MAX_ELEMENTS) allows.
    Limit,
}

/// A layer cannot take what comes in. Displays as "got …, needs …: what would fix it".
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("got {got}, needs {needs}: {mend}")]
pub struct ShapeError {
    kind: ShapeErrorKind,
    got: String,
    needs: String,
    mend: String,
}

impl ShapeError {
    pub(crate) fn new(
        kind: ShapeErrorKind,
        got: impl Into<String>,
        needs: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { kind, got: got.into(), needs: needs.into(), mend: mend.into() }
    }

    /// An option of the layer that is not valid whatever comes in.
    pub(crate) fn option(name: &str, got: impl fmt::Display, needs: &str) -> Self {
        Self::new(ShapeErrorKind::Option, format!("{name} = {got}"), needs, format!("change {name}"))
    }

    /// What it is about.
    pub fn kind(&self) -> ShapeErrorKind {
        self.kind
    }

    /// What came in, or was set.
    pub fn got(&self) -> &str {
        &self.got
    }

    /// What the layer needs instead.
    pub fn needs(&self) -> &str {
        &self.needs
    }

    /// What would fix it.
    pub fn mend(&self) -> &str {
        &self.mend
    }
}

/// What sort of thing a [`NetworkError`] is about.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NetworkErrorKind {
    /// A layer cannot take what comes in.
    Shape(ShapeErrorKind),
    /// A name is empty, used twice, too long, or has characters that it may not have.
    Name,
    /// The nodes do not form a graph with one output: none, a reference forward, or an output that nothing uses.
    Graph,
    /// Too many layers, activations or parameters.
    Limit,
    /// Text that is not a network file: TOML's syntax, a missing key, a value of the wrong type.
    Syntax,
    /// A key, layer type or layer name that does not exist.
    Unknown,
    /// A rule of initialisation that fills nothing, or whose options cannot be.
    Initialisation,
}

/// A network that cannot be. Displays as "line 12: layer 2 (Linear): got …, needs …: what would fix it".
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetworkError {
    kind: NetworkErrorKind,
    line: Option<usize>,
    layer: Option<String>,
    message: String,
}

impl NetworkError {
    pub(crate) fn new(kind: NetworkErrorKind, message: impl Into<String>) -> Self {
        Self { kind, line: None, layer: None, message: message.into() }
    }

    /// Says which layer it is about: its name and type.
    pub(crate) fn at_layer(mut self, name: &str, type_name: &str) -> Self {
        self.layer = Some(format!("{name} ({type_name})"));
        self
    }

    /// Says which line of the file it is about, counted from 1, unless it is known already.
    pub(crate) fn at_line(mut self, line: usize) -> Self {
        self.line.get_or_insert(line);
        self
    }

    /// What it is about.
    pub fn kind(&self) -> NetworkErrorKind {
        self.kind
    }

    /// The layer's name and type, as "2 (Linear)".
    pub fn layer(&self) -> Option<&str> {
        self.layer.as_deref()
    }

    /// The line of the TOML file, counted from 1, where the network came from one.
    pub fn line(&self) -> Option<usize> {
        self.line
    }
}

impl From<ShapeError> for NetworkError {
    fn from(error: ShapeError) -> Self {
        Self::new(NetworkErrorKind::Shape(error.kind), error.to_string())
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(layer) = &self.layer {
            write!(f, "layer {layer}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for NetworkError {}

/// Text or a list that is not a [`Shape`](crate::Shape).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("got {got:?} for a shape, needs channels×height×width, such as 3x32x32, or one count of features")]
pub struct ParseShapeError {
    got: String,
}

impl ParseShapeError {
    pub(crate) fn new(got: &str) -> Self {
        Self { got: got.chars().take(40).collect() }
    }
}
