//! A linear layer after Flatten is a convolution whose kernel is the whole map: its packed weights
//! take up the change of order, and no activation moves.

use super::super::graph::{Graph, Kind, Op, Post};
use super::super::ops::ImageOp;

pub(super) fn run(graph: &mut Graph, _training: bool) {
    while let Some((flatten, relus, linear)) = find(graph) {
        let (map, features) = (graph.ops[flatten].input(), graph.ops[flatten].output);
        // ReLU works on each value alone, so it may as well work on the map.
        for relu in &relus {
            let output = graph.ops[*relu].output;
            graph.values[output] = graph.values[map];
        }
        let Kind::Conv(conv) = &mut graph.ops[linear].kind else { unreachable!("find gives a linear layer") };
        conv.kernel = (graph.values[map].height, graph.values[map].width);
        for input in graph.ops.iter_mut().flat_map(|op| &mut op.inputs).filter(|input| **input == features) {
            *input = map;
        }
        graph.ops.remove(flatten);
    }
}

fn is_relu(op: &Op) -> bool {
    op.kind == Kind::Identity
        && op.post.relu.is_some()
        && op.post == Post { relu: op.post.relu, ..Post::default() }
}

/// A Flatten, the ReLUs after it, and the linear layer that alone reads them.
fn find(graph: &Graph) -> Option<(usize, Vec<usize>, usize)> {
    (0..graph.ops.len()).find_map(|flatten| {
        if graph.ops[flatten].kind != Kind::Image(ImageOp::Flatten) {
            return None;
        }
        let mut value = graph.ops[flatten].output;
        let mut relus = Vec::new();
        loop {
            graph.sole_producer(value)?;
            let reader = graph.readers(value).next()?;
            match &graph.ops[reader] {
                op if matches!(op.kind, Kind::Conv(_)) => return Some((flatten, relus, reader)),
                op if is_relu(op) => value = op.output,
                _ => return None,
            }
            relus.push(reader);
        }
    })
}
