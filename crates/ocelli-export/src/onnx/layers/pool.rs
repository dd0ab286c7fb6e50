//! Pooling. The sizes are known, so that what `ceil_mode` adds is said as padding: runtimes differ about the last window.

use super::super::graph::{int, ints};
use super::resample::{along, weigh};
use super::{At, Value};
use ocelli_nn::{AvgPool2d, MaxPool2d, Pair};

/// Rows and columns are axes 2 and 3.
const AXES: [i64; 2] = [2, 3];

/// How windows slide along an axis.
#[derive(Clone, Copy)]
struct Axis {
    size: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
}

impl Axis {
    /// From the first value of a window to the last, both included.
    fn extent(&self) -> usize {
        (self.kernel - 1) * self.dilation + 1
    }

    /// What must be added at the end for the last window.
    fn after(&self) -> usize {
        ((self.outputs - 1) * self.stride + self.extent()).saturating_sub(self.size + self.padding)
    }

    /// How many of a window's values are in the map, or in the padding that was asked for if that counts.
    fn counted(&self, output: usize, padding_too: bool) -> usize {
        let places = (0..self.kernel).map(|i| output * self.stride + i * self.dilation);
        let (first, end) = match padding_too {
            true => (0, self.size + 2 * self.padding),
            false => (self.padding, self.padding + self.size),
        };
        places.filter(|place| (first..end).contains(place)).count()
    }
}

/// The axes of a map, down and across.
fn axes(at: &At<'_>, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> [Axis; 2] {
    let (size, outputs) = (at.input.size().expect("a map"), at.output.size().expect("a map"));
    let of = |side: fn(Pair) -> usize| Axis {
        size: side(size),
        outputs: side(outputs),
        kernel: side(kernel),
        stride: side(stride),
        padding: side(padding),
        dilation: side(dilation),
    };
    [of(|pair| pair.height), of(|pair| pair.width)]
}

fn each(axes: [Axis; 2], of: impl Fn(&Axis) -> usize) -> [i64; 2] {
    [of(&axes[0]) as i64, of(&axes[1]) as i64]
}

pub(super) fn max(at: &mut At<'_>, spec: &MaxPool2d) -> Value {
    let axes = axes(at, spec.kernel_size, spec.stride, spec.padding, spec.dilation);
    let [top, left] = each(axes, |axis| axis.padding);
    let [bottom, right] = each(axes, Axis::after);
    let kernel = each(axes, |axis| axis.kernel);
    let (mut x, mut pads) = (at.inputs[0].clone(), [top, left, bottom, right]);
    // Runtimes take no padding as wide as the kernel, which only a dilated window needs.
    if pads.iter().zip(kernel.iter().cycle()).any(|(pad, kernel)| pad >= kernel) {
        let around = at.graph.ints(&[0, 0, top, left, 0, 0, bottom, right]);
        let least = at.graph.float(f32::MIN);
        x = at.graph.add("Pad", &[&x, &around, &least], vec![]);
        pads = [0; 4];
    }
    let options = vec![
        ints("dilations", &each(axes, |axis| axis.dilation)),
        ints("kernel_shape", &kernel),
        ints("pads", &pads),
        ints("strides", &each(axes, |axis| axis.stride)),
    ];
    at.graph.add("MaxPool", &[&x], options)
}

pub(super) fn mean(at: &mut At<'_>, spec: &AvgPool2d) -> Value {
    let axes = axes(at, spec.kernel_size, spec.stride, spec.padding, Pair::square(1));
    let [top, left] = each(axes, |axis| axis.padding);
    let [bottom, right] = each(axes, Axis::after);
    let options = vec![
        int("count_include_pad", 1),
        ints("kernel_shape", &each(axes, |axis| axis.kernel)),
        ints("pads", &[top, left, bottom, right]),
        ints("strides", &each(axes, |axis| axis.stride)),
    ];
    let value = at.graph.add("AveragePool", &[&at.inputs[0]], options);
    // The operator has divided by the whole window everywhere.
    let area = spec.kernel_size.area() as f32;
    let [rows, columns] = axes;
    let divisor = |row: usize, column: usize| match spec.divisor_override {
        Some(divisor) => divisor,
        None => rows.counted(row, spec.count_include_pad) * columns.counted(column, spec.count_include_pad),
    };
    let places = (0..rows.outputs).flat_map(|row| (0..columns.outputs).map(move |column| (row, column)));
    let factors: Vec<f32> = places.map(|(row, column)| area / divisor(row, column) as f32).collect();
    match factors.as_slice() {
        same if same.iter().all(|factor| *factor == 1.0) => value,
        factors => {
            let factors = at.graph.floats("factors", &[rows.outputs, columns.outputs], factors);
            at.graph.product(&value, &factors)
        }
    }
}

/// The windows that divide `size` into `outputs`, as first and end.
fn dividing(size: usize, outputs: usize) -> Vec<(usize, usize)> {
    (0..outputs).map(|i| (i * size / outputs, ((i + 1) * size).div_ceil(outputs))).collect()
}

/// Pools to one value with one operator, and to sizes that divide the map's with another.
fn evenly(at: &mut At<'_>, global: &str, sliding: &str) -> Option<Value> {
    let (size, outputs) = (at.input.size().expect("a map"), at.output.size().expect("a map"));
    if outputs == Pair::square(1) {
        return Some(at.graph.add(global, &[&at.inputs[0]], vec![]));
    }
    let divides = |size: usize, outputs: usize| size.is_multiple_of(outputs);
    if !divides(size.height, outputs.height) || !divides(size.width, outputs.width) {
        return None;
    }
    let kernel = [(size.height / outputs.height) as i64, (size.width / outputs.width) as i64];
    let options = vec![ints("kernel_shape", &kernel), ints("strides", &kernel)];
    Some(at.graph.add(sliding, &[&at.inputs[0]], options))
}

pub(super) fn adaptive_mean(at: &mut At<'_>) -> Value {
    evenly(at, "GlobalAveragePool", "AveragePool").unwrap_or_else(|| {
        along(at, |_, size, outputs| {
            let window = |(first, end): (usize, usize)| {
                (first..end).map(|place| (place, 1.0 / (end - first) as f32)).collect()
            };
            weigh(size, dividing(size, outputs).into_iter().map(window))
        })
    })
}

pub(super) fn adaptive_max(at: &mut At<'_>) -> Value {
    if let Some(value) = evenly(at, "GlobalMaxPool", "MaxPool") {
        return value;
    }
    let (size, outputs) = (at.input.size().expect("a map"), at.output.size().expect("a map"));
    let sides = [(size.height, outputs.height), (size.width, outputs.width)];
    let mut value = at.inputs[0].clone();
    for (axis, (size, outputs)) in AXES.into_iter().zip(sides) {
        let mut parts = Vec::with_capacity(outputs);
        let along = at.graph.ints(&[axis]);
        for (first, end) in dividing(size, outputs) {
            let [first, end] = [first, end].map(|place| at.graph.ints(&[place as i64]));
            let part = at.graph.add("Slice", &[&value, &first, &end, &along], vec![]);
            parts.push(at.graph.add("ReduceMax", &[&part, &along], vec![int("keepdims", 1)]));
        }
        let names: Vec<&str> = parts.iter().map(String::as_str).collect();
        value = at.graph.add("Concat", &names, vec![int("axis", axis)]);
    }
    value
}
