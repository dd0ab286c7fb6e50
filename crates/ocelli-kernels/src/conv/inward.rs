//! The input gradient of a convolution: sweeps over its output's gradient with transposed weights.

use super::pack::{Places, transpose_square};
use super::{Conv, ConvSweep, Links};
use crate::layout::{BLOCK, MapLayout, Strides, padded};
use crate::sweep::{Border, Sweep, Taps};

/// One part of the input gradient: the input rows and columns that share a remainder by the
/// stride, which the same taps reach, and the input channels that the same outputs read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Phase {
    /// The sweep over the output's gradient, writing the input's.
    pub conv: ConvSweep,
    /// The first kernel row and column that reach these inputs; the others follow by `tap_step`.
    tap: (usize, usize),
    tap_step: (usize, usize),
    /// How many kernel rows and columns reach them.
    taps: (usize, usize),
}

/// One axis of a [`Phase`].
#[derive(Clone, Copy)]
struct AxisPhase {
    tap: usize,
    tap_step: usize,
    taps: usize,
    first_input: usize,
    inputs: usize,
    /// The first output that the first input's taps read; may lie in the halo.
    first_output: isize,
    /// Outputs from one tap to the next.
    dilation: usize,
}

impl AxisPhase {
    fn is_empty(&self) -> bool {
        self.taps == 0 || self.inputs == 0
    }
}

impl Conv {
    /// The halo that the output's gradient needs for the input gradient.
    #[must_use]
    pub fn gradient_halo(&self) -> (usize, usize) {
        if self.is_linear() { (0, 0) } else { (self.axis_halo(0), self.axis_halo(1)) }
    }

    fn axis_halo(&self, axis: usize) -> usize {
        let size = [self.y.height, self.y.width][axis] as isize;
        self.axis_phases(axis)
            .filter(|p| !p.is_empty())
            .map(|p| {
                let last = p.first_output + (p.inputs - 1 + (p.taps - 1) * p.dilation) as isize;
                (-p.first_output).max(last - (size - 1)).max(0) as usize
            })
            .max()
            .unwrap_or(0)
    }

