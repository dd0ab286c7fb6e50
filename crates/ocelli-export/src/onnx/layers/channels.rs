//! Layers that join, take and reorder channels.

use super::super::graph::int;
use super::{At, Value};
use ocelli_nn::Narrow;

pub(super) fn concat(at: &mut At<'_>) -> Value {
    let inputs: Vec<&str> = at.inputs.iter().map(String::as_str).collect();
    at.graph.add("Concat", &inputs, vec![int("axis", 1)])
}

/// Channel j of group i of g becomes channel j·g + i.
pub(super) fn shuffle(at: &mut At<'_>, groups: usize) -> Value {
    let mut shape: Vec<i64> = at.input.dimensions().iter().map(|&length| length as i64).collect();
    shape.insert(0, -1);
    let mut apart = shape.clone();
    apart[1] /= groups as i64;
    apart.insert(1, groups as i64);
    let mut order: Vec<i64> = (0..apart.len() as i64).collect();
    order.swap(1, 2);
    let apart = at.graph.reshape(&at.inputs[0], &apart);
    let turned = at.graph.transpose(&apart, &order);
    at.graph.reshape(&turned, &shape)
}

pub(super) fn narrow(at: &mut At<'_>, spec: Narrow) -> Value {
    let [start, end, axis] =
        [spec.start, spec.start + spec.length, 1].map(|place| at.graph.ints(&[place as i64]));
    at.graph.add("Slice", &[&at.inputs[0], &start, &end, &axis], vec![])
}
