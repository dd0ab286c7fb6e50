//! An optimizer's step over all parameters.

use rayon::prelude::*;

use ocelli_kernels::Isa;

use super::super::PlanError;
use super::super::parameters::Segment;
use crate::network::ParameterSpec;
use crate::weights::{Tensor, Weights};

/// Which step of training an update is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateStep {
    /// Whether the optimizer's buffers are new, and zeros.
    pub first: bool,
    /// The step's number, from 1.
    pub number: u64,
}

/// An optimizer: what one step does to a stretch of a parameter, value by value.
///
/// A plan calls it for stretches of any length, in any order and on any thread, each value once.
pub trait Update: Sync {
    /// Buffers that it keeps for each parameter, at most [`MAX_SLOTS`]: one for SGD with momentum, two
    /// for Adam.
    fn slots(&self) -> usize;

    /// Updates `value` by `grad`, both a stretch of the parameter `of`, packed; `state` has the same
    /// stretch of each buffer. Where a parameter is padded, value and gradient are 0 and must stay so.
    fn update(
        &self,
        step: UpdateStep,
        of: &ParameterSpec,
        isa: Isa,
        value: &mut [f32],
        grad: &[f32],
        state: &mut [&mut [f32]],
    );
}

/// The most buffers that an [`Update`] may keep for each parameter.
pub const MAX_SLOTS: usize = 4;

/// Values that one task updates.
const PIECE: usize = 16 * 1024;

/// An optimizer's buffers, piece by piece: of each piece of the parameters, all slots.
#[derive(Debug, Default)]
pub(super) struct Optimizer {
    slots: usize,
    number: u64,
    state: Vec<f32>,
}

impl Optimizer {
    pub(super) fn len(&self) -> usize {
        self.state.len()
    }

    pub(super) fn step(
        &mut self,
        update: &dyn Update,
        isa: Isa,
        segments: &[Segment],
        values: &mut [f32],
        gradients: &[f32],
    ) {
        let slots = update.slots();
        assert!(slots <= MAX_SLOTS, "an update keeps at most {MAX_SLOTS} buffers, got {slots}");
        let len = values.len().div_ceil(PIECE) * PIECE * slots;
        if slots != self.slots || self.state.len() != len {
            *self = Self { slots, number: 0, state: vec![0.0; len] };
        }
        self.number += 1;
        let step = UpdateStep { first: self.number == 1, number: self.number };
        let piece = |(number, (values, gradients), state): (usize, (&mut [f32], &[f32]), &mut [f32])| {
            update_piece(update, step, isa, segments, number * PIECE, values, gradients, (slots, state));
        };
        let both = values.par_chunks_mut(PIECE).zip(gradients.par_chunks(PIECE)).enumerate();
        if slots == 0 {
            both.for_each(|(number, both)| piece((number, both, &mut [])));
        } else {
            let state = self.state.par_chunks_mut(PIECE * slots);
            both.zip(state).for_each(|((number, both), state)| piece((number, both, state)));
        }
    }

    /// Where a value's buffer lies.
    fn index(&self, slot: usize, value: usize) -> usize {
        (value / PIECE * self.slots + slot) * PIECE + value % PIECE
    }

    pub(super) fn state(&self, segments: &[Segment]) -> Weights {
        let mut weights = Weights::new();
        weights.insert("step", Tensor::i64([], vec![self.number as i64]));
        weights.insert("slots", Tensor::i64([], vec![self.slots as i64]));
        for slot in 0..self.slots {
            for segment in segments {
                let packed: Vec<f32> =
                    segment.range.clone().map(|value| self.state[self.index(slot, value)]).collect();
                let tensor = Tensor::f32(segment.spec.shape.clone(), segment.unpack(&packed));
                weights.insert(format!("{slot}.{}", segment.spec.name), tensor);
            }
        }
        weights
    }

    pub(super) fn load(state: &Weights, segments: &[Segment], len: usize) -> Result<Self, PlanError> {
        let number = |name: &str| {
            let found = state.get(name).and_then(Tensor::as_i64).and_then(|v| v.first().copied());
            found.filter(|&n| n >= 0).ok_or_else(|| PlanError::state(format!("`{name}` is missing")))
        };
        let slots = number("slots")? as usize;
        if slots > MAX_SLOTS {
            return Err(PlanError::state(format!("got {slots} buffers, needs at most {MAX_SLOTS}")));
        }
        let mut loaded = Self {
            slots,
            number: number("step")? as u64,
            state: vec![0.0; len.div_ceil(PIECE) * PIECE * slots],
        };
        for slot in 0..slots {
            for segment in segments {
                let name = format!("{slot}.{}", segment.spec.name);
                let tensor = state.get(&name).filter(|t| t.is_whole() && t.shape == segment.spec.shape);
                let Some(values) = tensor.and_then(Tensor::as_f32) else {
                    let shape = &segment.spec.shape;
                    return Err(PlanError::state(format!("needs a tensor `{name}` of shape {shape:?}")));
                };
                let mut packed = vec![0.0; segment.range.len()];
                segment.pack(values, &mut packed);
                for (value, packed) in segment.range.clone().zip(packed) {
                    let index = loaded.index(slot, value);
                    loaded.state[index] = packed;
                }
            }
        }
        Ok(loaded)
    }
}

fn update_piece(
    update: &dyn Update,
    step: UpdateStep,
    isa: Isa,
    segments: &[Segment],
    first: usize,
    values: &mut [f32],
    gradients: &[f32],
    (slots, state): (usize, &mut [f32]),
) {
    let end = first + values.len();
    let start = segments.partition_point(|segment| segment.range.end <= first);
    for segment in segments[start..].iter().take_while(|segment| segment.range.start < end) {
        let range = segment.range.start.max(first) - first..segment.range.end.min(end) - first;
        let mut buffers: [&mut [f32]; MAX_SLOTS] = [&mut [], &mut [], &mut [], &mut []];
        for (buffer, part) in buffers.iter_mut().zip(state.chunks_mut(PIECE)) {
            *buffer = &mut part[range.clone()];
        }
        let (value, grad) = (&mut values[range.clone()], &gradients[range]);
        update.update(step, &segment.spec, isa, value, grad, &mut buffers[..slots]);
    }
}
