//! The network graph: named layers, each with its inputs, checked once.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::error::{NetworkError, NetworkErrorKind};
use crate::init::Initialisation;
use crate::layers::{Layer, Role};
use crate::shape::{MAX_ELEMENTS, Shape};

/// The most layers that a network may have.
pub const MAX_NODES: usize = 10_000;

/// The longest name of a network or layer, in bytes.
const MAX_NAME: usize = 256;

/// Where a node's input comes from. In JSON `"input"` or `{"node": 3}`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The network's input.
    Input,
    /// The output of the node at this index.
    Node(usize),
}

/// A named layer with its inputs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// The PyTorch path of the module: "layer1.0.conv1", "features.0". Its parameters are this, a dot, and "weight" and so on.
    pub name: String,
    /// What it does.
    pub layer: Layer,
    /// Where its inputs come from: earlier nodes only.
    pub inputs: Vec<Source>,
}

/// A parameter or buffer of a network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParameterSpec {
    /// Its key in a `state_dict`: "layer1.0.conv1.weight".
    pub name: String,
    /// Its shape in PyTorch's layout; empty for a single number.
    pub shape: Vec<usize>,
    /// The index of the node it belongs to.
    pub node: usize,
    /// What it is to the node's layer.
    pub role: Role,
}

impl ParameterSpec {
    /// How many values it has.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A network: layers in topological order, the last of which is the output.
///
/// It is checked when it is made, and cannot be changed after: every layer takes what comes in, every name is used once,
/// every output but the last is used, and sizes are within [`MAX_ELEMENTS`] and [`MAX_NODES`].
/// As JSON (in model files) it is checked again when it is read.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "NetworkFile", into = "NetworkFile")]
pub struct Network {
    name: String,
    input: Shape,
    initialisation: Initialisation,
    nodes: Vec<Node>,
    shapes: Vec<Shape>,
}

/// How a [`Network`] is written in JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkFile {
    name: String,
    input: Shape,
    #[serde(default)]
    initialisation: Initialisation,
    nodes: Vec<Node>,
}

impl Network {
    /// Checks the nodes over an input of the shape `input`, one image's.
    ///
    /// # Errors
    /// The first thing that is wrong, with the name of its layer.
    pub fn new(name: impl Into<String>, input: Shape, nodes: Vec<Node>) -> Result<Self, NetworkError> {
        let name = name.into();
        check_network_name(&name)?;
        if nodes.is_empty() {
            return Err(NetworkError::new(NetworkErrorKind::Graph, "got no layers, needs at least one"));
        }
        if nodes.len() > MAX_NODES {
            let message = format!("got {} layers, needs at most {MAX_NODES}", nodes.len());
            return Err(NetworkError::new(NetworkErrorKind::Limit, message));
        }
        let shapes = check_nodes(input, &nodes)?;
        check_all_used(&nodes)?;
        check_totals(&nodes, &shapes)?;
        Ok(Self { name, input, initialisation: Initialisation::default(), nodes, shapes })
    }

    /// The same network with its weights initialised in another way by [`Network::init`].
    #[must_use]
    pub fn with_initialisation(mut self, initialisation: Initialisation) -> Self {
        self.initialisation = initialisation;
        self
    }

