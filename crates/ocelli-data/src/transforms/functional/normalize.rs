//! Bytes become numbers.

use ocelli_kernels::{Isa, Loop};

use super::tools::{fast, isa};
use crate::{DataError, ImageView};

/// What every byte of every channel becomes: (byte / 255 − mean) / std, in f32 as PyTorch computes it, so the
/// results are PyTorch's to the bit.
#[derive(Clone, Debug)]
pub struct Table {
    channels: Vec<[f32; 256]>,
    /// The same as arithmetic on vectors, where that gives the same bits and the CPU has them.
    vectors: Option<Vectors>,
}

impl Table {
    /// A table for images whose channels have these means and standard deviations, in units of 0..1.
    ///
    /// # Errors
    /// If the lengths differ or are not 1 or 3, or a number is not finite, or a standard deviation is not above 0.
    pub fn new(mean: &[f32], std: &[f32]) -> Result<Self, DataError> {
        let refuse = |reason: String| Err(DataError::invalid("Normalize", reason));
        if mean.len() != std.len() || !matches!(mean.len(), 1 | 3) {
            return refuse(format!(
                "mean has {} numbers and std {}: one for each channel is needed, 1 or 3",
                mean.len(),
                std.len()
            ));
        }
        if mean.iter().any(|m| !m.is_finite()) || std.iter().any(|s| !(s.is_finite() && *s > 0.0)) {
            return refuse(format!("mean {mean:?} must be finite and std {std:?} finite and above 0"));
        }
        let channels = mean
            .iter()
            .zip(std)
            .map(|(mean, std)| std::array::from_fn(|byte| (byte as f32 / 255.0 - mean) / std))
            .collect();
        Ok(Self::of(channels, mean, std))
    }

    fn of(channels: Vec<[f32; 256]>, mean: &[f32], std: &[f32]) -> Self {
        let vectors = Vectors::of(mean, std);
        let is_same = || {
            channels.iter().enumerate().all(|(channel, table)| {
                table
                    .iter()
                    .zip(0..=u8::MAX)
                    .all(|(number, byte)| vectors.number(byte, channel).to_bits() == number.to_bits())
            })
        };
        // Without vectors, a fused multiply-add is a function of the system's library.
        let pays = isa() != Isa::named("portable").expect("every CPU runs the portable code");
        let vectors = (pays && is_same()).then_some(vectors);
        Self { channels, vectors }
    }

    /// A table that only scales bytes to 0..1, as torchvision's `ToTensor` does.
    pub fn scale(channels: usize) -> Self {
        let table = vec![std::array::from_fn(|byte| byte as f32 / 255.0); channels];
        Self::of(table, &[0.0; 3][..channels], &[1.0; 3][..channels])
    }

    /// How many channels it is for.
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Looks `row` up into `out`, in order or with its pixels mirrored.
    pub(crate) fn row(&self, row: &[u8], mirrored: bool, out: &mut [f32]) {
        debug_assert_eq!(row.len(), out.len());
        if let Some(vectors) = &self.vectors {
            return fast(Row { vectors, bytes: row, mirrored: mirrored.then_some(self.channels.len()), out });
        }
        match (self.channels.as_slice(), mirrored) {
            ([grey], false) => look_up(row.iter(), grey, out),
            ([grey], true) => look_up(row.iter().rev(), grey, out),
            ([r, g, b], false) => look_up_rgb(row.as_chunks().0.iter(), [r, g, b], out),
            ([r, g, b], true) => look_up_rgb(row.as_chunks().0.iter().rev(), [r, g, b], out),
            _ => unreachable!("a table has 1 or 3 channels"),
        }
    }

    /// Writes what a pixel of `fill` becomes, over and over.
    pub(crate) fn fill(&self, fill: [u8; 3], out: &mut [f32]) {
        let at = fill.map(usize::from);
        match self.channels.as_slice() {
            [grey] => out.fill(grey[at[0]]),
            [r, g, b] => out.as_chunks_mut::<3>().0.fill([r[at[0]], g[at[1]], b[at[2]]]),
            _ => unreachable!("a table has 1 or 3 channels"),
        }
    }
}

/// Pixels that are computed together.
const PIXELS: usize = 16;
/// Their numbers.
const NUMBERS: usize = 3 * PIXELS;

/// (byte / 255 − mean) / std without divisions: a product with the reciprocal, and what it lacks added. For nearly all divisors that is
/// the quotient to the bit (Markstein 1990), and whether it is for these is tried once for every byte.
#[derive(Clone, Debug)]
struct Vectors {
    mean: [f32; NUMBERS],
    std: [f32; NUMBERS],
    /// 1 / std.
    reciprocal: [f32; NUMBERS],
}

impl Vectors {
    /// Of one channel or three, repeated.
    fn of(mean: &[f32], std: &[f32]) -> Self {
        let repeat = |values: &[f32]| std::array::from_fn(|i| values[i % values.len()]);
        let std: [f32; NUMBERS] = repeat(std);
        Self { mean: repeat(mean), std, reciprocal: std.map(|std| 1.0 / std) }
    }

