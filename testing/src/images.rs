//! Between PyTorch's order of a batch (N, C, H, W) and a plan's (N, H, W, C).

use ocelli_nn::Shape;

/// A batch in PyTorch's order, in the plan's. Features stay as they are.
pub fn to_channels_last(values: &[f32], shape: Shape) -> Vec<f32> {
    match shape {
        Shape::Map { channels, height, width } => swap(values, channels, height * width),
        Shape::Features(_) => values.to_vec(),
    }
}

/// A batch in the plan's order, in PyTorch's. Features stay as they are.
pub fn to_channels_first(values: &[f32], shape: Shape) -> Vec<f32> {
    match shape {
        Shape::Map { channels, height, width } => swap(values, height * width, channels),
        Shape::Features(_) => values.to_vec(),
    }
}

/// Every `rows` × `columns` block of the values, transposed.
fn swap(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let transpose = |block: &[f32]| {
        (0..rows * columns).map(|at| block[at % rows * columns + at / rows]).collect::<Vec<_>>()
    };
    values.chunks_exact(rows * columns).flat_map(transpose).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let shape = Shape::map(2, 1, 3);
        let first = [0., 1., 2., 10., 11., 12.];
        let last = to_channels_last(&first, shape);
        assert_eq!(last, [0., 10., 1., 11., 2., 12.]);
        assert_eq!(to_channels_first(&last, shape), first);
    }
}
