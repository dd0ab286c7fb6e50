//! How far the values of a network reach: layer by layer, over images.

use crate::ExportError;
use ocelli_data::{Compiled, Image, Key, Workspace};
use ocelli_model::{Classifier, ModelError};
use ocelli_nn::plan::{InferPlan, PlanOptions};
use ocelli_nn::{Layer, Network, Node, Shape, Source, Weights};

/// Views of images that go through the network at once.
const BATCH: usize = 8;

/// The least and the largest that a value was.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(in super::super) struct Range {
    pub(in super::super) least: f32,
    pub(in super::super) largest: f32,
}

impl Range {
    const NONE: Self = Self { least: f32::INFINITY, largest: f32::NEG_INFINITY };

    fn with(self, values: &[f32]) -> Self {
        let least = values.iter().copied().fold(self.least, f32::min);
        Self { least, largest: values.iter().copied().fold(self.largest, f32::max) }
    }
}

/// How far the input of a network and the output of every layer reach, as images have shown.
#[derive(Clone, PartialEq, Debug)]
pub struct Calibration {
    pub(in super::super) input: Range,
    pub(in super::super) nodes: Vec<Range>,
}

impl Calibration {
    /// Runs images through the classifier and looks at every layer. Some hundreds of those that it was trained on are a good choice.
    ///
    /// # Errors
    /// There are no images, one does not go through the transforms, the network cannot be run, or gives what is no number.
    pub fn of(classifier: &Classifier, images: &[Image]) -> Result<Self, ExportError> {
        let network = classifier.network();
        let Shape::Map { channels, height, width } = network.input() else {
            unreachable!("a classifier takes images");
        };
        let transforms = Compiled::new(classifier.transforms(), (height, width, channels))?;
        let rows = BATCH.div_ceil(transforms.views()) * transforms.views();
        let mut layers = Layers::new(network, classifier.weights(), rows)?;
        let mut found = Self { input: Range::NONE, nodes: vec![Range::NONE; network.nodes().len()] };
        let view = transforms.views() * height * width * channels;
        let mut space = Workspace::default();
        for images in images.chunks(rows / transforms.views()) {
            let mut input = vec![0.0; images.len() * view];
            for (image, row) in images.iter().zip(input.chunks_exact_mut(view)) {
                transforms.run(image.view(), Key::default(), &mut space, row)?;
            }
            found.input = found.input.with(&input);
            layers.run(input, |index, values| found.nodes[index] = found.nodes[index].with(values));
        }
        let known = |range: &Range| range.least.is_finite() && range.largest.is_finite();
        if known(&found.input) && found.nodes.iter().all(known) {
            return Ok(found);
        }
        let reason = "no images were given to calibrate with, or a layer's output on them is no number";
        Err(ExportError::unsupported("the network with eight bits", reason))
    }
}

/// A network whose layers run one by one, so that what each gives can be looked at.
struct Layers<'a> {
    network: &'a Network,
    /// Those of layers with one input; layers that join several have none.
    plans: Vec<Option<InferPlan>>,
}

impl<'a> Layers<'a> {
    fn new(network: &'a Network, weights: &Weights, batch: usize) -> Result<Self, ExportError> {
        let plan = |(index, node): (usize, &Node)| {
            if node.inputs.len() > 1 || matches!(node.layer, Layer::Add | Layer::Multiply | Layer::Concat) {
                return Ok(None);
            }
            let alone = Node { inputs: vec![Source::Input], ..node.clone() };
            let alone = Network::new("layer", network.input_shapes(index)[0], vec![alone]);
            let alone = alone.expect("a layer of a network that was checked");
            let options = PlanOptions { batch, ..PlanOptions::default() };
            InferPlan::new(&alone, &weights.select(&alone), options).map(Some)
        };
        let plans: Result<Vec<_>, _> = network.nodes().iter().enumerate().map(plan).collect();
        Ok(Self { network, plans: plans.map_err(ModelError::Plan)? })
    }

    /// Runs them over images, and shows what each gives, values in memory's order.
    fn run(&mut self, input: Vec<f32>, mut show: impl FnMut(usize, &[f32])) {
        let nodes = self.network.nodes();
        let mut outputs: Vec<Vec<f32>> = Vec::with_capacity(nodes.len());
        for (index, (node, plan)) in nodes.iter().zip(&mut self.plans).enumerate() {
            let value = |source: &Source| match source {
                Source::Input => input.as_slice(),
                Source::Node(index) => outputs[*index].as_slice(),
            };
            let inputs: Vec<&[f32]> = node.inputs.iter().map(value).collect();
            let output = match plan {
                Some(plan) => plan.run(inputs[0]).to_vec(),
                None => join(&node.layer, &inputs, &self.network.input_shapes(index)),
            };
            show(index, &output);
            outputs.push(output);
            // What nothing reads any more need not be kept.
            for source in &node.inputs {
                if let Source::Node(read) = source
                    && !nodes[index + 1..].iter().any(|later| later.inputs.contains(source))
                {
                    outputs[*read] = Vec::new();
                }
            }
        }
    }
}

/// What a layer makes of several inputs, channels last.
fn join(layer: &Layer, inputs: &[&[f32]], shapes: &[Shape]) -> Vec<f32> {
    match layer {
        Layer::Add => inputs[0].iter().zip(inputs[1]).map(|(a, b)| a + b).collect(),
        Layer::Multiply if shapes[0] == shapes[1] => {
            inputs[0].iter().zip(inputs[1]).map(|(a, b)| a * b).collect()
        }
        Layer::Multiply => {
            let gate = usize::from(shapes[1].elements() < shapes[0].elements());
            let (map, channels) = (1 - gate, shapes[gate].elements());
            let images =
                inputs[map].chunks_exact(shapes[map].elements()).zip(inputs[gate].chunks_exact(channels));
            let each = |(map, gate): (&[f32], &[f32])| {
                map.iter().zip(gate.iter().cycle()).map(|(value, gate)| value * gate).collect::<Vec<_>>()
            };
            images.flat_map(each).collect()
        }
        _ => {
            let mut rows: Vec<_> = inputs
                .iter()
                .zip(shapes)
                .map(|(input, shape)| input.chunks_exact(shape.channels()))
                .collect();
            let mut joined = Vec::with_capacity(inputs.iter().map(|input| input.len()).sum());
            while let Some(first) = rows[0].next() {
                joined.extend_from_slice(first);
                rows[1..].iter_mut().filter_map(Iterator::next).for_each(|row| joined.extend_from_slice(row));
            }
            joined
        }
    }
}
