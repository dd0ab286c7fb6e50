//! The gradients of a convolution whose output is max-pooled, from the pooled gradient itself.
//!
//! Only the winner of each window has a gradient, and after ReLU and dropout few winners do: of a
//! 2 × 2 pooling three quarters of the dense gradient are zeros, and most of the rest. So each
//! channel's nonzero gradients are listed, and each entry of the list costs one pass over a window
//! of the input: for the weight gradient, with the window's sums in registers; for the input
//! gradient, with the channel's weights in registers.
//!
//! Weights and their gradients are laid out here as `[output][row][run padded to 16]`.

use crate::conv::Conv;
use crate::epilogue::MaxPool;
use crate::isa::{Isa, Kernel};
use crate::layout::{BLOCK, Strides, padded};
use crate::simd::Simd;

/// The nonzero gradients of one output channel: for each the place of its window in the input, and
/// its value.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Entry {
    window: u32,
    gradient: f32,
}

/// A convolution and the pooling after it, whose windows tile the output.
#[derive(Clone, Debug)]
pub struct SparseConv {
    conv: Conv,
    /// Floats of a row of taps, padded to whole vectors.
    run: usize,
    /// Pooled rows and columns.
    pooled: (usize, usize),
    /// Floats from a pooled row, and from a pooled pixel, to the next in the input.
    steps: (usize, usize),
    /// For each place in a pooling window, the floats from the window's start in the input.
    places: Vec<u32>,
}

impl SparseConv {
    /// For `conv` followed by `pool`, or nothing if the windows do not tile the output, the kernel's
    /// sums do not fit registers, or the input is too large to index.
    #[must_use]
    pub fn new(conv: &Conv, pool: &MaxPool, pooled: (usize, usize)) -> Option<Self> {
        let x = conv.x;
        x.checked_len(1)?;
        let kernel = conv.run().checked_mul(conv.kernel.0)?;
        conv.y.channels.checked_next_multiple_of(BLOCK)?.checked_mul(kernel)?;
        let step = (conv.stride.0 * x.row(), conv.stride.1 * x.pixel);
        let run = padded(conv.run());
        let places = (0..pool.kernel.0 * pool.kernel.1)
            .map(|place| place / pool.kernel.1 * step.0 + place % pool.kernel.1 * step.1)
            .map(u32::try_from)
            .collect::<Result<_, _>>()
            .ok()?;
        let fits = pool.tiles()
            && conv.dilation == (1, 1)
            && conv.groups == 1
            && conv.kernel.0 <= 3
            && run <= 6 * BLOCK
            && x.checked_len(1).is_some_and(|len| len < 1 << 24);
        fits.then_some(Self {
            conv: *conv,
            run,
            pooled,
            steps: (pool.stride.0 * step.0, pool.stride.1 * step.1),
            places,
        })
    }

    /// Floats of the weights in this layout.
    #[must_use]
    pub fn weights_len(&self) -> usize {
        padded(self.conv.y.channels) * self.conv.kernel.0 * self.run
    }

    /// Entries that [`SparseConv::list`] may need: for a block of channels, one for each window.
    #[must_use]
    pub fn entries(&self) -> usize {
        BLOCK * self.pooled.0 * self.pooled.1
    }

    /// Floats past an image that the last window's vectors may touch.
    #[must_use]
    pub fn overrun(&self) -> usize {
        self.run - self.conv.run()
    }

    fn index(&self, o: usize, row: usize, j: usize) -> usize {
        (o * self.conv.kernel.0 + row) * self.run + j
    }

    /// Where the sums of (block, row, j) lie among packed weights.
    fn packed_index(&self, block: usize, row: usize, j: usize) -> usize {
        ((block * self.conv.kernel.0 + row) * self.conv.run() + j) * BLOCK
    }

