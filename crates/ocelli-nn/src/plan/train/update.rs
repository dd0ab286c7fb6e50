//! An optimizer's step over all parameters.

use std::ops::Range;

use rayon::prelude::*;

use ocelli_kernels::Isa;

use super::super::PlanError;
use super::super::parameters::Segment;
use super::stretches::{PIECE, Stretch, Stretches};
use crate::network::ParameterSpec;
use crate::weights::{Tensor, Weights};

/// Which step of training an update is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpdateStep {
    /// Whether the parameter's buffers are new, and zeros.
    pub first: bool,
    /// The number, from 1, among the steps that the parameter took.
    pub number: u64,
    /// What [`Update::carry`] made of its value in the step before.
    pub carried: f64,
    /// The sums over the whole parameter of what [`Update::prepare`] gave; zeros for parameters that are not prepared.
    pub sums: [f64; 2],
}

/// What an update must know of a whole parameter before it updates any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// Nothing.
    Nothing,
    /// The sums of what [`Update::prepare`] gives.
    Sums,
    /// A buffer that [`Update::prepare`] wrote to, made anew by [`Update::rework`] as a matrix of the parameter's first dimension
    /// by all others.
    Matrix {
        /// The buffer.
        slot: usize,
        /// Floats that the work needs beside it.
        work: usize,
    },
}

/// An optimizer: what one step does to a stretch of a parameter, value by value.
///
/// A plan calls it for stretches of any length, in any order and on any thread, each value once.
pub trait Update: Sync {
    /// Buffers that it keeps for each parameter, at most [`MAX_SLOTS`]: one for SGD with momentum, two
    /// for Adam.
    fn slots(&self) -> usize;

    /// Whether a parameter takes this step (default: it does). Those that do not keep their values and their buffers, and for
    /// their optimizer no step went by.
    fn steps(&self, _of: &ParameterSpec) -> bool {
        true
    }

    /// A number that goes along from step to step beside the buffers, such as a product over all steps: what becomes of it in
    /// the step `number` (default: it stays). Before the first step it is 1.
    fn carry(&self, _number: u64, before: f64) -> f64 {
        before
    }

    /// Whether a parameter is prepared as a whole before it is updated (default: it is not).
    fn whole(&self, _of: &ParameterSpec) -> Whole {
        Whole::Nothing
    }

    /// Comes before `update` for parameters that are prepared: as that, but leaves `value` as it is, and gives what is to be
    /// summed over the parameter.
    fn prepare(
        &self,
        _step: UpdateStep,
        _of: &ParameterSpec,
        _isa: Isa,
        _value: &[f32],
        _grad: &[f32],
        _state: &mut [&mut [f32]],
    ) -> [f64; 2] {
        [0.0; 2]
    }

    /// Comes between `prepare` and `update` for parameters with a [`Whole::Matrix`]: `matrix` is the buffer in PyTorch's order,
    /// by rows; `work` has what it had in the last call, of this parameter or another one.
    fn rework(&self, _of: &ParameterSpec, _isa: Isa, _matrix: &mut [f32], _work: &mut [f32]) {}

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

/// An optimizer's buffers, piece by piece: of each piece of the parameters, all slots.
#[derive(Debug)]
pub(super) struct Optimizer {
    slots: usize,
    /// Of each segment.
    taken: Vec<Taken>,
    state: Vec<f32>,
    /// A matrix, packed and plain, and what its work needs.
    matrix: [Vec<f32>; 3],
}

/// The steps that a parameter took.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Taken {
    number: u64,
    /// What goes along with them.
    carried: f64,
}

impl Taken {
    const NONE: Self = Self { number: 0, carried: 1.0 };
}

/// What an update works on.
pub(super) struct Work<'a> {
    pub(super) isa: Isa,
    pub(super) segments: &'a [Segment],
    pub(super) stretches: &'a mut Stretches,
    pub(super) values: &'a mut [f32],
    pub(super) gradients: &'a [f32],
}

