//! `Resize`.

use serde::{Deserialize, Serialize};

use super::super::functional::Resizing;
use super::super::transform::Spec;
use super::super::{Drawing, Interpolation, Operation, Size};
use crate::DataError;

/// Resizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// The shorter side, the other in proportion (rounded down); or `[height, width]`. Left out: `max_size` decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// How pixels are made that lie between the image's. Default: bilinear.
    #[serde(default)]
    pub interpolation: Interpolation,
    /// The longest that the longer side may become; the shorter one then is less than `size`, in proportion. Without
    /// `size`, what the longer side becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<usize>,
    /// Whether bilinear and bicubic see all pixels of an image that is made smaller. Default: true.
    #[serde(default = "yes")]
    pub antialias: bool,
}

pub(super) fn yes() -> bool {
    true
}

impl Resize {
    /// To a shorter side (`usize`) or to (height, width), antialiased and bilinear.
    pub fn new(size: impl Into<Size>) -> Self {
        Self {
            size: Some(size.into()),
            interpolation: Interpolation::Bilinear,
            max_size: None,
            antialias: true,
        }
    }

    /// The height and width that an image of this size gets: torchvision's arithmetic, in whole numbers.
    pub fn target(&self, (height, width): (usize, usize)) -> (usize, usize) {
        let (short, long) = (height.min(width).max(1), height.max(width).max(1));
        let (new_short, new_long) = match (self.size, self.max_size) {
            (Some(Size::Two([height, width])), _) => return (height, width),
            (Some(Size::One(size)), None) => (size, size * long / short),
            (Some(Size::One(size)), Some(most)) => {
                let new_long = size * long / short;
                if new_long > most { (most * size / new_long, most) } else { (size, new_long) }
            }
            (None, most) => {
                let most = most.unwrap_or(long);
                (most * short / long, most)
            }
        };
        let (new_short, new_long) = (new_short.max(1), new_long.max(1));
        if height <= width { (new_short, new_long) } else { (new_long, new_short) }
    }
}

impl Spec for Resize {
    fn check(&self) -> Result<(), String> {
        match (self.size, self.max_size) {
            (None, None) => Err("needs size, or max_size alone".to_owned()),
            (Some(Size::Two(_)), Some(_)) => {
                Err("max_size goes with one number as size, the shorter side, not with both sides".to_owned())
            }
            (Some(Size::One(size)), Some(most)) if most <= size => {
                Err(format!("max_size = {most} must be greater than size = {size}, the shorter side"))
            }
            (size, most) => {
                size.map_or(Ok(()), Size::check)?;
                most.map_or(Ok(()), |most| Size::One(most).check())
            }
        }
    }

    fn is_deterministic(&self) -> bool {
        true
    }

    fn output_size(&self, size: Option<(usize, usize)>) -> Option<(usize, usize)> {
        match self.size {
            Some(Size::Two([height, width])) => Some((height, width)),
            _ => size.map(|size| self.target(size)),
        }
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let (height, width) = self.target(drawing.size());
        let (interpolation, antialias) = (self.interpolation, self.antialias);
        drawing.push(Operation::Resize(Resizing { height, width, interpolation, antialias }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_torchvisions() {
        let sized = |size: usize, max_size| Resize { max_size, ..Resize::new(size) };
        assert_eq!(sized(256, None).target((300, 451)), (256, 384));
        assert_eq!(sized(256, None).target((640, 427)), (383, 256));
        assert_eq!(sized(256, Some(300)).target((300, 451)), (200, 300));
        assert_eq!(sized(256, Some(400)).target((300, 451)), (256, 384));
        let longest = Resize { size: None, ..sized(1, Some(100)) };
        assert_eq!(longest.target((300, 451)), (66, 100));
        assert_eq!(longest.target((1, 1000)), (1, 100));
    }
}
