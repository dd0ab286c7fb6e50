//! Convolution: how its forward pass and its two gradients are sweeps over packed weights.

mod groups;
mod inward;
mod pack;

use std::ops::Range;

pub use inward::Phase;
pub use pack::{clear_unjoined, pack, unpack};

use crate::grouped::{Lanes, grouped, grouped_gradient};
use crate::isa::Isa;
use crate::layout::{BLOCK, MapLayout, Strides, padded};
use crate::outer::{Groups as ImageGroups, outer};
use crate::sweep::{Addend, Border, Finish, Sweep, Taps, sweep};
use groups::Groups;

/// The geometry of a convolution with zero padding. A linear layer over a whole map is a convolution
/// whose kernel is the map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Conv {
    /// The input's memory; its halo is at least [`Conv::halo`].
    pub x: MapLayout,
    /// The output's memory. Its size decides how far the padding after the input reaches.
    pub y: MapLayout,
    /// Kernel height and width.
    pub kernel: (usize, usize),
    /// Rows and pixels between neighbouring outputs.
    pub stride: (usize, usize),
    /// Rows and pixels of zeros before the input.
    pub padding: (usize, usize),
    /// Rows and pixels between neighbouring taps of the kernel.
    pub dilation: (usize, usize),
    /// Groups of channels, each of which reads a group of the input's.
    pub groups: usize,
}

/// Which inputs an output has weights for.
enum Links {
    /// All.
    All,
    /// Those of its group, several of which share a vector: in a depthwise convolution one.
    Lanes(Lanes),
    /// Those of its group.
    Groups(Groups),
}

/// The kernel that runs a sweep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Method {
    /// [`sweep`].
    Sweep,
    /// [`grouped`].
    Grouped(Lanes),
}

/// A sweep of a convolution: all of it, or of the output channels that read the same input channels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConvSweep {
    /// The sweep.
    pub sweep: Sweep,
    /// Where its weights begin among the convolution's.
    pub weights: usize,
    /// The first of the output channels.
    pub channel: usize,
    /// What runs it.
    method: Method,
}

impl Conv {
    /// The length of one row of taps in floats, in a convolution without groups.
    #[must_use]
    pub fn run(&self) -> usize {
        self.kernel.1 * self.x.pixel
    }

    fn links(&self) -> Links {
        match self.groups {
            1 => Links::All,
            groups => match Lanes::new(self.y.channels / groups, self.x.channels / groups) {
                Some(lanes) => Links::Lanes(lanes),
                None => Links::Groups(Groups::new(self.y.channels, self.x.channels, groups)),
            },
        }
    }

    fn method(&self) -> Method {
        match self.links() {
            Links::All | Links::Groups(_) => Method::Sweep,
            Links::Lanes(lanes) => Method::Grouped(lanes),
        }
    }

    /// The groups of the input gradient, whose outputs are the inputs.
    fn inward_groups(&self) -> Groups {
        Groups::new(self.x.channels, self.y.channels, self.groups)
    }

    /// Whether the input is read by whole vectors of channels, so that its pixels must be whole blocks.
    #[must_use]
    pub fn reads_vectors(&self) -> bool {
        self.method() != Method::Sweep
    }

    /// Whether the kernel covers the whole map, so that there is one output: a linear layer.
    #[must_use]
    pub fn is_linear(&self) -> bool {
        self.padding == (0, 0)
            && self.kernel == (self.x.height, self.x.width)
            // Padding after the input makes more.
            && (self.y.height, self.y.width) == (1, 1)
            && self.dilation == (1, 1)
            && self.groups == 1
    }

    /// Inputs that each block of outputs reads.
    fn reads(&self) -> usize {
        match self.links() {
            Links::All => self.x.pixel,
            Links::Lanes(lanes) => lanes.channels(),
            Links::Groups(groups) => groups.reads,
        }
    }

    /// The halo that the input needs: what the padding takes before it or after it.
    #[must_use]
    pub fn halo(&self) -> (usize, usize) {
        let axis = |outputs: usize, k: usize, s: usize, d: usize, p: usize, size: usize| {
            let end = outputs.saturating_sub(1) * s + (k - 1) * d + 1;
            p.max(end.saturating_sub(p + size))
        };
        let (k, s, d, p) = (self.kernel, self.stride, self.dilation, self.padding);
        (
            axis(self.y.height, k.0, s.0, d.0, p.0, self.x.height),
            axis(self.y.width, k.1, s.1, d.1, p.1, self.x.width),
        )
    }

    /// Floats of the packed weights.
    #[must_use]
    pub fn weights_len(&self) -> usize {
        padded(self.y.channels) * self.kernel.0 * self.kernel.1 * self.reads()
    }

    /// The forward pass over `images` images, input to output: one sweep, or one for each run of output
    /// channels that read the same inputs. The same sweeps serve the weight gradient.
    ///
    /// # Panics
    /// If the input's halo is too small, or its pixels are not whole blocks and it [reads vectors](Conv::reads_vectors).
    #[must_use]
    pub fn sweeps(&self, images: usize) -> Vec<ConvSweep> {
        let halo = self.halo();
        assert!(self.x.halo_y >= halo.0 && self.x.halo_x >= halo.1, "the halo does not hold the padding");
        let blocks = padded(self.y.channels) / BLOCK;
        match self.links() {
            Links::All => vec![self.sweep_of(images, (0, blocks), 0)],
            Links::Lanes(_) => {
                assert!(
                    self.x.pixel.is_multiple_of(BLOCK),
                    "pixels that are read by vectors are whole blocks"
                );
                vec![self.sweep_of(images, (0, blocks), 0)]
            }
            Links::Groups(groups) => {
                let bundle = groups.bundle();
                let of = |block| self.sweep_of(images, (block, bundle), groups.first_read(block));
                (0..blocks).step_by(bundle).map(of).collect()
            }
        }
    }

