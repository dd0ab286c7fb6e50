//! The mean and standard deviation of a dataset's channels.

use std::thread;

use serde::Serialize;

use super::Workspace;
use crate::{DataError, ErrorKind, ImageView, Source};

/// How measuring goes about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MeasureOptions {
    /// Of images that must be decoded, how many at most, evenly spread over the dataset; images in memory are all
    /// measured. Default: 10,000.
    pub max_images: usize,
    /// Threads; 0 takes as many as the machine has. The result does not depend on it. Default: 0.
    pub threads: usize,
}

impl Default for MeasureOptions {
    fn default() -> Self {
        Self { max_images: 10_000, threads: 0 }
    }
}

/// The mean and standard deviation of each channel, in units of 0..1.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Statistics {
    /// The mean of each channel, over all pixels of all images.
    pub mean: Vec<f32>,
    /// The standard deviation of each channel about that mean; 1 for a channel that is the same everywhere.
    pub std: Vec<f32>,
    /// How many images were measured.
    pub images: usize,
}

/// Sums over bytes: whole numbers, so that no order of adding changes them.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sums {
    images: usize,
    pixels: u64,
    sum: [u64; 3],
    squares: [u64; 3],
}

impl Sums {
    /// Adds the pixels of an image.
    pub(crate) fn add(&mut self, image: ImageView<'_>) {
        self.images += 1;
        self.pixels += (image.height() * image.width()) as u64;
        match image.channels() {
            1 => self.add_bytes::<1>(image.pixels()),
            _ => self.add_bytes::<3>(image.pixels()),
        }
    }

    fn add_bytes<const C: usize>(&mut self, bytes: &[u8]) {
        let (pixels, _) = bytes.as_chunks::<C>();
        // 2¹⁶ squares of bytes fit 32 bits.
        for part in pixels.chunks(1 << 16) {
            let mut sum = [0u32; C];
            let mut squares = [0u32; C];
            for pixel in part {
                for c in 0..C {
                    let value = u32::from(pixel[c]);
                    sum[c] += value;
                    squares[c] += value * value;
                }
            }
            for c in 0..C {
                self.sum[c] += u64::from(sum[c]);
                self.squares[c] += u64::from(squares[c]);
            }
        }
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.images += other.images;
        self.pixels += other.pixels;
        for c in 0..3 {
            self.sum[c] += other.sum[c];
            self.squares[c] += other.squares[c];
        }
        self
    }

    /// The mean and std of so many channels; `None` of no image.
    pub(crate) fn statistics(&self, channels: usize) -> Option<Statistics> {
        let pixels = self.pixels as f64;
        let mean = |c: usize| self.sum[c] as f64 / pixels;
        let std = |c: usize| {
            let variance = (self.squares[c] as f64 / pixels - mean(c).powi(2)).max(0.0);
            // A constant channel must not be divided by 0.
            if variance < 1e-6 { 255.0 } else { variance.sqrt() }
        };
        (self.images > 0).then(|| Statistics {
            mean: (0..channels).map(|c| (mean(c) / 255.0) as f32).collect(),
            std: (0..channels).map(|c| (std(c) / 255.0) as f32).collect(),
            images: self.images,
        })
    }
}

/// Measures the images of `source` as they are after the transforms that it does once (resizing, centre cropping).
///
/// Images that cannot be loaded are left out. What is decoded for this stays in the source's cache.
///
/// # Errors
/// If not one image can be loaded: the first reason; or if the data is out of reach.
pub fn measure(source: &Source, options: &MeasureOptions) -> Result<Statistics, DataError> {
    let len = source.dataset().len();
    let all = len > 0 && source.is_in_memory();
    let count = if all { len } else { len.min(options.max_images.max(1)) };
    let index = |i: usize| (i as u128 * len as u128 / count as u128) as usize;
    let threads = crate::threads(options.threads).min(count.max(1));
    let parts = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let range = worker * count / threads..(worker + 1) * count / threads;
                scope.spawn(move || measure_part(source, range.map(index)))
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Vec<_>>()
    });
    let mut error = None;
    let mut sums = Sums::default();
    for (part, failed) in parts {
        sums = sums.merge(part);
        if let Some(away) = failed.as_ref().filter(|failed| failed.kind() == ErrorKind::Unavailable) {
            return Err(away.clone());
        }
        error = error.or(failed);
    }
    let seen = source.dataset().extent().channels;
    let channels = source.prefix().iter().fold(seen, |channels, t| t.output_channels(channels));
    if let Some(statistics) = sums.statistics(channels) {
        return Ok(statistics);
    }
    Err(error.unwrap_or_else(|| DataError::about(ErrorKind::Invalid, "dataset", "has no image to measure")))
}

fn measure_part(source: &Source, indices: impl Iterator<Item = usize>) -> (Sums, Option<DataError>) {
    let mut sums = Sums::default();
    let mut error = None;
    let mut workspace = Workspace::default();
    for index in indices {
        match source.with(index, &mut workspace, |image| sums.add(image)) {
            Ok(()) => {}
            Err(failed) if failed.kind() == ErrorKind::Unavailable => return (sums, Some(failed)),
            Err(failed) => error = error.or(Some(failed)),
        }
    }
    (sums, error)
}
