//! Convolution: how its forward pass and its two gradients are sweeps over packed weights.

mod pack;

pub use pack::{pack, unpack};

use crate::layout::{BLOCK, MapLayout, Strides, padded};
use crate::sweep::{Border, Sweep, Taps};

/// The geometry of a convolution with zero padding, stride and dilation 1. A linear layer over a
/// whole map is a convolution whose kernel is the map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Conv {
    /// The input's memory; its halo is at least the padding.
    pub x: MapLayout,
    /// The output's memory.
    pub y: MapLayout,
    /// Kernel height and width.
    pub kernel: (usize, usize),
    /// Rows and pixels between neighbouring outputs.
    pub stride: (usize, usize),
    /// Rows and pixels of zeros around the input.
    pub padding: (usize, usize),
}

/// One part of the input gradient: the input rows and columns that share a remainder by the
/// stride, which the same taps reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Phase {
    /// The sweep over the output's gradient, writing the input's.
    pub sweep: Sweep,
    /// The first kernel row and column that reach these inputs; the others follow by the stride.
    pub tap: (usize, usize),
    /// How many kernel rows and columns reach them.
    pub taps: (usize, usize),
    /// Where the phase's weights begin among the transposed weights.
    pub weights: usize,
}

/// One axis of a [`Phase`].
#[derive(Clone, Copy)]
struct AxisPhase {
    tap: usize,
    taps: usize,
    first_input: usize,
    inputs: usize,
    /// The first output that the first input's taps read; may lie in the halo.
    first_output: isize,
}

impl Conv {
    /// The length of one row of taps in floats.
    #[must_use]
    pub fn run(&self) -> usize {
        self.kernel.1 * self.x.pixel
    }

    fn taps(&self) -> Taps {
        Taps { rows: self.kernel.0, row_stride: self.x.row(), run: self.run() }
    }

    /// Floats of the packed weights.
    #[must_use]
    pub fn weights_len(&self) -> usize {
        padded(self.y.channels) / BLOCK * self.taps().block_len()
    }

    /// The forward pass over `images` images: input to output. The same sweep serves the weight
    /// gradient.
    ///
    /// # Panics
    /// If the input's halo is smaller than the padding.
    #[must_use]
    pub fn forward(&self, images: usize) -> Sweep {
        let Self { x, y, stride, padding, .. } = *self;
        assert!(x.halo_y >= padding.0 && x.halo_x >= padding.1, "the halo does not hold the padding");
        Sweep {
            images,
            rows: y.height,
            first_row: 0,
            columns: y.width,
            blocks: padded(y.channels) / BLOCK,
            x: Strides {
                start: (x.halo_y - padding.0) * x.row() + (x.halo_x - padding.1) * x.pixel,
                image: x.image(),
                row: stride.0 * x.row(),
                pixel: stride.1 * x.pixel,
            },
            taps: self.taps(),
            y: y.strides(),
            border: Some(Border {
                size: (x.height, x.width),
                stride,
                padding: (padding.0 as isize, padding.1 as isize),
                columns: self.kernel.1,
            }),
            weights_image: 0,
        }
    }

    /// The forward pass over rows `first..first + rows` of one image, written to a map of that
    /// many rows with the memory of `band`.
    #[must_use]
    pub fn forward_rows(&self, first: usize, rows: usize, band: MapLayout) -> Sweep {
        let whole = self.forward(1);
        Sweep {
            rows,
            first_row: first,
            x: Strides { start: whole.x.at(0, first, 0), ..whole.x },
            y: band.strides(),
            ..whole
        }
    }

    /// The halo that the output's gradient needs for the input gradient.
    #[must_use]
    pub fn gradient_halo(&self) -> (usize, usize) {
        if self.is_linear() { (0, 0) } else { (self.axis_halo(0), self.axis_halo(1)) }
    }

    /// Whether the kernel covers the whole map, so that there is one output: a linear layer.
    #[must_use]
    pub fn is_linear(&self) -> bool {
        self.padding == (0, 0) && self.kernel == (self.x.height, self.x.width)
    }

    fn axis_halo(&self, axis: usize) -> usize {
        let size = [self.y.height, self.y.width][axis] as isize;
        self.axis_phases(axis)
            .filter(|p| p.taps > 0 && p.inputs > 0)
            .map(|p| {
                let last = p.first_output + (p.inputs + p.taps) as isize - 2;
                (-p.first_output).max(last - (size - 1)).max(0) as usize
            })
            .max()
            .unwrap_or(0)
    }

    fn axis_phases(&self, axis: usize) -> impl Iterator<Item = AxisPhase> + use<> {
        let pick = |pair: (usize, usize)| [pair.0, pair.1][axis];
        let (kernel, stride, padding) = (pick(self.kernel), pick(self.stride), pick(self.padding));
        let size = [self.x.height, self.x.width][axis];
        // Input i meets tap t of output o where i + padding = o · stride + t, so the taps of input
        // i are those congruent to i + padding.
        (0..stride).map(move |tap| {
            let taps = kernel.saturating_sub(tap).div_ceil(stride);
            let first_input = (tap + stride - padding % stride) % stride;
            let inputs = size.saturating_sub(first_input).div_ceil(stride);
            let nearest = (first_input + padding).saturating_sub(tap) / stride;
            AxisPhase { tap, taps, first_input, inputs, first_output: nearest as isize - taps as isize + 1 }
        })
    }