    /// Packed weights to this layout.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn transpose(&self, packed: &[f32], weights: &mut [f32]) {
        weights[..self.weights_len()].fill(0.0);
        for block in 0..padded(self.conv.y.channels) / BLOCK {
            for row in 0..self.conv.kernel.0 {
                for j in 0..self.conv.run() {
                    let from = &packed[self.packed_index(block, row, j)..][..BLOCK];
                    for (lane, value) in from.iter().enumerate() {
                        weights[self.index(block * BLOCK + lane, row, j)] = *value;
                    }
                }
            }
        }
    }

    /// A weight gradient in this layout to the packed one.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn pack_gradient(&self, weights: &[f32], packed: &mut [f32]) {
        for block in 0..padded(self.conv.y.channels) / BLOCK {
            for row in 0..self.conv.kernel.0 {
                for j in 0..self.conv.run() {
                    let to = &mut packed[self.packed_index(block, row, j)..][..BLOCK];
                    for (lane, value) in to.iter_mut().enumerate() {
                        *value = weights[self.index(block * BLOCK + lane, row, j)];
                    }
                }
            }
        }
    }

    /// Lists one image's nonzero gradients of a block of channels, from the pooled gradient and the
    /// places of the maxima (pooled rows × columns × padded channels, dense). Gives the number of each channel's entries; channel `c`'s begin at `c · pooled rows · columns`.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn list(
        &self,
        block: usize,
        (g, g_strides): (&[f32], Strides),
        places: &[u16],
        entries: &mut [Entry],
    ) -> [usize; BLOCK] {
        let channels = padded(self.conv.y.channels);
        let x = self.conv.x;
        let start = (x.halo_y - self.conv.padding.0) * x.row() + (x.halo_x - self.conv.padding.1) * x.pixel;
        let windows = self.pooled.0 * self.pooled.1;
        let mut counts = [0; BLOCK];
        let entries = &mut entries[..BLOCK * windows];
        for (window, places) in places.chunks_exact(channels).take(windows).enumerate() {
            let (row, column) = (window / self.pooled.1, window % self.pooled.1);
            let base = (start + row * self.steps.0 + column * self.steps.1) as u32;
            let g = &g[g_strides.at(0, row, column) + block * BLOCK..];
            let g: &[f32; BLOCK] = g.first_chunk().expect("a block of channels");
            let places: &[u16; BLOCK] = places[block * BLOCK..].first_chunk().expect("a block of channels");
            for lane in 0..BLOCK {
                // Written always and counted if it is not zero: no branch to mispredict.
                let place = self.places[usize::from(places[lane])];
                entries[lane * windows + counts[lane]] = Entry { window: base + place, gradient: g[lane] };
                counts[lane] += usize::from(g[lane] != 0.0);
            }
        }
        counts
    }

    fn check(&self, block: usize, x: usize) {
        let x_layout = self.conv.x;
        assert!(block < padded(self.conv.y.channels) / BLOCK, "there is no block {block} of channels");
        assert!(x >= x_layout.image() + self.overrun(), "the input lacks room past its end");
    }

    /// Adds to `dw`, in this layout, what the entries of a block give for the image `x`, which is
    /// followed by [`SparseConv::overrun`] readable floats.
    ///
    /// # Panics
    /// If there is no such block, a slice is too short, or an entry lies outside the image.
    pub fn weight_gradient(
        &self,
        isa: Isa,
        block: usize,
        (entries, counts): (&[Entry], &[usize; BLOCK]),
        x: &[f32],
        dw: &mut [f32],
    ) {
        self.check(block, x.len());
        assert!(dw.len() >= self.weights_len());
        isa.run(WeightGradient { s: self, block, entries, counts, x, dw });
    }

    /// Adds to `dx`, laid out as the input and followed by [`SparseConv::overrun`] floats, what the
    /// entries of a block give with `weights` in this layout.
    ///
    /// # Panics
    /// If there is no such block, a slice is too short, or an entry lies outside the image.
    pub fn input_gradient(
        &self,
        isa: Isa,
        block: usize,
        (entries, counts): (&[Entry], &[usize; BLOCK]),
        weights: &[f32],
        dx: &mut [f32],
    ) {
        self.check(block, dx.len());
        assert!(weights.len() >= self.weights_len());
        isa.run(InputGradient { s: self, block, entries, counts, weights, dx });
    }

    /// For each channel of a block that has entries, where its weights begin, and its entries, each
    /// checked to have its whole window inside the image.
    #[inline(always)]
    fn channels<'e>(
        &'e self,
        block: usize,
        entries: &'e [Entry],
        counts: &'e [usize; BLOCK],
    ) -> impl Iterator<Item = (usize, &'e [Entry])> {
        let windows = self.pooled.0 * self.pooled.1;
        let x = self.conv.x;
        let reach = (self.conv.kernel.0 - 1) * x.row() + self.conv.run();
        counts.iter().enumerate().filter(|(_, count)| **count > 0).map(move |(lane, &count)| {
            let entries = &entries[lane * windows..][..count];
            let furthest = entries.iter().fold(0, |most, entry| entry.window.max(most)) as usize;
            assert!(furthest + reach <= x.image(), "an entry's window leaves the image");
            (self.index(block * BLOCK + lane, 0, 0), entries)
        })
    }
}

