//! Channels that move from place to place within their pixels: what concatenation, a slice and a shuffle of
//! channels are, and backward, where they go the other way.

use crate::isa::{Isa, Kernel};
use crate::simd::Simd;

/// Channels of a pixel at regular distances: `first`, `first + step`, ….
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Series {
    /// The first channel.
    pub first: usize,
    /// From a channel to the next.
    pub step: usize,
}

/// Channels that move together, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// How many.
    pub count: usize,
    /// Which channels they are where they come from.
    pub from: Series,
    /// Which they become.
    pub to: Series,
}

impl Run {
    /// `count` neighbours, from channel `from` on, that become neighbours from `to` on.
    #[must_use]
    pub fn neighbours(count: usize, from: usize, to: usize) -> Self {
        Self { count, from: Series { first: from, step: 1 }, to: Series { first: to, step: 1 } }
    }

    /// The way back.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { from: self.to, to: self.from, ..self }
    }
}

/// PyTorch's `ChannelShuffle` (Zhang et al., 2017, arXiv:1707.01083): of `channels` in so many groups, the
/// first of each group, then the second of each, and so on.
///
/// # Panics
/// If the groups are none, or do not divide the channels.
#[must_use]
pub fn shuffle(channels: usize, groups: usize) -> Vec<Run> {
    assert!(groups > 0 && channels.is_multiple_of(groups), "{channels} channels in {groups} groups");
    let count = channels / groups;
    let run = |group| Run {
        count,
        from: Series { first: group * count, step: 1 },
        to: Series { first: group, step: groups },
    };
    (0..groups).map(run).collect()
}

/// Moves channels of every pixel of a row from `x`, whose pixels are `x_pixel` floats long, to `y`; adds them to
/// what there is if `add`. Other channels of `y` stay.
///
/// # Panics
/// If a slice is no whole pixels, the rows are not as long as each other, or a run leaves a pixel.
pub fn move_channels(
    isa: Isa,
    runs: &[Run],
    (x, x_pixel): (&[f32], usize),
    (y, y_pixel): (&mut [f32], usize),
    add: bool,
) {
    assert!(x.len().is_multiple_of(x_pixel) && y.len().is_multiple_of(y_pixel), "no whole pixels");
    assert_eq!(x.len() / x_pixel, y.len() / y_pixel, "pixels of the two rows");
    isa.run(Move { runs, x, x_pixel, y, y_pixel, add });
}

struct Move<'a> {
    runs: &'a [Run],
    x: &'a [f32],
    x_pixel: usize,
    y: &'a mut [f32],
    y_pixel: usize,
    add: bool,
}

impl Kernel for Move<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for (x, y) in self.x.chunks_exact(self.x_pixel).zip(self.y.chunks_exact_mut(self.y_pixel)) {
            for run in self.runs.iter().filter(|run| run.count > 0) {
                let (from, to) = (&x[run.from.first..], &mut y[run.to.first..]);
                match (run.from.step, run.to.step) {
                    (1, 1) => neighbours(&from[..run.count], &mut to[..run.count], self.add),
                    (from_step, to_step) => {
                        let last = run.count - 1;
                        let from = from[..=last * from_step].iter().step_by(from_step);
                        let to = to[..=last * to_step].iter_mut().step_by(to_step);
                        if self.add {
                            to.zip(from).for_each(|(y, x)| *y += x);
                        } else {
                            to.zip(from).for_each(|(y, x)| *y = *x);
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn neighbours(from: &[f32], to: &mut [f32], add: bool) {
    if add {
        to.iter_mut().zip(from).for_each(|(y, x)| *y += x);
    } else {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn row(pixels: usize, pixel: usize) -> Vec<f32> {
        (0..pixels * pixel).map(|i| i as f32).collect()
    }

    #[test]
    fn neighbours_move_and_nothing_else() {
        for isa in Isa::available() {
            let x = row(3, 16);
            let mut y = vec![-1.0; 3 * 32];
            let runs = [Run::neighbours(3, 2, 15), Run::neighbours(0, 16, 32), Run::neighbours(1, 15, 0)];
            move_channels(isa, &runs, (&x, 16), (&mut y, 32), false);
            for pixel in 0..3 {
                let expected = |c: usize| match c {
                    15..18 => x[pixel * 16 + c - 13],
                    0 => x[pixel * 16 + 15],
                    _ => -1.0,
                };
                assert!((0..32).all(|c| y[pixel * 32 + c] == expected(c)), "{}", isa.name());
            }
            move_channels(isa, &runs, (&x, 16), (&mut y, 32), true);
            assert_eq!(y[32 + 16], 2.0 * x[16 + 3]);
        }
    }

    #[test]
    fn a_shuffle_transposes_groups_and_its_reverse_undoes_it() {
        for isa in Isa::available() {
            for (channels, groups) in [(6, 2), (6, 3), (33, 11), (17, 1), (17, 17), (48, 3)] {
                let pixel = crate::padded(channels);
                let (x, runs) = (row(2, pixel), shuffle(channels, groups));
                let mut y = vec![0.0; x.len()];
                move_channels(isa, &runs, (&x, pixel), (&mut y, pixel), false);
                let each = channels / groups;
                for (pixel, c) in (0..2).flat_map(|p| (0..channels).map(move |c| (p * pixel, c))) {
                    assert_eq!(y[pixel + c], x[pixel + c % groups * each + c / groups]);
                }
                let back: Vec<_> = runs.iter().map(|run| run.reversed()).collect();
                let mut again = vec![1.0; x.len()];
                move_channels(isa, &back, (&y, pixel), (&mut again, pixel), true);
                for (pixel, c) in (0..2).flat_map(|p| (0..channels).map(move |c| (p * pixel, c))) {
                    assert_eq!(again[pixel + c], x[pixel + c] + 1.0);
                }
            }
        }
    }

    #[test]
    fn runs_that_leave_a_pixel_are_refused() {
        let moved = |run: Run, len: usize| {
            let mut y = vec![0.0; len];
            catch_unwind(AssertUnwindSafe(|| {
                move_channels(Isa::available()[0], &[run], (&[0.0; 32], 16), (&mut y, 16), false);
            }))
        };
        assert!(moved(Run::neighbours(16, 0, 0), 32).is_ok());
        assert!(moved(Run::neighbours(16, 1, 0), 32).is_err());
        assert!(moved(Run::neighbours(1, 0, 16), 32).is_err());
        assert!(moved(Run::neighbours(1, 0, 0), 16).is_err());
        assert!(moved(Run { to: Series { first: 0, step: 16 }, ..Run::neighbours(2, 0, 0) }, 32).is_err());
        assert!(catch_unwind(|| shuffle(6, 4)).is_err() && catch_unwind(|| shuffle(6, 0)).is_err());
    }
}