    fn axis_phases(&self, axis: usize) -> impl Iterator<Item = AxisPhase> + use<> {
        let pick = |pair: (usize, usize)| [pair.0, pair.1][axis];
        let (kernel, stride, padding) = (pick(self.kernel), pick(self.stride), pick(self.padding));
        let dilation = pick(self.dilation);
        let size = [self.x.height, self.x.width][axis];
        // Input i meets tap t of output o where i + padding = o · stride + t · dilation: the taps of input
        // i are those congruent to i + padding.
        let common = greatest_common_divisor(stride, dilation);
        let tap_step = stride / common;
        (0..stride).map(move |remainder| {
            let first_input = (remainder + stride - padding % stride) % stride;
            let inputs = size.saturating_sub(first_input).div_ceil(stride);
            let tap = (0..tap_step).find(|tap| tap * dilation % stride == remainder).unwrap_or(kernel);
            let taps = kernel.saturating_sub(tap).div_ceil(tap_step);
            let nearest = (first_input + padding) as isize - (tap * dilation) as isize;
            let dilation = dilation / common;
            let reach = (taps.saturating_sub(1) * dilation) as isize;
            let first_output = nearest / stride as isize - reach;
            AxisPhase { tap, tap_step, taps, first_input, inputs, first_output, dilation }
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
            for px in self.axis_phases(1).filter(|px| !py.is_empty() && !px.is_empty()) {
                let step = self.inward_bundle();
                for block in (0..self.x.pixel / BLOCK).step_by(step) {
                    let sweep = self.phase_sweep(images, g, (py, px), (block, step));
                    let method = self.method();
                    let conv = ConvSweep { sweep, weights, channel: block * BLOCK, method };
                    weights += sweep.blocks * sweep.taps.block_len();
                    let (tap, taps) = ((py.tap, px.tap), (py.taps, px.taps));
                    phases.push(Phase { conv, tap, tap_step: (py.tap_step, px.tap_step), taps });
                }
            }
        }
        phases
    }

    /// Blocks of input channels that read the same outputs.
    fn inward_bundle(&self) -> usize {
        match self.links() {
            Links::All | Links::Lanes(_) => self.x.pixel / BLOCK,
            Links::Groups(_) => self.inward_groups().bundle(),
        }
    }

    fn phase_sweep(
        &self,
        images: usize,
        g: MapLayout,
        (py, px): (AxisPhase, AxisPhase),
        (block, blocks): (usize, usize),
    ) -> Sweep {
        let (x, stride) = (self.x, self.stride);
        let (first, reads) = match self.links() {
            Links::All => (0, g.pixel),
            Links::Lanes(lanes) => (0, lanes.channels()),
            Links::Groups(_) => (self.inward_groups().first_read(block), self.inward_groups().reads),
        };
        let start = (g.halo_y as isize + py.first_output) * g.row() as isize
            + (g.halo_x as isize + px.first_output) * g.pixel as isize;
        let start = usize::try_from(start).expect("the gradient's halo is large enough") + first;
        let run = reads.min(self.y.channels);
        let whole = px.dilation == 1 && matches!(self.links(), Links::All) && run == reads;
        let border = Border {
            size: (g.height, g.width),
            stride: (1, 1),
            padding: (-py.first_output, -px.first_output),
            dilation: (py.dilation, px.dilation),
            columns: px.taps,
        };
        Sweep {
            images,
            rows: py.inputs,
            first_row: 0,
            columns: px.inputs,
            blocks,
            x: Strides { start, image: g.image(), row: g.row(), pixel: g.pixel },
            taps: Taps {
                rows: py.taps,
                row_stride: py.dilation * g.row(),
                columns: if whole { 1 } else { px.taps },
                column_stride: px.dilation * g.pixel,
                run: if whole { px.taps * reads } else { run },
                room: if whole { px.taps * reads } else { reads },
            },
            y: Strides {
                start: x.at(0, py.first_input) + px.first_input * x.pixel + block * BLOCK,
                image: x.image(),
                row: stride.0 * x.row(),
                pixel: stride.1 * x.pixel,
            },
            border: Some(border),
            weights_image: 0,
        }
    }

    /// Each row of the kernel against the one output: a product of the gradient with a matrix.
    fn linear_input_gradient(&self, images: usize, g: MapLayout) -> Vec<Phase> {
        let blocks = self.run() / BLOCK;
        let row = |row| {
            let sweep = Sweep {
                images,
                rows: 1,
                first_row: 0,
                columns: 1,
                blocks,
                x: g.strides(),
                taps: Taps { room: g.pixel, ..Taps::of_run(self.y.channels) },
                y: Strides { start: self.x.at(0, row), ..self.x.strides() },
                border: None,
                weights_image: 0,
            };
            let weights = row * blocks * g.pixel * BLOCK;
            let conv = ConvSweep { sweep, weights, channel: 0, method: self.method() };
            Phase { conv, tap: (row, 0), tap_step: (1, 1), taps: (1, 1) }
        };
        (0..self.kernel.0).map(row).collect()
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
        let reads = match self.links() {
            Links::All => padded(self.y.channels),
            Links::Lanes(lanes) => lanes.channels(),
            Links::Groups(_) => self.inward_groups().reads,
        };
        self.kernel.0 * self.kernel.1 * self.x.pixel * reads
    }

    /// Packs the weights of one phase of [`Conv::input_gradient`] that belong to one of its blocks:
    /// rows and columns of taps reversed, input and output channels exchanged.
    ///
    /// # Panics
    /// If a slice is too short, or the input's pixels are not whole blocks.
    pub fn transpose(&self, phase: &Phase, block: usize, packed: &[f32], transposed: &mut [f32]) {
        assert!(self.x.pixel.is_multiple_of(BLOCK), "the input gradient needs pixels of whole blocks");
        let block = phase.conv.channel / BLOCK + block;
        let of_tap = transposed.len() / (phase.taps.0 * phase.taps.1);
        let mut rest = transposed;
        for row in (0..phase.taps.0).rev() {
            for column in (0..phase.taps.1).rev() {
                let row = phase.tap.0 + row * phase.tap_step.0;
                let column = phase.tap.1 + column * phase.tap_step.1;
                let (tap, after) = rest.split_at_mut(of_tap);
                rest = after;
                self.transpose_tap((row, column), block, packed, tap);
            }
        }
    }

    fn transpose_tap(&self, (row, column): (usize, usize), block: usize, packed: &[f32], to: &mut [f32]) {
        let places = Places::of(self);
        match self.links() {
            Links::All => {
                let from = |outputs: usize| {
                    let start = places.at(outputs * BLOCK, block * BLOCK, row, column);
                    packed[start..].first_chunk().expect("packed weights for each tap")
                };
                for (outputs, to) in to.as_chunks_mut::<{ BLOCK * BLOCK }>().0.iter_mut().enumerate() {
                    transpose_square(from(outputs), to);
                }
            }
            Links::Lanes(lanes) => {
                let of_group = lanes.channels();
                for (place, of_place) in to.chunks_exact_mut(BLOCK).enumerate() {
                    for (lane, weight) in of_place.iter_mut().enumerate() {
                        let input = block * BLOCK + lane;
                        let output = input - input % of_group + place;
                        *weight = packed[places.at(output, input % of_group, row, column)];
                    }
                }
            }
            Links::Groups(groups) => {
                let first = self.inward_groups().first_read(block);
                for (place, lanes) in to.chunks_exact_mut(BLOCK).enumerate() {
                    let output = first + place;
                    for (lane, weight) in lanes.iter_mut().enumerate() {
                        let input = block * BLOCK + lane;
                        *weight = if groups.joined(output, input) {
                            let j = input - groups.first_read(output / BLOCK);
                            packed[places.at(output, j, row, column)]
                        } else {
                            0.0
                        };
                    }
                }
            }
        }
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