    /// The same layers over another input.
    ///
    /// # Errors
    /// If a layer cannot take the size that then comes in.
    pub fn with_input(&self, input: Shape) -> Result<Self, NetworkError> {
        let same = Self::new(self.name.clone(), input, self.nodes.clone())?;
        Ok(same.with_initialisation(self.initialisation))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape of one image at its input.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// How [`Network::init`] draws its weights.
    pub fn initialisation(&self) -> Initialisation {
        self.initialisation
    }

    /// Its layers, each after all that it reads.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The output shape of each node.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// The shape of one image's output: the last node's.
    pub fn output(&self) -> Shape {
        *self.shapes.last().expect("a network has at least one node")
    }

    /// The shape of what a source gives.
    ///
    /// # Panics
    /// If the network has no node of that index.
    pub fn shape_of(&self, source: Source) -> Shape {
        shape_of(self.input, &self.shapes, source)
    }

    /// The input shapes of the node at an index.
    ///
    /// # Panics
    /// If the network has no node of that index.
    pub fn input_shapes(&self, node: usize) -> Vec<Shape> {
        self.nodes[node].inputs.iter().map(|&source| self.shape_of(source)).collect()
    }

    /// All parameters and buffers, in the order of PyTorch's `state_dict`.
    pub fn parameters(&self) -> Vec<ParameterSpec> {
        let of_node = |(node, n): (usize, &Node)| {
            let name = n.name.clone();
            n.layer.parameters().into_iter().map(move |(suffix, shape, role)| ParameterSpec {
                name: format!("{name}.{suffix}"),
                shape,
                node,
                role,
            })
        };
        self.nodes.iter().enumerate().flat_map(of_node).collect()
    }
}

fn shape_of(input: Shape, shapes: &[Shape], source: Source) -> Shape {
    match source {
        Source::Input => input,
        Source::Node(index) => shapes[index],
    }
}

/// The output shape of each node.
fn check_nodes(input: Shape, nodes: &[Node]) -> Result<Vec<Shape>, NetworkError> {
    let mut shapes = Vec::with_capacity(nodes.len());
    let mut names = HashSet::new();
    for (index, node) in nodes.iter().enumerate() {
        check_layer_name(&node.name)?;
        let here = |error: NetworkError| error.at_layer(&node.name, node.layer.type_name());
        if !names.insert(&node.name) {
            let message = "got a name that an earlier layer has, needs another: rename one of the two";
            return Err(here(NetworkError::new(NetworkErrorKind::Name, message)));
        }
        if let Some(ahead) =
            node.inputs.iter().find(|source| matches!(source, Source::Node(i) if *i >= index))
        {
            let message =
                format!("got {ahead:?} as input of node {index}, needs an earlier one: order the layers");
            return Err(here(NetworkError::new(NetworkErrorKind::Graph, message)));
        }
        let inputs: Vec<_> = node.inputs.iter().map(|&source| shape_of(input, &shapes, source)).collect();
        shapes.push(node.layer.output_shape(&inputs).map_err(|error| here(error.into()))?);
    }
    Ok(shapes)
}

fn check_all_used(nodes: &[Node]) -> Result<(), NetworkError> {
    let used: HashSet<_> = nodes.iter().flat_map(|node| &node.inputs).collect();
    let last = nodes.len() - 1;
    match (0..last).find(|&index| !used.contains(&Source::Node(index))) {
        None => Ok(()),
        Some(index) => {
            let message = "its output is not used: remove the layer, or make it an input of another";
            let error = NetworkError::new(NetworkErrorKind::Graph, message);
            Err(error.at_layer(&nodes[index].name, nodes[index].layer.type_name()))
        }
    }
}

fn check_totals(nodes: &[Node], shapes: &[Shape]) -> Result<(), NetworkError> {
    let parameters = |node: &Node| -> u64 {
        node.layer.parameters().iter().map(|(_, shape, _)| shape.iter().product::<usize>() as u64).sum()
    };
    // Each node is within the limit already and there are at most MAX_NODES: the sums cannot overflow.
    let totals = [
        ("activations per image", shapes.iter().map(|shape| shape.elements() as u64).sum::<u64>()),
        ("parameters", nodes.iter().map(parameters).sum()),
    ];
    for (what, total) in totals {
        if total > MAX_ELEMENTS {
            let message = format!(
                "got {total} {what}, needs at most {MAX_ELEMENTS}: make the network or its input smaller"
            );
            return Err(NetworkError::new(NetworkErrorKind::Limit, message));
        }
    }
    Ok(())
}

fn check_network_name(name: &str) -> Result<(), NetworkError> {
    if !name.is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control) {
        return Ok(());
    }
    let message = format!(
        "got {:?} as the network's name, needs 1 to {MAX_NAME} bytes of visible text",
        shortened(name)
    );
    Err(NetworkError::new(NetworkErrorKind::Name, message))
}

fn check_layer_name(name: &str) -> Result<(), NetworkError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(allowed) {
        return Ok(());
    }
    let message = format!(
        "got {:?} as a layer's name, needs 1 to {MAX_NAME} of the letters a-z, digits, _ - and .",
        shortened(name)
    );
    Err(NetworkError::new(NetworkErrorKind::Name, message))
}

fn shortened(name: &str) -> String {
    name.chars().take(40).collect()
}

impl TryFrom<NetworkFile> for Network {
    type Error = NetworkError;

    fn try_from(file: NetworkFile) -> Result<Self, NetworkError> {
        let network = Self::new(file.name, file.input, file.nodes)?;
        Ok(network.with_initialisation(file.initialisation))
    }
}

impl From<Network> for NetworkFile {
    fn from(network: Network) -> Self {
        let Network { name, input, initialisation, nodes, shapes: _ } = network;
        Self { name, input, initialisation, nodes }
    }
}
