//! Windows that slide over a map: the arithmetic that convolution and pooling share.

use crate::error::{ShapeError, ShapeErrorKind};
use crate::shape::{Pair, Shape};

/// The largest kernel size, stride and padding: far above any use, far below what could overflow.
const MAX_EXTENT: usize = 65_535;

/// A window of `kernel` that moves by `stride` over an input with `padding` added on every side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Height and width of the window.
    pub kernel: Pair,
    /// How far it moves.
    pub stride: Pair,
    /// What is added on each of the two sides of the input.
    pub padding: Pair,
}

impl Window {
    /// One output for each input.
    pub const POINT: Self =
        Self { kernel: Pair::square(1), stride: Pair::square(1), padding: Pair::square(0) };

    /// Refuses options that are not valid over any input.
    pub(super) fn check(&self) -> Result<(), ShapeError> {
        check_extent("kernel_size", self.kernel, 1)?;
        check_extent("stride", self.stride, 1)?;
        check_extent("padding", self.padding, 0)
    }

    /// Height and width of the output over a map of `size`: floor((size + 2·padding − kernel) / stride) + 1.
    pub(super) fn output_size(&self, size: Pair) -> Result<Pair, ShapeError> {
        self.check()?;
        self.rounded_size(size, false)
    }

    /// The same for options that are valid. With `up`, sizes that do not divide are rounded up, but no window begins
    /// behind the map.
    pub(super) fn rounded_size(&self, size: Pair, up: bool) -> Result<Pair, ShapeError> {
        let along = |name, size, kernel, stride, padding| -> Result<usize, ShapeError> {
            let padded = padded(name, size, padding)?;
            let more = if up { stride - 1 } else { 0 };
            let room = padded.saturating_add(more).checked_sub(kernel);
            let last = room.ok_or_else(|| too_small(name, size, padding, kernel))? / stride;
            Ok(if up && last * stride >= size + padding { last } else { last + 1 })
        };
        let Self { kernel, stride, padding } = *self;
        Ok(Pair {
            height: along("height", size.height, kernel.height, stride.height, padding.height)?,
            width: along("width", size.width, kernel.width, stride.width, padding.width)?,
        })
    }
}

fn padded(name: &str, size: usize, padding: usize) -> Result<usize, ShapeError> {
    size.checked_add(2 * padding).ok_or_else(|| {
        let got = format!("{name} {size}");
        ShapeError::new(ShapeErrorKind::Limit, got, "a size that can be counted", "give smaller images")
    })
}

fn too_small(name: &str, size: usize, padding: usize, kernel: usize) -> ShapeError {
    let got = match padding {
        0 => format!("{name} {size}"),
        _ => format!("{name} {size} + 2×{padding} padding = {}", size + 2 * padding),
    };
    let needs = format!("at least the kernel's {name}, {kernel}");
    let mend = "lower kernel_size, raise padding, or give larger images";
    ShapeError::new(ShapeErrorKind::Size, got, needs, mend)
}

/// Refuses an option outside `least` to 65,535.
pub(super) fn check_extent(name: &str, value: Pair, least: usize) -> Result<(), ShapeError> {
    let valid = least..=MAX_EXTENT;
    if valid.contains(&value.height) && valid.contains(&value.width) {
        return Ok(());
    }
    Err(ShapeError::option(name, value, &format!("{least} to {MAX_EXTENT}")))
}

/// Channels and size of a map, or an error that says what would make one.
pub(super) fn need_map(input: Shape) -> Result<(usize, Pair), ShapeError> {
    match input {
        Shape::Map { channels, height, width } => Ok((channels, Pair { height, width })),
        Shape::Features(_) => Err(ShapeError::new(
            ShapeErrorKind::Rank,
            input.in_words(),
            "a channels×height×width map",
            "put this layer before Flatten",
        )),
    }
}

/// The count of features, or an error that says what would make them.
pub(super) fn need_features(input: Shape, mend: &str) -> Result<usize, ShapeError> {
    match input {
        Shape::Features(count) => Ok(count),
        Shape::Map { .. } => Err(ShapeError::new(ShapeErrorKind::Rank, input.in_words(), "features", mend)),
    }
}

/// Refuses a count of channels or features other than the one that the layer's option says.
pub(super) fn need_count(what: &str, option: &str, got: usize, needed: usize) -> Result<(), ShapeError> {
    if got == needed {
        return Ok(());
    }
    Err(ShapeError::new(
        ShapeErrorKind::Channels,
        format!("{got} {what}"),
        format!("{needed}"),
        format!("set {option} to {got}, or change the layer before"),
    ))
}
