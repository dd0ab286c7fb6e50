//! `ColorJitter`.

use serde::{Deserialize, Serialize};

use super::super::operation::Colour;
use super::super::span::check_range;
use super::super::transform::Spec;
use super::super::{Drawing, Operation, Span};
use crate::DataError;

/// Changes brightness, contrast, saturation and hue by random factors, in random order.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColorJitter {
    /// The factor of brightness: from 1 − brightness, but not below 0, to 1 + brightness, or `[least, largest]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brightness: Option<Span>,
    /// The factor of contrast, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrast: Option<Span>,
    /// The factor of saturation, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saturation: Option<Span>,
    /// Turns of hue: from −hue to hue, or `[least, largest]`, within −0.5 to 0.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hue: Option<Span>,
}

impl ColorJitter {
    /// The ranges in the order of their names; `None` for what stays as it is.
    fn ranges(&self) -> [Option<(f64, f64)>; 4] {
        let factors = |span: Option<Span>| span.map(Span::around_one).filter(|range| *range != (1.0, 1.0));
        let hue = self.hue.map(Span::around_zero).filter(|range| *range != (0.0, 0.0));
        [factors(self.brightness), factors(self.contrast), factors(self.saturation), hue]
    }
}

const NAMES: [&str; 4] = ["brightness", "contrast", "saturation", "hue"];

impl Spec for ColorJitter {
    fn check(&self) -> Result<(), String> {
        let spans = [self.brightness, self.contrast, self.saturation, self.hue];
        for ((name, span), range) in NAMES.iter().zip(spans).zip(self.ranges()) {
            span.map_or(Ok(()), |span| span.check_not_negative(name))?;
            let bounds = if *name == "hue" { (-0.5, 0.5) } else { (0.0, f64::MAX) };
            range.map_or(Ok(()), |range| check_range(name, range, bounds))?;
        }
        Ok(())
    }

    fn draw(&self, drawing: &mut Drawing<'_>) -> Result<(), DataError> {
        let mut order = [0, 1, 2, 3];
        drawing.shuffle(&mut order);
        let drawn = self.ranges().map(|range| range.map(|range| drawing.uniform(range)));
        for which in order {
            let Some(value) = drawn[which] else { continue };
            let colour = match which {
                0 => Colour::Brightness(value),
                1 => Colour::Contrast(value),
                2 => Colour::Saturation(value),
                _ => Colour::Hue(value),
            };
            drawing.push(Operation::Colour(colour))?;
        }
        Ok(())
    }
}
