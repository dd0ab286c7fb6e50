//! Bytes become numbers.

use crate::{DataError, ImageView};

/// What every byte of every channel becomes: (byte / 255 − mean) / std, in f32 as PyTorch computes it, so the
/// results are PyTorch's to the bit.
#[derive(Clone, Debug)]
pub struct Table {
    channels: Vec<[f32; 256]>,
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
        Ok(Self { channels })
    }

    /// A table that only scales bytes to 0..1, as torchvision's `ToTensor` does.
    pub fn scale(channels: usize) -> Self {
        Self { channels: vec![std::array::from_fn(|byte| byte as f32 / 255.0); channels] }
    }

    /// How many channels it is for.
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Looks `row` up into `out`, in order or with its pixels mirrored.
    pub(crate) fn row(&self, row: &[u8], mirrored: bool, out: &mut [f32]) {
        debug_assert_eq!(row.len(), out.len());
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
