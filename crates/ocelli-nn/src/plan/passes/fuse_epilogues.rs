//! What follows a convolution or a BatchNorm value by value rides on its output while that is in
//! the cache: addition, max pooling, ReLU, dropout.

use super::super::graph::{Graph, Kind, Op, Post};
use super::super::ops::ImageOp;

pub(super) fn run(graph: &mut Graph, training: bool) {
    let mut index = 0;
    while index < graph.ops.len() {
        match fusable(graph, index, training) {
            Some((producer, input, post)) => {
                // The epilogue's place is the later one: what it adds is known there.
                let Op { output, .. } = graph.ops[index];
                let fused = Op { output, post, ..graph.ops[producer].clone() };
                debug_assert_eq!(graph.ops[producer].output, input);
                graph.ops[index] = fused;
                graph.ops.remove(producer);
            }
            None => index += 1,
        }
    }
}

/// The operation that the epilogue at `index` can join, the value between them, and both epilogues
/// as one.
fn fusable(graph: &Graph, index: usize, training: bool) -> Option<(usize, usize, Post)> {
    let op = &graph.ops[index];
    let post = match &op.kind {
        Kind::Identity => op.post,
        // In training its backward pass needs what comes in.
        Kind::Image(ImageOp::Activation(activation)) if !training => {
            Post { activation: Some(*activation), ..Post::default() }
        }
        _ => return None,
    };
    // A sum can join the producer of either operand.
    let swapped = post.add.map(|add| (add, Post { add: Some(op.input()), ..post }));
    [Some((op.input(), post)), swapped].into_iter().flatten().find_map(|(input, post)| {
        let producer = graph.sole_producer(input)?;
        let before = &graph.ops[producer];
        let joined = join(before.post, post)?;
        takes(&before.kind, joined, training).then_some((producer, input, joined))
    })
}

/// `second` after `first` as one epilogue. Max pooling, ReLU and a dropout's factors, which are not
/// negative, commute with ReLU.
fn join(first: Post, second: Post) -> Option<Post> {
    let late_add = second.add.is_some() && first != Post::default();
    let late_pool = second.pool.is_some() && (first.pool.is_some() || first.dropout.is_some());
    let two_dropouts = first.dropout.is_some() && second.dropout.is_some();
    let relu = first.relu.or(second.relu);
    let two_ceilings = first.relu.is_some_and(|first| second.relu.is_some_and(|second| first != second));
    // A dropout's factors move a ceiling.
    let moved = relu.is_some_and(|relu| relu.ceiling.is_finite())
        && (first.dropout.is_some() || second.dropout.is_some());
    // Other activations commute with nothing, and come last.
    let activated = first.activation.is_some()
        || (second.activation.is_some() && first != Post { add: first.add, ..Post::default() });
    if late_add || late_pool || two_dropouts || two_ceilings || moved || activated {
        return None;
    }
    Some(Post {
        add: first.add.or(second.add),
        pool: first.pool.or(second.pool),
        relu,
        activation: second.activation,
        dropout: first.dropout.or(second.dropout),
    })
}

/// Whether an operation of this kind can carry the epilogue.
fn takes(kind: &Kind, post: Post, training: bool) -> bool {
    match kind {
        // A convolution goes through its output band by band: windows must not reach across bands.
        Kind::Conv(_) => {
            post.pool.is_none_or(|pool| pool.tiles())
                && (post.add.is_none() || (!training && post.pool.is_none()))
        }
        Kind::BatchNorm(_) | Kind::Identity => post.activation.is_none(),
        Kind::Image(_) => false,
    }
}
