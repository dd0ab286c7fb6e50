//! Maps of another size, whose rows and columns are sums of the first's: matrices, which every runtime computes alike.

use super::{At, Value};
use ocelli_nn::{Upsample, UpsampleMode};

/// Multiplies the columns and the rows by matrices, which `matrix` makes for an axis (0 down, 1 across), its size and the output's.
pub(super) fn along(at: &mut At<'_>, matrix: impl Fn(usize, usize, usize) -> Vec<f32>) -> Value {
    let (size, outputs) = (at.input.size().expect("a map"), at.output.size().expect("a map"));
    let mut value = at.inputs[0].clone();
    if size.width != outputs.width {
        // One column for each output.
        let rows = matrix(1, size.width, outputs.width);
        let columns: Vec<f32> = (0..size.width)
            .flat_map(|place| rows.iter().skip(place).step_by(size.width).copied().collect::<Vec<_>>())
            .collect();
        let columns = at.graph.floats("across", &[size.width, outputs.width], &columns);
        value = at.graph.add("MatMul", &[&value, &columns], vec![]);
    }
    if size.height != outputs.height {
        let rows = matrix(0, size.height, outputs.height);
        let rows = at.graph.floats("down", &[outputs.height, size.height], &rows);
        value = at.graph.add("MatMul", &[&rows, &value], vec![]);
    }
    value
}

/// A matrix of a row for each output, from the places that it is of with their weights.
pub(super) fn weigh(size: usize, outputs: impl Iterator<Item = Vec<(usize, f32)>>) -> Vec<f32> {
    let row = |places: Vec<(usize, f32)>| {
        let mut row = vec![0.0; size];
        places.into_iter().for_each(|(place, weight)| row[place] += weight);
        row
    };
    outputs.flat_map(row).collect()
}

pub(super) fn upsample(at: &mut At<'_>, spec: &Upsample) -> Value {
    let (size, outputs) = (at.input.size().expect("a map"), at.output.size().expect("a map"));
    let factors = spec.scale_factor.map(|factor| [factor.height, factor.width]);
    if spec.mode == UpsampleMode::Bilinear {
        return along(at, |axis, size, outputs| {
            let factor = factors.map(|factors| factors[axis]);
            weigh(size, (0..outputs).map(|output| blend(spec, (size, outputs), factor, output)))
        });
    }
    let mut value = at.inputs[0].clone();
    let sides = [(size.height, outputs.height), (size.width, outputs.width)];
    for (axis, (size, outputs)) in
        sides.into_iter().enumerate().filter(|(_, (size, outputs))| size != outputs)
    {
        let factor = factors.map(|factors| factors[axis]);
        let places: Vec<i64> =
            (0..outputs).map(|output| nearest((size, outputs), factor, output) as i64).collect();
        let places = at.graph.ints(&places);
        value = at.graph.gather(&value, &places, 2 + axis as i64);
    }
    value
}

/// Inputs for each output, in `f32` as PyTorch has it, since a rounding decides which pixel is nearest.
fn ratio((size, outputs): (usize, usize), factor: Option<f64>) -> f32 {
    factor.map_or(size as f32 / outputs as f32, |factor| (1.0 / factor) as f32)
}

fn nearest((size, outputs): (usize, usize), factor: Option<f64>, output: usize) -> usize {
    if outputs == 2 * size {
        return output / 2;
    }
    ((output as f32 * ratio((size, outputs), factor)) as usize).min(size - 1)
}

/// The two pixels that an output lies between, with their weights.
fn blend(
    spec: &Upsample,
    (size, outputs): (usize, usize),
    factor: Option<f64>,
    output: usize,
) -> Vec<(usize, f32)> {
    let at = match spec.align_corners {
        true if outputs == 1 => 0.0,
        true => output as f32 * ((size - 1) as f32 / (outputs - 1) as f32),
        false => ((output as f32 + 0.5) * ratio((size, outputs), factor) - 0.5).max(0.0),
    };
    let first = (at as usize).min(size - 1);
    let weight = (at - first as f32).min(1.0);
    vec![(first, 1.0 - weight), ((first + 1).min(size - 1), weight)]
}