    /// The input gradient as sweeps over the output's gradient, whose memory is `g` (the output's
    /// with at least [`Conv::gradient_halo`]), with weights from [`Conv::transpose`]. Phases that no
    /// tap reaches are left out: see [`Conv::reaches_every_input`].
    #[must_use]
    pub fn input_gradient(&self, images: usize, g: MapLayout) -> Vec<Phase> {
        if self.is_linear() {
            return self.linear_input_gradient(images, g);
        }
        let mut weights = 0;
        let mut phases = Vec::new();
        for py in self.axis_phases(0) {
            for px in self.axis_phases(1) {
                if py.taps == 0 || px.taps == 0 || py.inputs == 0 || px.inputs == 0 {
                    continue;
                }
                let sweep = self.phase_sweep(images, g, py, px);
                phases.push(Phase { sweep, tap: (py.tap, px.tap), taps: (py.taps, px.taps), weights });
                weights += sweep.blocks * sweep.taps.block_len();
            }
        }
        phases
    }

    /// Each row of the kernel against the one output: a product of the gradient with a matrix.
    fn linear_input_gradient(&self, images: usize, g: MapLayout) -> Vec<Phase> {
        let blocks = self.run() / BLOCK;
        let row = |row| Phase {
            sweep: Sweep {
                images,
                rows: 1,
                first_row: 0,
                columns: 1,
                blocks,
                x: g.strides(),
                taps: Taps { rows: 1, row_stride: 0, run: g.pixel },
                y: Strides { start: self.x.at(0, row), ..self.x.strides() },
                border: None,
                weights_image: 0,
            },
            tap: (row, 0),
            taps: (1, 1),
            weights: row * blocks * g.pixel * BLOCK,
        };
        (0..self.kernel.0).map(row).collect()
    }

    fn phase_sweep(&self, images: usize, g: MapLayout, py: AxisPhase, px: AxisPhase) -> Sweep {
        let (x, stride) = (self.x, self.stride);
        let start = (g.halo_y as isize + py.first_output) * g.row() as isize
            + (g.halo_x as isize + px.first_output) * g.pixel as isize;
        let start = usize::try_from(start).expect("the gradient's halo is large enough");
        Sweep {
            images,
            rows: py.inputs,
            first_row: 0,
            columns: px.inputs,
            blocks: x.pixel / BLOCK,
            x: Strides { start, image: g.image(), row: g.row(), pixel: g.pixel },
            taps: Taps { rows: py.taps, row_stride: g.row(), run: px.taps * g.pixel },
            y: Strides {
                start: x.at(0, py.first_input) + px.first_input * x.pixel,
                image: x.image(),
                row: stride.0 * x.row(),
                pixel: stride.1 * x.pixel,
            },
            border: Some(Border {
                size: (g.height, g.width),
                stride: (1, 1),
                padding: (-py.first_output, -px.first_output),
                columns: px.taps,
            }),
            weights_image: 0,
        }
    }

    /// Whether every input has a tap that reaches it; otherwise the input gradient must start from
    /// zeros.
    #[must_use]
    pub fn reaches_every_input(&self) -> bool {
        (0..2).all(|axis| self.axis_phases(axis).all(|p| p.taps > 0 || p.inputs == 0))
    }

    /// Floats of the transposed weights.
    #[must_use]
    pub fn transposed_len(&self) -> usize {
        self.kernel.0 * self.kernel.1 * self.x.pixel * padded(self.y.channels)
    }

    /// Packs the weights of one phase of [`Conv::input_gradient`] that belong to one of its blocks:
    /// rows and columns of taps reversed, input and output channels exchanged.
    ///
    /// # Panics
    /// If a slice is too short, or the input's pixels are not whole blocks.
    pub fn transpose(&self, phase: &Phase, block: usize, packed: &[f32], transposed: &mut [f32]) {
        assert!(self.x.pixel.is_multiple_of(BLOCK), "the input gradient needs pixels of whole blocks");
        let mut squares = transposed.as_chunks_mut::<{ BLOCK * BLOCK }>().0.iter_mut();
        for row in (0..phase.taps.0).rev() {
            for column in (0..phase.taps.1).rev() {
                let row = phase.tap.0 + row * self.stride.0;
                let j = (phase.tap.1 + column * self.stride.1) * self.x.pixel + block * BLOCK;
                for output_block in 0..padded(self.y.channels) / BLOCK {
                    let start = ((output_block * self.kernel.0 + row) * self.run() + j) * BLOCK;
                    let source = packed[start..].first_chunk().expect("packed weights for each tap");
                    pack::transpose_square(source, squares.next().expect("a place for each tap"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
