//! Of a JPEG only what is wanted: down to the last row and between the columns that are, or all of it at a fraction of its size.

use image::metadata::Orientation;
use libjpeg_turbo_rs::ScalingFactor;

use super::frame::Frame;
use super::{Pixels, pixels};
use crate::decode::convert::convert;
use crate::decode::{Failure, Limits};
use crate::{Channels, Image, Place, Portion, Wanted};

/// What is wanted of a JPEG, or `None` if that is all of it or cannot be had alone.
pub(in crate::decode) fn part(
    bytes: &[u8],
    channels: Channels,
    limits: &Limits,
    wanted: &mut dyn FnMut((usize, usize)) -> Option<Wanted>,
) -> Result<Option<Portion>, Failure> {
    let frame = Frame::of(bytes)?;
    limits.check(frame.height, frame.width)?;
    if frame.orientation != Orientation::NoTransforms {
        return Ok(None);
    }
    match wanted((frame.height, frame.width)) {
        None => Ok(None),
        Some(wanted) if wanted.reduction > 1 => reduced(bytes, &frame, wanted.reduction, channels, limits),
        Some(wanted) => within(bytes, &frame, &wanted, channels, limits),
    }
}

/// All rows down to the last that is wanted, between the columns that are.
fn within(
    bytes: &[u8],
    frame: &Frame,
    wanted: &Wanted,
    channels: Channels,
    limits: &Limits,
) -> Result<Option<Portion>, Failure> {
    // Colours are made smooth between units: those next to what is wanted take part.
    let (rows, columns) = frame.unit;
    let height = (wanted.bottom().next_multiple_of(rows) + rows).min(frame.height);
    let left = wanted.left.saturating_sub(columns) / columns * columns;
    let right = ((wanted.left + wanted.width).next_multiple_of(columns) + columns).min(frame.width);
    // Of pictures of four inks the decoder gives other columns.
    if !frame.is_one_scan || frame.components > 3 || (height, right - left) == (frame.height, frame.width) {
        return Ok(None);
    }
    // The decoder stops where it believes the picture to end.
    let mut shortened = bytes.to_vec();
    let written = u16::try_from(height).expect("no higher than the file says");
    shortened[frame.height_at..][..2].copy_from_slice(&written.to_be_bytes());
    let pixels = pixels(&shortened, limits, |decoder| decoder.set_crop(left, right - left))?;
    let is_that = (pixels.height, pixels.width) == (height, right - left);
    let whole = (frame.height, frame.width);
    Ok(is_that.then(|| portion(pixels, Place { whole, top: 0, left, reduction: 1 }, channels)))
}

/// All of it, `by` times smaller: blocks of 8 pixels become smaller ones by the lowest of their frequencies.
fn reduced(
    bytes: &[u8],
    frame: &Frame,
    by: usize,
    channels: Channels,
    limits: &Limits,
) -> Result<Option<Portion>, Failure> {
    let scale = ScalingFactor::try_new(1, by as u32).expect("1, 2, 4 or 8");
    let pixels = pixels(bytes, limits, |decoder| decoder.set_scale(scale))?;
    let is_that = (pixels.height, pixels.width) == (frame.height.div_ceil(by), frame.width.div_ceil(by));
    let whole = (frame.height, frame.width);
    Ok(is_that.then(|| portion(pixels, Place { whole, top: 0, left: 0, reduction: by }, channels)))
}

fn portion(pixels: Pixels, place: Place, channels: Channels) -> Portion {
    let Pixels { height, width, layout, bytes } = pixels;
    Portion { image: Image::new(height, width, channels.count(), convert(bytes, layout, channels)), place }
}