    fn sweep_of(&self, images: usize, (block, blocks): (usize, usize), first_read: usize) -> ConvSweep {
        let Self { x, y, stride, padding, dilation, .. } = *self;
        let reads = self.reads();
        // Channels that are padding are zeros, and need not be read.
        let run = reads.min(x.channels);
        let whole = dilation.1 == 1 && self.groups == 1 && run == reads;
        let taps = Taps {
            rows: self.kernel.0,
            row_stride: dilation.0 * x.row(),
            columns: if whole { 1 } else { self.kernel.1 },
            column_stride: dilation.1 * x.pixel,
            run: if whole { self.run() } else { run },
            room: if whole { self.run() } else { reads },
        };
        let start = (x.halo_y - padding.0) * x.row() + (x.halo_x - padding.1) * x.pixel + first_read;
        let border = Border {
            size: (x.height, x.width),
            stride,
            padding: (padding.0 as isize, padding.1 as isize),
            dilation,
            columns: self.kernel.1,
        };
        let sweep = Sweep {
            images,
            rows: y.height,
            first_row: 0,
            columns: y.width,
            blocks,
            x: Strides { start, image: x.image(), row: stride.0 * x.row(), pixel: stride.1 * x.pixel },
            taps,
            y: Strides { start: y.strides().start + block * BLOCK, ..y.strides() },
            border: Some(border),
            weights_image: 0,
        };
        ConvSweep { sweep, weights: block * taps.block_len(), channel: block * BLOCK, method: self.method() }
    }
}

impl ConvSweep {
    /// The same for some images and rows, written as `y` says, which begins with the first channel of the
    /// first row of the first image.
    fn part(&self, images: Range<usize>, rows: Range<usize>, y: Strides) -> Self {
        let sweep = Sweep {
            images: images.len(),
            rows: rows.len(),
            first_row: rows.start,
            x: Strides { start: self.sweep.x.at(images.start, rows.start, 0), ..self.sweep.x },
            y: Strides { start: y.start + self.channel, ..y },
            ..self.sweep
        };
        Self { sweep, ..*self }
    }

    /// The same over so many images.
    #[must_use]
    pub fn over(&self, images: usize) -> Self {
        Self { sweep: Sweep { images, ..self.sweep }, ..*self }
    }

    /// Runs the sweep, with the weights of the whole convolution.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn run(&self, isa: Isa, x: &[f32], w: &[f32], finish: Finish<'_>, y: &mut [f32]) {
        let (s, w) = (&self.sweep, &w[self.weights..]);
        match self.method {
            Method::Sweep => sweep(isa, s, x, w, finish, y),
            Method::Grouped(lanes) => grouped(isa, lanes, s, x, w, finish, y),
        }
    }

    /// Whether the sweep is one over broadcast inputs ([`sweep`]).
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.method == Method::Sweep
    }
}

/// Rows `rows` of `images` of a convolution, given its sweeps: `y = relu?(bias + addend + conv(x))`. The
/// first row of the first image begins at `y_strides.start` of `y`; an addend begins there too.
///
/// # Panics
/// If a slice is too short.
pub fn forward(
    isa: Isa,
    sweeps: &[ConvSweep],
    (images, rows): (Range<usize>, Range<usize>),
    x: &[f32],
    w: &[f32],
    finish: Finish<'_>,
    (y, y_strides): (&mut [f32], Strides),
) {
    for s in sweeps {
        let addend = match finish.addend {
            Addend::Map(map, strides) => {
                Addend::Map(map, Strides { start: strides.start + s.channel, ..strides })
            }
            other => other,
        };
        let finish = Finish { bias: finish.bias.map(|bias| &bias[s.channel..]), addend, ..finish };
        s.part(images.clone(), rows.clone(), y_strides).run(isa, x, w, finish, y);
    }
}

/// Writes to `dw`, packed as the weights are, their gradient over the first `images` of `x` for the
/// gradient `g` of the output, which lies as `g_strides` says.
///
/// # Panics
/// If a slice is too short.
pub fn weight_gradient(
    isa: Isa,
    conv: &Conv,
    sweeps: &[ConvSweep],
    images: usize,
    x: &[f32],
    (g, g_strides): (&[f32], Strides),
    dw: &mut [f32],
) {
    for s in sweeps {
        let part = s.part(0..images, 0..conv.y.height, g_strides).sweep;
        let dw = &mut dw[s.weights..];
        match s.method {
            Method::Sweep => outer(isa, &part, ImageGroups::ONE, x, g, dw, false),
            Method::Grouped(lanes) => grouped_gradient(isa, lanes, &part, x, g, dw),
        }
    }
    clear_unjoined(conv, dw);
}

#[cfg(test)]
mod tests;
