//! Average pooling, of windows that slide or that divide the map.

use ocelli_kernels::BLOCK;
use ocelli_kernels::avg_pool::{self, AvgPool, PoolStrides, Windows};
use rayon::prelude::*;

use super::super::program::{Compiler, Map};
use super::{Operation, Site};
use crate::layers::AvgPool2d;

/// Which windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum AvgWindow {
    Fixed(AvgPool2d),
    Adaptive,
}

#[derive(Debug)]
pub(super) struct Pool(AvgPool);

impl Pool {
    pub(super) fn new(window: AvgWindow, compiler: &Compiler<'_>, index: usize) -> Self {
        let x = compiler.input_layout(index, 0);
        let y = compiler.output_layout(index);
        let (height, width) = ((x.height, y.height), (x.width, y.width));
        let (windows, divisor) = match window {
            AvgWindow::Fixed(pool) => {
                let AvgPool2d { kernel_size: k, stride: s, padding: p, count_include_pad, .. } = pool;
                let rows = Windows::fixed(height, (k.height, s.height, p.height), count_include_pad);
                let columns = Windows::fixed(width, (k.width, s.width, p.width), count_include_pad);
                ((rows, columns), pool.divisor_override)
            }
            AvgWindow::Adaptive => {
                ((Windows::adaptive(height.0, height.1), Windows::adaptive(width.0, width.1)), None)
            }
        };
        Self(AvgPool { windows, divisor })
    }
}

impl Operation for Pool {
    fn forward(&self, site: &mut Site<'_, '_>) {
        let (x, y, isa, images) = (site.x(0), site.y(), site.isa(), site.images());
        let steps = steps(x, y);
        let one_pixel = y.layout.height == 1 && y.layout.width == 1;
        let split = site.split && one_pixel && images == 1;
        let (out, [values]) = site.memory(y, [x]);
        if !split {
            avg_pool::forward(isa, &self.0, images, steps, values, out);
            return;
        }
        // One pixel from all: each thread takes some of the channels.
        let blocks = steps.blocks.div_ceil(rayon::current_num_threads());
        let out = &mut out[steps.y.start..][..y.layout.pixel];
        out.par_chunks_mut(blocks * BLOCK).enumerate().with_max_len(1).for_each(|(task, out)| {
            let mut steps = PoolStrides { blocks: out.len() / BLOCK, ..steps };
            steps.x.start += task * blocks * BLOCK;
            steps.y.start = 0;
            avg_pool::forward(isa, &self.0, 1, steps, values, out);
        });
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        let Some(dx) = site.added_dx(0) else { return };
        let (dy, isa, images) = (site.dy(), site.isa(), site.images());
        let steps = steps(dx, dy);
        let (to, [from]) = site.memory(dx, [dy]);
        avg_pool::backward(isa, &self.0, images, steps, from, to);
    }
}

/// Steps through an input and an output, or their gradients, whole pixels each.
fn steps(x: &Map, y: &Map) -> PoolStrides {
    PoolStrides { x: x.layout.strides(), y: y.layout.strides(), blocks: y.layout.pixel / BLOCK }
}
