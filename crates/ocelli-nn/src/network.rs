//! The network graph: named layers, each with its inputs, checked once.

use std::collections::{HashMap, HashSet};

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
        let mut assembly = Assembly::new(input);
        for node in nodes {
            assembly.push(node)?;
        }
        assembly.finish(name.into())
    }

    /// The same network with its weights initialised in another way by [`Network::init`].
    ///
    /// # Errors
    /// If a rule fills no parameter (a pattern that matches none names the nearest) or has options that cannot be.
    pub fn with_initialisation(mut self, initialisation: Initialisation) -> Result<Self, NetworkError> {
        initialisation.check(&self)?;
        self.initialisation = initialisation;
        Ok(self)
    }

    /// The same layers over another input.
    ///
    /// # Errors
    /// If a layer cannot take the size that then comes in.
    pub fn with_input(&self, input: Shape) -> Result<Self, NetworkError> {
        let same = Self::new(self.name.clone(), input, self.nodes.clone())?;
        Ok(Self { initialisation: self.initialisation.clone(), ..same })
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
    pub fn initialisation(&self) -> &Initialisation {
        &self.initialisation
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

/// A network being put together: every node is checked as it comes.
pub(crate) struct Assembly {
    input: Shape,
    nodes: Vec<Node>,
    shapes: Vec<Shape>,
    places: HashMap<String, usize>,
}

impl Assembly {
    pub(crate) fn new(input: Shape) -> Self {
        Self { input, nodes: Vec::new(), shapes: Vec::new(), places: HashMap::new() }
    }

    /// The node of a name.
    pub(crate) fn find(&self, name: &str) -> Option<Source> {
        self.places.get(name).copied().map(Source::Node)
    }

    /// All names so far.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|node| node.name.as_str())
    }

    pub(crate) fn shape_of(&self, source: Source) -> Shape {
        shape_of(self.input, &self.shapes, source)
    }

    /// Appends a node and gives its output.
    pub(crate) fn push(&mut self, node: Node) -> Result<Source, NetworkError> {
        let index = self.nodes.len();
        if index == MAX_NODES {
            let message =
                format!("got more than {MAX_NODES} layers, needs at most that: make the network smaller");
            return Err(NetworkError::new(NetworkErrorKind::Limit, message));
        }
        check_layer_name(&node.name)?;
        let shape = self.check(&node).map_err(|error| error.at_layer(&node.name, node.layer.type_name()))?;
        self.places.insert(node.name.clone(), index);
        self.shapes.push(shape);
        self.nodes.push(node);
        Ok(Source::Node(index))
    }

    fn check(&self, node: &Node) -> Result<Shape, NetworkError> {
        if self.places.contains_key(&node.name) {
            let message = "got a name that an earlier layer has, needs another: rename one of the two";
            return Err(NetworkError::new(NetworkErrorKind::Name, message));
        }
        let index = self.nodes.len();
        if let Some(Source::Node(ahead)) =
            node.inputs.iter().find(|s| matches!(s, Source::Node(i) if *i >= index))
        {
            let message = format!(
                "got node {ahead} as an input of node {index}, needs an earlier one: order the layers"
            );
            return Err(NetworkError::new(NetworkErrorKind::Graph, message));
        }
        let inputs: Vec<_> = node.inputs.iter().map(|&source| self.shape_of(source)).collect();
        Ok(node.layer.output_shape(&inputs)?)
    }

    /// The network, if what it is as a whole does too.
    pub(crate) fn finish(self, name: String) -> Result<Network, NetworkError> {
        let Self { input, nodes, shapes, places: _ } = self;
        check_network_name(&name)?;
        if nodes.is_empty() {
            let message = "got no layers, needs at least one: add a layer";
            return Err(NetworkError::new(NetworkErrorKind::Graph, message));
        }
        check_all_used(&nodes)?;
        check_totals(&nodes, &shapes)?;
        Ok(Network { name, input, initialisation: Initialisation::default(), nodes, shapes })
    }
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
    // "input" is what files call the network's input.
    if !name.is_empty() && name != "input" && name.len() <= MAX_NAME && name.chars().all(allowed) {
        return Ok(());
    }
    let name = shortened(name);
    let needs = format!("1 to {MAX_NAME} letters a-z, digits, _ - and ., and not \"input\"");
    Err(NetworkError::new(NetworkErrorKind::Name, format!("got {name:?} as a layer's name, needs {needs}")))
}

fn shortened(name: &str) -> String {
    name.chars().take(40).collect()
}

impl TryFrom<NetworkFile> for Network {
    type Error = NetworkError;

    fn try_from(file: NetworkFile) -> Result<Self, NetworkError> {
        let network = Self::new(file.name, file.input, file.nodes)?;
        file.initialisation.check_options()?;
        Ok(Self { initialisation: file.initialisation, ..network })
    }
}

impl From<Network> for NetworkFile {
    fn from(network: Network) -> Self {
        let Network { name, input, initialisation, nodes, shapes: _ } = network;
        Self { name, input, initialisation, nodes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Conv2d, Linear, Sequential, ShapeErrorKind};

    fn node(name: &str, layer: impl Into<Layer>, inputs: &[Source]) -> Node {
        Node { name: name.to_owned(), layer: layer.into(), inputs: inputs.to_vec() }
    }

    fn refused(nodes: Vec<Node>) -> NetworkError {
        Network::new("test", Shape::map(3, 8, 8), nodes).unwrap_err()
    }

    #[test]
    fn the_issues_chain_of_shapes() {
        let network = Sequential::new(Shape::map(3, 224, 224))
            .conv2d(Conv2d::new(3, 16, 3).padding(1))
            .max_pool2d(2)
            .conv2d(Conv2d::new(16, 32, 3))
            .max_pool2d(2)
            .flatten()
            .build("chain")
            .unwrap();
        let shapes: Vec<_> = network.shapes().iter().map(Shape::to_string).collect();
        assert_eq!(shapes, ["16×224×224", "16×112×112", "32×110×110", "32×55×55", "96800"]);
    }

    #[test]
    fn errors_name_the_layer() {
        let conv = node("a.conv", Conv2d::new(3, 4, 3), &[Source::Input]);
        let error = refused(vec![conv.clone(), node("fc", Linear::new(144, 2), &[Source::Node(0)])]);
        assert_eq!(
            error.to_string(),
            "layer fc (Linear): got a 4×6×6 map, needs features: insert Flatten before it"
        );
        assert_eq!(error.kind(), NetworkErrorKind::Shape(ShapeErrorKind::Rank));
        assert_eq!(error.layer(), Some("fc (Linear)"));
    }

    #[test]
    fn refuses_what_is_no_graph() {
        let relu = |name, inputs: &[Source]| node(name, Layer::Relu, inputs);
        let graph = |nodes| refused(nodes).kind();
        assert_eq!(graph(vec![]), NetworkErrorKind::Graph);
        assert_eq!(graph(vec![relu("a", &[Source::Node(0)])]), NetworkErrorKind::Graph);
        assert_eq!(graph(vec![relu("a", &[Source::Node(usize::MAX)])]), NetworkErrorKind::Graph);
        let unused = vec![relu("a", &[Source::Input]), relu("b", &[Source::Input])];
        assert_eq!(
            refused(unused).to_string(),
            "layer a (ReLU): its output is not used: remove the layer, or make it an input of another"
        );
        let no_input = vec![relu("a", &[])];
        assert_eq!(graph(no_input), NetworkErrorKind::Shape(ShapeErrorKind::Inputs));
    }

    #[test]
    fn refuses_names() {
        let relu = |name: &str| node(name, Layer::Relu, &[Source::Input]);
        for name in ["", "input", "a b", "a\u{1b}[2J", &"x".repeat(257)] {
            assert_eq!(refused(vec![relu(name)]).kind(), NetworkErrorKind::Name, "{name:?}");
        }
        let twice = vec![relu("a"), node("a", Layer::Relu, &[Source::Node(0)])];
        assert_eq!(refused(twice).kind(), NetworkErrorKind::Name);
        assert!(Network::new("a\nb", Shape::features(1), vec![relu("a")]).is_err());
    }

    #[test]
    fn refuses_what_is_too_large() {
        let chain = |count: usize| {
            let input = |i: usize| if i == 0 { Source::Input } else { Source::Node(i - 1) };
            (0..count).map(|i| node(&i.to_string(), Layer::Relu, &[input(i)])).collect::<Vec<_>>()
        };
        assert!(Network::new("long", Shape::features(1), chain(MAX_NODES)).is_ok());
        assert_eq!(refused(chain(MAX_NODES + 1)).kind(), NetworkErrorKind::Limit);
        let wide = Network::new("wide", Shape::features(1 << 31), chain(3)).unwrap_err();
        assert_eq!(wide.kind(), NetworkErrorKind::Limit);
        assert!(Network::new("none", Shape::map(3, 0, 8), chain(1)).is_err());
        assert!(Network::new("huge", Shape::map(usize::MAX, usize::MAX, 2), chain(1)).is_err());
    }

    #[test]
    fn parameters_are_in_state_dict_order() {
        let network = Sequential::new(Shape::map(3, 8, 8))
            .conv2d(Conv2d::new(3, 4, 3).bias(false))
            .batch_norm2d(4)
            .flatten()
            .linear(144, 2)
            .build("test")
            .unwrap();
        let parameters: Vec<_> = network.parameters().into_iter().map(|p| (p.name, p.shape)).collect();
        let expected: [(&str, &[usize]); 8] = [
            ("0.weight", &[4, 3, 3, 3]),
            ("1.weight", &[4]),
            ("1.bias", &[4]),
            ("1.running_mean", &[4]),
            ("1.running_var", &[4]),
            ("1.num_batches_tracked", &[]),
            ("3.weight", &[2, 144]),
            ("3.bias", &[2]),
        ];
        assert_eq!(parameters, expected.map(|(name, shape)| (name.to_owned(), shape.to_vec())));
    }

    #[test]
    fn another_input_is_checked_again() {
        let network =
            Sequential::new(Shape::map(3, 8, 8)).conv2d(Conv2d::new(3, 4, 3)).build("test").unwrap();
        assert_eq!(network.with_input(Shape::map(3, 5, 9)).unwrap().output(), Shape::map(4, 3, 7));
        assert!(network.with_input(Shape::map(3, 2, 9)).is_err());
        assert!(network.with_input(Shape::map(1, 8, 8)).is_err());
    }

    #[test]
    fn json_is_checked_when_read() {
        let network = Sequential::new(Shape::map(3, 8, 8))
            .conv2d(Conv2d::new(3, 4, 3))
            .residual(|body| body.relu(), |shortcut| shortcut)
            .build("test")
            .unwrap()
            .with_initialisation(Initialisation::kaiming_normal())
            .unwrap();
        let json = serde_json::to_string(&network).unwrap();
        assert_eq!(serde_json::from_str::<Network>(&json).unwrap(), network);
        let hostile = json.replace("\"kernel_size\":3", "\"kernel_size\":30");
        assert!(
            serde_json::from_str::<Network>(&hostile).unwrap_err().to_string().contains("layer 0 (Conv2d)")
        );
        assert!(serde_json::from_str::<Network>(&json.replace("[3,8,8]", "[3,8]")).is_err());
    }
}