    /// What a byte at a place becomes.
    #[inline(always)]
    fn number(&self, byte: u8, place: usize) -> f32 {
        let level = quotient(f32::from(byte), 255.0, 1.0 / 255.0);
        quotient(level - self.mean[place], self.std[place], self.reciprocal[place])
    }
}

#[inline(always)]
fn quotient(value: f32, divisor: f32, reciprocal: f32) -> f32 {
    let near = value * reciprocal;
    (-near).mul_add(divisor, value).mul_add(reciprocal, near)
}

/// A row of bytes into numbers.
struct Row<'a> {
    vectors: &'a Vectors,
    bytes: &'a [u8],
    /// The channels of pixels that come in opposite order.
    mirrored: Option<usize>,
    out: &'a mut [f32],
}

/// Bytes that are turned around at once: read at once again, they would be waited for.
const TURNED: usize = 16 * NUMBERS;

impl Row<'_> {
    #[inline(always)]
    fn numbers(vectors: &Vectors, bytes: &[u8], out: &mut [f32]) {
        let (chunks, rest) = out.as_chunks_mut::<NUMBERS>();
        let (byte_chunks, byte_rest) = bytes.as_chunks::<NUMBERS>();
        for (out, bytes) in chunks.iter_mut().zip(byte_chunks) {
            for place in 0..NUMBERS {
                out[place] = vectors.number(bytes[place], place);
            }
        }
        for (place, (number, byte)) in rest.iter_mut().zip(byte_rest).enumerate() {
            *number = vectors.number(*byte, place);
        }
    }
}

impl Loop for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Some(channels) = self.mirrored else {
            return Self::numbers(self.vectors, self.bytes, self.out);
        };
        let mut turned = [0; TURNED];
        for (from, to) in self.bytes.rchunks(TURNED).zip(self.out.chunks_mut(TURNED)) {
            let turned = &mut turned[..from.len()];
            turn_around(from, channels, turned);
            Self::numbers(self.vectors, turned, to);
        }
    }
}

/// Pixels in opposite order.
#[inline(always)]
fn turn_around(bytes: &[u8], channels: usize, to: &mut [u8]) {
    if channels == 3 {
        let pairs = to.as_chunks_mut::<3>().0.iter_mut().zip(bytes.as_chunks::<3>().0.iter().rev());
        pairs.for_each(|(to, from)| *to = *from);
    } else {
        to.iter_mut().zip(bytes.iter().rev()).for_each(|(to, from)| *to = *from);
    }
}

#[inline]
fn look_up<'a>(bytes: impl Iterator<Item = &'a u8>, table: &[f32; 256], out: &mut [f32]) {
    for (value, &byte) in out.iter_mut().zip(bytes) {
        *value = table[usize::from(byte)];
    }
}

#[inline]
fn look_up_rgb<'a>(
    pixels: impl Iterator<Item = &'a [u8; 3]>,
    [red, green, blue]: [&[f32; 256]; 3],
    out: &mut [f32],
) {
    let (out, _) = out.as_chunks_mut::<3>();
    for (values, &[r, g, b]) in out.iter_mut().zip(pixels) {
        *values = [red[usize::from(r)], green[usize::from(g)], blue[usize::from(b)]];
    }
}

/// The image as numbers, height × width × channels, looked up in `table`.
///
/// # Panics
/// If the table is for another number of channels.
pub fn normalize(image: ImageView<'_>, table: &Table) -> Vec<f32> {
    assert_eq!(image.channels(), table.channels(), "channels of image and table");
    let mut out = vec![0.0; image.pixels().len()];
    table.row(image.pixels(), false, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the CPU has: what is computed is what the table says, in both orders.
        #[test]
        fn rows_are_the_tables(
            pixels in 0usize..600, rgb: bool, mirrored: bool, seed: u8,
            mean in prop::collection::vec(-1.0f32..1.0, 3), std in prop::collection::vec(0.01f32..2.0, 3),
        ) {
            let channels = if rgb { 3 } else { 1 };
            let table = Table::new(&mean[..channels], &std[..channels]).unwrap();
            let row: Vec<u8> = (0..pixels * channels).map(|i| (i as u8).wrapping_mul(37) ^ seed).collect();
            let mut out = vec![f32::NAN; row.len()];
            table.row(&row, mirrored, &mut out);
            for (pixel, numbers) in out.chunks_exact(channels).enumerate() {
                let from = if mirrored { pixels - 1 - pixel } else { pixel };
                for (channel, number) in numbers.iter().enumerate() {
                    let byte = f32::from(row[from * channels + channel]);
                    let expected = (byte / 255.0 - mean[channel]) / std[channel];
                    prop_assert_eq!(number.to_bits(), expected.to_bits());
                }
            }
        }
    }

    #[test]
    fn usual_settings_need_no_tables() {
        if isa().name() == "portable" {
            return;
        }
        assert!(Table::scale(3).vectors.is_some() && Table::scale(1).vectors.is_some());
        let imagenet = Table::new(&[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225]).unwrap();
        assert!(imagenet.vectors.is_some());
    }
}