impl Optimizer {
    /// Buffers of zeros for `len` values of so many segments.
    pub(super) fn new(slots: usize, segments: usize, len: usize) -> Self {
        let state = vec![0.0; len.div_ceil(PIECE) * PIECE * slots];
        Self { slots, taken: vec![Taken::NONE; segments], state, matrix: Default::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.state.len() + self.matrix.iter().map(Vec::len).sum::<usize>()
    }

    pub(super) fn step(&mut self, update: &dyn Update, work: Work<'_>) {
        let slots = update.slots();
        assert!(slots <= MAX_SLOTS, "an update keeps at most {MAX_SLOTS} buffers, got {slots}");
        if slots != self.slots || self.state.len() != work.values.len().div_ceil(PIECE) * PIECE * slots {
            *self = Self::new(slots, work.segments.len(), work.values.len());
        }
        let Work { isa, segments, stretches, values, gradients } = work;
        let mut taken = std::mem::take(&mut self.taken);
        for (Taken { number, carried }, segment) in taken.iter_mut().zip(segments) {
            if update.steps(&segment.spec) {
                *number += 1;
                *carried = update.carry(*number, *carried);
            }
        }
        let step = |segment: usize, sums: [f64; 2]| {
            let Taken { number, carried } = taken[segment];
            UpdateStep { first: number == 1, number, carried, sums }
        };
        let prepared = |spec: &ParameterSpec| update.steps(spec) && update.whole(spec) != Whole::Nothing;
        if segments.iter().any(|segment| prepared(&segment.spec)) {
            self.over_stretches(stretches, values, gradients, |number, stretch, value, grad, state| {
                let spec = &segments[stretch.segment].spec;
                let sums = match prepared(spec) {
                    true => update.prepare(step(stretch.segment, [0.0; 2]), spec, isa, value, grad, state),
                    false => [0.0; 2],
                };
                stretches.keep(number, sums);
            });
            stretches.add_up();
            let reworked = segments.iter().filter(|segment| prepared(&segment.spec));
            reworked.for_each(|segment| self.rework(update, isa, segment));
        } else {
            stretches.clear();
        }
        self.over_stretches(stretches, values, gradients, |_, stretch, value, grad, state| {
            let spec = &segments[stretch.segment].spec;
            if update.steps(spec) {
                let step = step(stretch.segment, stretches.total(stretch.segment));
                update.update(step, spec, isa, value, grad, state);
            }
        });
        self.taken = taken;
    }

    /// Does something to each stretch: its number, itself, its values, gradients and buffers.
    fn over_stretches(
        &mut self,
        stretches: &Stretches,
        values: &mut [f32],
        gradients: &[f32],
        visit: impl Fn(usize, &Stretch, &mut [f32], &[f32], &mut [&mut [f32]]) + Sync,
    ) {
        let slots = self.slots;
        let piece = |piece: usize, values: &mut [f32], gradients: &[f32], state: &mut [f32]| {
            for (number, stretch, range) in stretches.of_piece(piece) {
                let mut buffers: [&mut [f32]; MAX_SLOTS] = [&mut [], &mut [], &mut [], &mut []];
                for (buffer, part) in buffers.iter_mut().zip(state.chunks_mut(PIECE)) {
                    *buffer = &mut part[range.clone()];
                }
                let (value, grad) = (&mut values[range.clone()], &gradients[range]);
                visit(number, stretch, value, grad, &mut buffers[..slots]);
            }
        };
        let both = values.par_chunks_mut(PIECE).zip(gradients.par_chunks(PIECE)).enumerate();
        if slots == 0 {
            both.for_each(|(number, (values, gradients))| piece(number, values, gradients, &mut []));
        } else {
            let state = self.state.par_chunks_mut(PIECE * slots);
            both.zip(state)
                .for_each(|((number, (values, gradients)), state)| piece(number, values, gradients, state));
        }
    }

    /// Has a parameter's buffer made anew as a matrix, if the update wants that.
    fn rework(&mut self, update: &dyn Update, isa: Isa, segment: &Segment) {
        let Whole::Matrix { slot, work } = update.whole(&segment.spec) else { return };
        let mut matrix = std::mem::take(&mut self.matrix);
        let [packed, plain, room] = &mut matrix;
        let needed = [segment.range.len(), segment.spec.elements(), work];
        for (room, needed) in [&mut *packed, &mut *plain, &mut *room].into_iter().zip(needed) {
            room.resize(room.len().max(needed), 0.0);
        }
        let (packed, plain) = (&mut packed[..needed[0]], &mut plain[..needed[1]]);
        self.take_out(slot, &segment.range, packed);
        segment.unpack_into(packed, plain);
        update.rework(&segment.spec, isa, plain, &mut room[..work]);
        segment.pack(plain, packed);
        self.put_back(slot, &segment.range, packed);
        self.matrix = matrix;
    }

    /// Copies a range of a buffer, which lies in pieces, into one.
    fn take_out(&self, slot: usize, range: &Range<usize>, to: &mut [f32]) {
        for (place, part) in places(self.slots, slot, range) {
            to[part].copy_from_slice(&self.state[place]);
        }
    }

    /// Copies a range of a buffer back into its pieces.
    fn put_back(&mut self, slot: usize, range: &Range<usize>, from: &[f32]) {
        for (place, part) in places(self.slots, slot, range) {
            self.state[place].copy_from_slice(&from[part]);
        }
    }

    pub(super) fn state(&self, segments: &[Segment]) -> Weights {
        let mut weights = Weights::new();
        let of_each =
            |of: fn(&Taken) -> i64| Tensor::i64([self.taken.len()], self.taken.iter().map(of).collect());
        weights.insert("step", of_each(|taken| taken.number as i64));
        // Its bits: tensors hold no f64.
        weights.insert("carried", of_each(|taken| taken.carried.to_bits() as i64));
        weights.insert("slots", Tensor::i64([], vec![self.slots as i64]));
        for slot in 0..self.slots {
            for segment in segments {
                let mut packed = vec![0.0; segment.range.len()];
                self.take_out(slot, &segment.range, &mut packed);
                let tensor = Tensor::f32(segment.spec.shape.clone(), segment.unpack(&packed));
                weights.insert(format!("{slot}.{}", segment.spec.name), tensor);
            }
        }
        weights
    }

    pub(super) fn load(state: &Weights, segments: &[Segment], len: usize) -> Result<Self, PlanError> {
        let numbers = |name: &str, count: usize| {
            let found = state.get(name).and_then(Tensor::as_i64).filter(|found| found.len() == count);
            found.ok_or_else(|| PlanError::state(format!("needs {count} numbers in `{name}`")))
        };
        let slots = usize::try_from(numbers("slots", 1)?[0]).unwrap_or(usize::MAX);
        if slots > MAX_SLOTS {
            return Err(PlanError::state(format!("got {slots} buffers, needs at most {MAX_SLOTS}")));
        }
        let mut loaded = Self::new(slots, segments.len(), len);
        let (steps, carried) = (numbers("step", segments.len())?, numbers("carried", segments.len())?);
        for (taken, (number, carried)) in loaded.taken.iter_mut().zip(steps.iter().zip(carried)) {
            let negative = |_| PlanError::state(format!("`step` has {number}, less than 0"));
            let number = u64::try_from(*number).map_err(negative)?;
            *taken = Taken { number, carried: f64::from_bits(*carried as u64) };
        }
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
                loaded.put_back(slot, &segment.range, &packed);
            }
        }
        Ok(loaded)
    }
}

/// Where a range of parameters has one of its buffers, piece by piece, and which part of the range each piece has.
fn places(
    slots: usize,
    slot: usize,
    range: &Range<usize>,
) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let Range { start, end } = *range;
    (start / PIECE..end.div_ceil(PIECE)).map(move |piece| {
        let (first, last) = (start.max(piece * PIECE), end.min((piece + 1) * PIECE));
        let place = (piece * slots + slot) * PIECE + first % PIECE;
        (place..place + (last - first), first - start..last - start)
    })
}
