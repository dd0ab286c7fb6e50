//! In inference a convolution that makes a large map of many channels for a depthwise convolution alone, as
//! the inverted residuals of mobile networks do (Sandler et al., 2018), is computed a band of rows at a time,
//! as that one needs them: the map is never whole, and no row of it leaves the cache.

use super::super::graph::{ConvOp, Graph, Kind, Op};

/// Values of a map that the caches of a core hold beside all else: smaller maps gain nothing.
const CACHED: usize = 256 * 1024;

pub(super) fn run(graph: &mut Graph, training: bool) {
    if training {
        return;
    }
    let mut index = 0;
    while index < graph.ops.len() {
        match expanded(graph, index) {
            Some(producer) => {
                let expansion = graph.ops.remove(producer);
                let op = &mut graph.ops[index - 1];
                op.inputs = expansion.inputs.clone();
                let Kind::Conv(conv) = &mut op.kind else { unreachable!("expanded gives a convolution") };
                conv.expansion = Some(Box::new(expansion));
            }
            None => index += 1,
        }
    }
}

/// The operation that makes a large map for the depthwise convolution at `index` alone.
fn expanded(graph: &Graph, index: usize) -> Option<usize> {
    let op = &graph.ops[index];
    let map = graph.values[op.input()];
    let producer = graph.sole_producer(op.input())?;
    let depthwise = match &op.kind {
        Kind::Conv(conv) => conv.groups == map.channels && graph.values[op.output].channels == map.channels,
        _ => false,
    };
    let large = map.elements() > CACHED;
    (depthwise && op.post.pool.is_none() && large && expands(&graph.ops[producer])).then_some(producer)
}

/// Whether rows of its output can be computed by themselves, and it is not one for Winograd's method.
fn expands(op: &Op) -> bool {
    let Kind::Conv(ConvOp { kernel, stride, expansion: None, .. }) = &op.kind else { return false };
    let direct = *kernel != (3, 3) || *stride != (1, 1);
    direct && op.post.pool.is_none() && op.post.add.is_none()
}
