//! The operations that the automatic augmentations choose from, and their magnitudes.

use serde::{Deserialize, Serialize};

use super::super::functional::{Affine, Warp};
use super::super::geometry::Turn;
use super::super::operation::{Colour, Geometry};
use super::super::{Drawing, Fill, Interpolation, Operation};
use crate::DataError;

/// An operation of the automatic augmentations, by torchvision's names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Augmentation {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
    Invert,
}

use Augmentation::{
    AutoContrast, Brightness, Color, Contrast, Equalize, Identity, Invert, Posterize, Rotate, Sharpness,
    ShearX, ShearY, Solarize, TranslateX, TranslateY,
};

/// What RandAugment and TrivialAugmentWide choose from.
pub(super) const USUAL: [Augmentation; 14] = [
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
];

/// What AugMix chooses from; the first nine without `all_ops`.
pub(super) const OF_AUGMIX: [Augmentation; 13] = [
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
    Brightness,
    Color,
    Contrast,
    Sharpness,
];

/// How far each operation goes at its largest magnitude.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Reach {
    pub(super) shear: f32,
    /// Shifts as a part of the side, or in pixels.
    pub(super) translate: Shift,
    pub(super) rotate: f32,
    /// Of brightness, colour, contrast and sharpness: 1 plus or minus it.
    pub(super) factor: f32,
    /// Bits that are left at magnitude 0, and how many fewer at the largest.
    pub(super) posterize: (f32, f32),
}

/// The largest shift.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Shift {
    /// The side times the first, divided by the second.
    Part(f64, f64),
    Pixels(f32),
}

impl Shift {
    fn of(self, side: usize) -> f32 {
        match self {
            Self::Part(times, by) => (times * side as f64 / by) as f32,
            Self::Pixels(pixels) => pixels,
        }
    }
}

/// How drawn operations look between pixels and what they fill.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Look {
    pub(super) interpolation: Interpolation,
    pub(super) fill: Option<Fill>,
}

/// Number `at` of `steps` evenly spaced from `start` to `end`, as `torch.linspace` computes it in f32.
fn linspace(start: f32, end: f32, steps: usize, at: usize) -> f32 {
    if steps == 1 {
        return start;
    }
    let step = (end - start) / (steps - 1) as f32;
    if at < steps / 2 {
        step.mul_add(at as f32, start)
    } else {
        (-step).mul_add((steps - 1 - at) as f32, end)
    }
}

impl Augmentation {
    /// Its magnitude at bin `at` of `bins`, for an image of (height, width), and whether its sign is random.
    pub(super) fn magnitude(
        self,
        reach: &Reach,
        (bins, at): (usize, usize),
        (height, width): (usize, usize),
    ) -> Option<(f32, bool)> {
        let up_to = |end: f32| Some((linspace(0.0, end, bins, at), true));
        match self {
            Identity | AutoContrast | Equalize | Invert => None,
            ShearX | ShearY => up_to(reach.shear),
            TranslateX => up_to(reach.translate.of(width)),
            TranslateY => up_to(reach.translate.of(height)),
            Rotate => up_to(reach.rotate),
            Brightness | Color | Contrast | Sharpness => up_to(reach.factor),
            Posterize => {
                let (most, fewer) = reach.posterize;
                let step = ((bins - 1) as f64 / f64::from(fewer)) as f32;
                let taken = if bins == 1 { 0.0 } else { at as f32 / step };
                Some(((most - taken).round_ties_even(), false))
            }
            Solarize => Some((linspace(1.0, 0.0, bins, at), false)),
        }
    }

    /// Its magnitude at a bin, its sign drawn where it has one; 0 for those without.
    pub(super) fn draw_magnitude(self, reach: &Reach, bin: (usize, usize), drawing: &mut Drawing<'_>) -> f64 {
        match self.magnitude(reach, bin, drawing.size()) {
            Some((magnitude, true)) if drawing.chance(0.5) => -f64::from(magnitude),
            Some((magnitude, _)) => f64::from(magnitude),
            None => 0.0,
        }
    }

    /// Adds what it does at a magnitude.
    ///
    /// # Errors
    /// As [`Drawing::push`].
    pub(super) fn push(self, magnitude: f64, look: Look, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let factor = 1.0 + magnitude;
        let colour = match self {
            Identity => return Ok(()),
            ShearX | ShearY | TranslateX | TranslateY => return self.push_affine(magnitude, look, drawing),
            Rotate => {
                let Look { interpolation, fill } = look;
                return Turn { interpolation, expand: false, center: None, fill }.push(drawing, magnitude);
            }
            Brightness => Colour::Brightness(factor),
            Color => Colour::Saturation(factor),
            Contrast => Colour::Contrast(factor),
            Sharpness => Colour::Sharpness(factor),
            Posterize => Colour::Posterize(magnitude as u8),
            Solarize => Colour::Solarize((255.0 * magnitude) as f32),
            AutoContrast => Colour::Autocontrast,
            Equalize => Colour::Equalize,
            Invert => Colour::Invert,
        };
        drawing.push(Operation::Colour(colour))
    }

    fn push_affine(self, magnitude: f64, look: Look, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let size = drawing.size();
        let (corner, middle) = (Affine::about(Some([0.0; 2]), size), Affine::about(None, size));
        let (angle, shift) = (magnitude.atan().to_degrees(), magnitude.trunc());
        let affine = match self {
            ShearX => Affine { shear: [angle, 0.0], ..corner },
            ShearY => Affine { shear: [0.0, angle], ..corner },
            TranslateX => Affine { translate: [shift, 0.0], ..middle },
            _ => Affine { translate: [0.0, shift], ..middle },
        };
        let warp = Warp::affine(affine.inverse(), size, look.interpolation, look.fill);
        drawing.push(Operation::Geometry(Geometry::Warp(warp)))
    }
}
