//! What a figure is made of, for pens that know no axes. Lengths are pixels of the SVG, y downwards.

/// A point on the paper.
pub(crate) type At = (f32, f32);

/// The sides of the paper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sides {
    pub(crate) width: f32,
    pub(crate) height: f32,
}

/// Red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour(pub(crate) u8, pub(crate) u8, pub(crate) u8);

/// Where a text lies about its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// The two sizes of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Label,
    Title,
}

impl Size {
    /// The height of a line.
    pub(crate) fn height(self) -> f32 {
        match self {
            Size::Label => 12.0,
            Size::Title => 16.0,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// Straight lines from point to point.
    Line { points: Vec<At>, colour: Colour, width: f32, dashed: bool },
    /// A filled rectangle from its upper left corner.
    Rectangle { at: At, width: f32, height: f32, colour: Colour },
    /// What rings enclose, filled; all of them go round the same way.
    Area { rings: Vec<Vec<At>>, colour: Colour },
    /// A filled circle.
    Circle { at: At, radius: f32, colour: Colour },
    /// A line of text whose middle height is at the point; `turned` runs upwards.
    Text { at: At, text: String, size: Size, anchor: Anchor, turned: bool, colour: Colour },
}
