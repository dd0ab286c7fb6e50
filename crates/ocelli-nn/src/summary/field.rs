//! Receptive fields: how much of the input one value depends on.

use crate::layers::{Layer, Window};
use crate::network::{Network, Source};
use crate::shape::{Pair, Shape};

/// The part of the input that one value of a map sees, and how far apart the parts of neighbours are.
#[derive(Clone, Copy)]
struct Field {
    size: Pair,
    step: Pair,
}

impl Field {
    const PIXEL: Self = Self { size: Pair::square(1), step: Pair::square(1) };

    fn through(self, window: Window) -> Self {
        let along = |size: usize, step: usize, kernel: usize, stride: usize| {
            (size.saturating_add((kernel - 1).saturating_mul(step)), step.saturating_mul(stride))
        };
        let Window { kernel, stride, .. } = window;
        let (height, step_down) = along(self.size.height, self.step.height, kernel.height, stride.height);
        let (width, step_right) = along(self.size.width, self.step.width, kernel.width, stride.width);
        Self { size: Pair { height, width }, step: Pair { height: step_down, width: step_right } }
    }

    fn or_larger(self, other: Self) -> Self {
        let larger = |a: Pair, b: Pair| Pair { height: a.height.max(b.height), width: a.width.max(b.width) };
        Self { size: larger(self.size, other.size), step: larger(self.step, other.step) }
    }
}

/// The receptive field of each node's output; `None` where it is the whole input.
///
/// A pixel of factors that weighs a map's channels (squeeze-and-excitation) sees the whole input, but moves nothing: the
/// field of what it weighs is that of the map.
pub(crate) fn receptive_fields(network: &Network) -> Vec<Option<Pair>> {
    let input = matches!(network.input(), Shape::Map { .. }).then_some(Field::PIXEL);
    let mut fields: Vec<Option<Field>> = Vec::with_capacity(network.nodes().len());
    for (index, node) in network.nodes().iter().enumerate() {
        let weighs = |source: &&Source| {
            node.layer == Layer::Multiply
                && network.shape_of(**source).size() != network.shapes()[index].size()
        };
        let through = |&source: &Source| {
            let field = match source {
                Source::Input => input,
                Source::Node(index) => fields[index],
            };
            Some(field?.through(node.layer.window(network.shape_of(source))))
        };
        let whole = matches!(node.layer, Layer::Linear(_) | Layer::Softmax);
        let all: Option<Vec<_>> = node.inputs.iter().filter(|source| !weighs(source)).map(through).collect();
        fields.push(all.filter(|_| !whole).and_then(|all| all.into_iter().reduce(Field::or_larger)));
    }
    fields.into_iter().map(|field| field.map(|field| field.size)).collect()
}
