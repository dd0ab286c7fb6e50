//! Building networks in code.

use crate::error::NetworkError;
use crate::layers::{AdaptiveAvgPool2d, AvgPool2d, BatchNorm, Conv2d, Dropout, Layer, Linear, MaxPool2d};
use crate::network::{Network, Node, Source};
use crate::shape::Shape;

/// Layers one after another, as PyTorch's `nn.Sequential`, with residual blocks.
///
/// Layers are named by their place, "0", "1", …, unless [`Sequential::named`] says otherwise. Nothing is checked until
/// [`Sequential::build`].
///
/// ```
/// use ocelli_nn::{Conv2d, Sequential, Shape};
///
/// let network = Sequential::new(Shape::map(3, 8, 8))
///     .conv2d(Conv2d::new(3, 16, 3).padding(1))
///     .residual(
///         |body| body.conv2d(Conv2d::new(16, 32, 3).stride(2).padding(1)).batch_norm2d(32),
///         |shortcut| shortcut.conv2d(Conv2d::new(16, 32, 1).stride(2)),
///     )
///     .relu()
///     .build("small")?;
/// let names: Vec<_> = network.nodes().iter().map(|node| node.name.as_str()).collect();
/// assert_eq!(names, ["0", "1.body.0", "1.body.1", "1.shortcut.0", "1", "2"]);
/// # Ok::<(), ocelli_nn::NetworkError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sequential {
    input: Shape,
    nodes: Vec<Node>,
    /// What the next layer reads.
    last: Source,
    /// What the names of this sequence start with: "" or "1.body.".
    prefix: String,
    /// The place of the next layer in this sequence.
    place: usize,
}

impl Sequential {
    /// No layers yet, over images of this shape.
    pub fn new(input: Shape) -> Self {
        Self { input, nodes: Vec::new(), last: Source::Input, prefix: String::new(), place: 0 }
    }

    /// Appends a layer of one input.
    #[must_use]
    pub fn layer(self, layer: impl Into<Layer>) -> Self {
        let inputs = vec![self.last];
        self.combine(layer, inputs)
    }

    /// Appends a layer that reads these outputs, such as [`Layer::Add`].
    #[must_use]
    pub fn combine(mut self, layer: impl Into<Layer>, inputs: impl Into<Vec<Source>>) -> Self {
        let name = format!("{}{}", self.prefix, self.place);
        self.nodes.push(Node { name, layer: layer.into(), inputs: inputs.into() });
        self.last = Source::Node(self.nodes.len() - 1);
        self.place += 1;
        self
    }

    /// Gives the layer appended last its whole name, a path such as "layer1.0.conv1". Before any layer it does nothing.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        if let Source::Node(index) = self.last {
            self.nodes[index].name = name.into();
        }
        self
    }

    /// Convolution.
    #[must_use]
    pub fn conv2d(self, spec: Conv2d) -> Self {
        self.layer(Layer::Conv2d(spec))
    }

    /// Maximum over windows: a kernel size, or all options.
    #[must_use]
    pub fn max_pool2d(self, spec: impl Into<MaxPool2d>) -> Self {
        self.layer(Layer::MaxPool2d(spec.into()))
    }

    /// Mean over windows: a kernel size, or all options.
    #[must_use]
    pub fn avg_pool2d(self, spec: impl Into<AvgPool2d>) -> Self {
        self.layer(Layer::AvgPool2d(spec.into()))
    }

    /// Mean over windows that give this height and width of output.
    #[must_use]
    pub fn adaptive_avg_pool2d(self, spec: impl Into<AdaptiveAvgPool2d>) -> Self {
        self.layer(Layer::AdaptiveAvgPool2d(spec.into()))
    }

    /// max(x, 0).
    #[must_use]
    pub fn relu(self) -> Self {
        self.layer(Layer::Relu)
    }

    /// Dropout of values with this probability.
    #[must_use]
    pub fn dropout(self, spec: impl Into<Dropout>) -> Self {
        self.layer(Layer::Dropout(spec.into()))
    }

    /// Dropout of whole channels with this probability.
    #[must_use]
    pub fn dropout2d(self, spec: impl Into<Dropout>) -> Self {
        self.layer(Layer::Dropout2d(spec.into()))
    }

    /// A map to features.
    #[must_use]
    pub fn flatten(self) -> Self {
        self.layer(Layer::Flatten)
    }

    /// Fully connected layer with bias; [`Sequential::layer`] takes one with other options.
    #[must_use]
    pub fn linear(self, in_features: usize, out_features: usize) -> Self {
        self.layer(Linear::new(in_features, out_features))
    }

    /// Batch normalisation of features: their number, or all options.
    #[must_use]
    pub fn batch_norm1d(self, spec: impl Into<BatchNorm>) -> Self {
        self.layer(Layer::BatchNorm1d(spec.into()))
    }

    /// Batch normalisation of a map: its channels, or all options.
    #[must_use]
    pub fn batch_norm2d(self, spec: impl Into<BatchNorm>) -> Self {
        self.layer(Layer::BatchNorm2d(spec.into()))
    }

    /// Softmax over features.
    #[must_use]
    pub fn softmax(self) -> Self {
        self.layer(Layer::Softmax)
    }

    /// The output of the layer appended last, for [`Sequential::reading`] and [`Sequential::combine`]; before any
    /// layer, the input.
    pub fn output(&self) -> Source {
        self.last
    }

    /// The next layer reads `source` instead of the one appended last.
    #[must_use]
    pub fn reading(mut self, source: Source) -> Self {
        self.last = source;
        self
    }

    /// A residual block: `body` and `shortcut` both read what comes before, and their outputs are added.
    /// A shortcut without layers (`|shortcut| shortcut`) is the identity.
    ///
    /// In the names, the sum takes the block's place n in the sequence, and the layers are "n.body.0", "n.shortcut.0", ….
    #[must_use]
    pub fn residual(self, body: impl FnOnce(Self) -> Self, shortcut: impl FnOnce(Self) -> Self) -> Self {
        let Self { input, nodes, last: before, prefix, place } = self;
        let part = |name: &str, nodes| Self {
            input,
            nodes,
            last: before,
            prefix: format!("{prefix}{place}.{name}."),
            place: 0,
        };
        let body = body(part("body", nodes));
        let shortcut = shortcut(part("shortcut", body.nodes));
        let inputs = vec![body.last, shortcut.last];
        Self { input, nodes: shortcut.nodes, last: before, prefix, place }.combine(Layer::Add, inputs)
    }

    /// The checked network.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn build(self, name: impl Into<String>) -> Result<Network, NetworkError> {
        Network::new(name, self.input, self.nodes)
    }
}
