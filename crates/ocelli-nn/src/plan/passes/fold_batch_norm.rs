//! In evaluation BatchNorm by running averages is an affine map by channel: after a convolution it goes into the
//! convolution's weights and bias.

use super::super::graph::{Graph, Kind, NormOp, Post};

pub(super) fn run(graph: &mut Graph, training: bool) {
    if training {
        return;
    }
    let mut index = 0;
    while index < graph.ops.len() {
        let Some((producer, norm)) = foldable(graph, index) else {
            index += 1;
            continue;
        };
        let (output, post) = (graph.ops[index].output, graph.ops[index].post);
        let Kind::Conv(conv) = &mut graph.ops[producer].kind else {
            unreachable!("foldable gives a convolution")
        };
        conv.folded = Some(norm);
        graph.ops[producer].output = output;
        graph.ops[producer].post = post;
        graph.ops.remove(index);
    }
}

fn foldable(graph: &Graph, index: usize) -> Option<(usize, NormOp)> {
    let Kind::BatchNorm(norm @ NormOp { running: true, .. }) = graph.ops[index].kind else { return None };
    let producer = graph.sole_producer(graph.ops[index].input())?;
    match &graph.ops[producer] {
        op if op.post != Post::default() => None,
        op => matches!(&op.kind, Kind::Conv(conv) if conv.folded.is_none()).then_some((producer, norm)),
    }
}
