//! Channels that are joined, taken or shuffled.

use ocelli_kernels::channels::{self, Run, move_channels};

use super::super::program::Compiler;
use super::site::clear_padding;
use super::{Operation, Site};

/// What moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum Channels {
    /// All channels of all inputs, one input after another.
    Concat,
    /// The channels from this one on, as many as the output has.
    Narrow(usize),
    /// All, shuffled among so many groups.
    Shuffle(usize),
}

#[derive(Debug)]
pub(super) struct Moves {
    /// For each input, where its channels go.
    forward: Vec<Vec<Run>>,
    /// For each input, where its channels' gradients come from.
    backward: Vec<Vec<Run>>,
    /// Whether every channel of the inputs is somewhere in the output.
    all: bool,
}

impl Moves {
    pub(super) fn new(what: Channels, compiler: &Compiler<'_>, index: usize) -> Self {
        let inputs = compiler.inputs(index);
        let forward: Vec<_> = match what {
            Channels::Concat => {
                let mut first = 0;
                let joined = (0..inputs).map(|input| {
                    let count = compiler.input_layout(index, input).channels;
                    first += count;
                    vec![Run::neighbours(count, 0, first - count)]
                });
                joined.collect()
            }
            Channels::Narrow(start) => {
                vec![vec![Run::neighbours(compiler.output_layout(index).channels, start, 0)]]
            }
            Channels::Shuffle(groups) => {
                vec![channels::shuffle(compiler.output_layout(index).channels, groups)]
            }
        };
        let back = |runs: &Vec<Run>| runs.iter().map(|run| run.reversed()).collect();
        let backward = forward.iter().map(back).collect();
        Self { forward, backward, all: !matches!(what, Channels::Narrow(_)) }
    }
}

impl Operation for Moves {
    fn forward(&self, site: &mut Site<'_, '_>) {
        let (y, isa) = (site.y(), site.isa());
        let last = self.forward.len() - 1;
        for (input, runs) in self.forward.iter().enumerate() {
            let x = site.x(input);
            site.rows(y, [x], |n, row, values, [from]| {
                let from = (&from[x.layout.row_values(n, row)], x.layout.pixel);
                move_channels(isa, runs, from, (&mut *values, y.layout.pixel), false);
                if input == last {
                    clear_padding(&y.layout, values);
                }
            });
        }
    }

    fn backward(&self, site: &mut Site<'_, '_>) {
        let (dy, isa) = (site.dy(), site.isa());
        for (input, runs) in self.backward.iter().enumerate() {
            let target =
                if self.all { site.written_dx(input) } else { site.added_dx(input).map(|map| (map, true)) };
            let Some((dx, add)) = target else { continue };
            site.rows(dx, [dy], |n, row, values, [from]| {
                let from = (&from[dy.layout.row_values(n, row)], dy.layout.pixel);
                move_channels(isa, runs, from, (&mut *values, dx.layout.pixel), add);
                if !add {
                    clear_padding(&dx.layout, values);
                }
            });
        }
    }
}
