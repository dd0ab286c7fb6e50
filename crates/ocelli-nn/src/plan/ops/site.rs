//! Where an operation runs: a step on a chunk, with the memory that it reads and writes.

use std::ops::Range;

use ocelli_kernels::{Isa, MapLayout};
use rayon::prelude::*;

use super::super::SampleKeys;
use super::super::chunk::{Chunk, Shared};
use super::super::memory::disjoint;
use super::super::program::{Map, Step, Target, Vector};

/// A step on a chunk.
pub(in super::super) struct Site<'s, 'c> {
    pub(in super::super) chunk: &'s mut Chunk<'c>,
    pub(in super::super) shared: &'s Shared<'s>,
    pub(in super::super) step: &'s Step,
    /// What random numbers are drawn by, in training.
    pub(in super::super) keys: Option<&'s SampleKeys<'s>>,
    /// Whether the rows of a map are shared among the threads of the pool.
    pub(in super::super) split: bool,
}

impl<'s> Site<'s, '_> {
    pub(super) fn isa(&self) -> Isa {
        self.shared.isa
    }

    pub(super) fn images(&self) -> usize {
        self.chunk.images
    }

    /// The input of a number.
    pub(super) fn x(&self, input: usize) -> &'s Map {
        &self.shared.program.slots[self.step.op.inputs[input]].data
    }

    pub(super) fn y(&self) -> &'s Map {
        &self.shared.program.slots[self.step.op.output].data
    }

    /// The output's gradient.
    pub(super) fn dy(&self) -> &'s Map {
        let grad = &self.shared.program.slots[self.step.op.output].grad;
        grad.as_ref().expect("a backward pass runs where the output has a gradient")
    }

    /// Where the gradient of an input goes, if anywhere. What goes there is added to what there is if this
    /// says so.
    pub(super) fn dx(&self, input: usize) -> Option<(&'s Map, bool)> {
        let map = self.shared.program.slots[self.step.op.inputs[input]].grad.as_ref();
        match self.step.dx[input] {
            Target::None => None,
            target => map.map(|map| (map, target == Target::Add)),
        }
    }

    /// Readies the gradient of an input for an operation that writes every value of it, or adds to it if
    /// this says so: clears its halo if it is the first.
    pub(super) fn written_dx(&mut self, input: usize) -> Option<(&'s Map, bool)> {
        let (map, add) = self.dx(input)?;
        if !add {
            map.layout.clear_halo(self.chunk.images, &mut self.chunk.floats[map.range.clone()]);
        }
        Some((map, add))
    }

    /// Readies the gradient of an input for an operation that adds to it: zeros, if it is the first.
    pub(super) fn added_dx(&mut self, input: usize) -> Option<&'s Map> {
        let (map, add) = self.dx(input)?;
        if !add {
            self.chunk.floats[map.range.clone()].fill(0.0);
        }
        Some(map)
    }

    /// The memory of a map to write and of others to read.
    pub(super) fn memory<const N: usize>(
        &mut self,
        write: &Map,
        reads: [&Map; N],
    ) -> (&mut [f32], [&[f32]; N]) {
        disjoint(self.chunk.floats, write.range.clone(), reads.map(|map| map.range.clone()))
    }

    /// The same with places of maxima.
    pub(super) fn memory_and_places<const N: usize>(
        &mut self,
        write: &Map,
        reads: [&Map; N],
        places: &Range<usize>,
    ) -> (&mut [f32], [&[f32]; N], &mut [u16]) {
        let ranges = reads.map(|map| map.range.clone());
        let (out, reads) = disjoint(self.chunk.floats, write.range.clone(), ranges);
        (out, reads, &mut self.chunk.places[places.clone()])
    }

    /// Calls `row` with the image, the row and the pixels of each row of a map to write, and the memory of
    /// others to read; in parallel if the site is split.
    pub(super) fn rows<const N: usize>(
        &mut self,
        write: &Map,
        reads: [&Map; N],
        row: impl Fn(usize, usize, &mut [f32], [&[f32]; N]) + Sync,
    ) {
        let (images, split) = (self.images(), self.split);
        let (out, reads) = self.memory(write, reads);
        let layout = &write.layout;
        if split && images == 1 {
            let rows = &mut out[layout.halo_y * layout.row()..][..layout.height * layout.row()];
            let side = layout.halo_x * layout.pixel;
            let pixels = layout.width * layout.pixel;
            rows.par_chunks_mut(layout.row())
                .enumerate()
                .with_min_len(layout.height.div_ceil(rayon::current_num_threads()).max(1))
                .for_each(|(y, memory)| row(0, y, &mut memory[side..side + pixels], reads));
            return;
        }
        for (n, y) in (0..images).flat_map(|n| (0..layout.height).map(move |y| (n, y))) {
            row(n, y, &mut out[layout.row_values(n, y)], reads);
        }
    }
}

impl Site<'_, '_> {
    /// The backward pass of an operation with a parameter for each channel. Calls `row` with the image and the row,
    /// the pixels of the gradient to write, if any, and whether to add to them, the memory of maps to read, and sums: as
    /// many floats as a pixel has for each of `vectors`, zero at first. In the end they are the chunk's shares of the
    /// vectors' gradients.
    pub(super) fn rows_and_sums<const N: usize, const V: usize>(
        &mut self,
        write: Option<(&Map, bool)>,
        reads: [&Map; N],
        vectors: [Option<&Vector>; V],
        mut row: impl FnMut((usize, usize), Option<(&mut [f32], bool)>, [&[f32]; N], &mut [f32]),
    ) {
        let (images, layout) = (self.images(), reads[0].layout);
        let places = (0..images).flat_map(|n| (0..layout.height).map(move |y| (n, y)));
        self.shared.scratch.with(|scratch| {
            let sums = &mut scratch.floats[..V * layout.pixel];
            sums.fill(0.0);
            if let Some((map, add)) = write {
                let (out, reads) = self.memory(map, reads);
                for (n, y) in places {
                    row((n, y), Some((&mut out[map.layout.row_values(n, y)], add)), reads, sums);
                }
            } else {
                let reads = reads.map(|map| &self.chunk.floats[map.range.clone()]);
                places.for_each(|place| row(place, None, reads, sums));
            }
            for (vector, sums) in vectors.iter().zip(sums.chunks_exact(layout.pixel)) {
                if let Some(vector) = vector {
                    vector.take_share(self.chunk.floats, sums);
                }
            }
        });
    }
}

/// Zeros in the channels past the last of each pixel.
pub(in super::super) fn clear_padding(layout: &MapLayout, pixels: &mut [f32]) {
    if layout.channels < layout.pixel {
        pixels.chunks_exact_mut(layout.pixel).for_each(|pixel| pixel[layout.channels..].fill(0.0));
    }
}