/// Calls `$one::<S, ROWS, VECTORS>` for windows whose sums fit the registers all at once, or row by
/// row.
macro_rules! by_shape {
    ($s:expr, $simd:ident, $one:ident, $($argument:expr),*) => {{
        let vectors = $s.run / S::LANES;
        match ($s.conv.kernel.0, vectors) {
            (3, 1) => $one::<S, 3, 1>($simd, 0, 0, $($argument),*),
            (3, 2) => $one::<S, 3, 2>($simd, 0, 0, $($argument),*),
            (3, 3) => $one::<S, 3, 3>($simd, 0, 0, $($argument),*),
            (3, 4) if S::REGISTERS > 16 => $one::<S, 3, 4>($simd, 0, 0, $($argument),*),
            (3, 6) if S::REGISTERS > 16 => $one::<S, 3, 6>($simd, 0, 0, $($argument),*),
            (rows, vectors) => {
                for row in 0..rows {
                    let mut vector = 0;
                    while vector < vectors {
                        let left = vectors - vector;
                        if left >= 4 {
                            $one::<S, 1, 4>($simd, row, vector, $($argument),*);
                            vector += 4;
                        } else if left >= 2 {
                            $one::<S, 1, 2>($simd, row, vector, $($argument),*);
                            vector += 2;
                        } else {
                            $one::<S, 1, 1>($simd, row, vector, $($argument),*);
                            vector += 1;
                        }
                    }
                }
            }
        }
    }};
}

struct WeightGradient<'a> {
    s: &'a SparseConv,
    block: usize,
    entries: &'a [Entry],
    counts: &'a [usize; BLOCK],
    x: &'a [f32],
    dw: &'a mut [f32],
}

impl Kernel for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (at, entries) in self.s.channels(self.block, self.entries, self.counts) {
            let (x, row) = (self.x.as_ptr(), self.s.conv.x.row());
            let dw = self.dw[at..].as_mut_ptr();
            // SAFETY: `channels` has every window inside the image, `check` room for whole vectors
            // after it, and `dw` all rows of the channel.
            unsafe { by_shape!(self.s, simd, sums, entries, x, row, dw, self.s.run) }
        }
    }
}

/// # Safety
/// Every entry's window, from row `first_row` and vector `first_vector` on, can be read from `x`;
/// `dw` has as many rows of `run` floats.
#[inline(always)]
unsafe fn sums<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    first_row: usize,
    first_vector: usize,
    entries: &[Entry],
    x: *const f32,
    x_row: usize,
    dw: *mut f32,
    run: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let x = x.add(first_row * x_row + first_vector * S::LANES);
        let dw = dw.add(first_row * run + first_vector * S::LANES);
        let mut acc = [[simd.splat(0.0); VECTORS]; ROWS];
        for entry in entries {
            let window = x.add(entry.window as usize);
            let g = simd.splat(entry.gradient);
            for r in 0..ROWS {
                for v in 0..VECTORS {
                    acc[r][v] = simd.fma(simd.load(window.add(r * x_row + v * S::LANES)), g, acc[r][v]);
                }
            }
        }
        for r in 0..ROWS {
            for v in 0..VECTORS {
                let p = dw.add(r * run + v * S::LANES);
                simd.store(p, simd.add(simd.load(p), acc[r][v]));
            }
        }
    }
}

struct InputGradient<'a> {
    s: &'a SparseConv,
    block: usize,
    entries: &'a [Entry],
    counts: &'a [usize; BLOCK],
    weights: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for InputGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (at, entries) in self.s.channels(self.block, self.entries, self.counts) {
            let (dx, row) = (self.dx.as_mut_ptr(), self.s.conv.x.row());
            let weights = self.weights[at..].as_ptr();
            // SAFETY: as for the weight gradient, with the channel's weights in `weights`.
            unsafe { by_shape!(self.s, simd, scatter, entries, dx, row, weights, self.s.run) }
        }
    }
}

/// # Safety
/// Every entry's window, from row `first_row` and vector `first_vector` on, can be written in `dx`;
/// `weights` has as many rows of `run` floats.
#[inline(always)]
unsafe fn scatter<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    first_row: usize,
    first_vector: usize,
    entries: &[Entry],
    dx: *mut f32,
    x_row: usize,
    weights: *const f32,
    run: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let dx = dx.add(first_row * x_row + first_vector * S::LANES);
        let weights = weights.add(first_row * run + first_vector * S::LANES);
        let mut w = [[simd.splat(0.0); VECTORS]; ROWS];
        for r in 0..ROWS {
            for v in 0..VECTORS {
                w[r][v] = simd.load(weights.add(r * run + v * S::LANES));
            }
        }
        for entry in entries {
            let window = dx.add(entry.window as usize);
            let g = simd.splat(entry.gradient);
            for r in 0..ROWS {
                for v in 0..VECTORS {
                    let p = window.add(r * x_row + v * S::LANES);
                    simd.store(p, simd.fma(w[r][v], g, simd.load(p)));
                }
            }
        }
    }
}
