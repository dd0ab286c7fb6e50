//! Shapes as PNG, at twice the size of the SVG: lines by an antialiasing rasteriser, text by glyphs that are pixels already.

use crate::shape::{Anchor, At, Colour, Shape, Sides, Size};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, RasterizedChar, get_raster};
use tiny_skia::{
    FillRule, LineCap, LineJoin, Paint, PathBuilder, Pixmap, Rect, Stroke, StrokeDash, Transform,
};

/// Pixels of the PNG for one of the SVG.
const TWICE: f32 = 2.0;

pub(crate) fn draw(shapes: &[Shape], sides: Sides) -> Vec<u8> {
    let mut map = Pixmap::new((sides.width * TWICE) as u32, (sides.height * TWICE) as u32)
        .expect("sides are neither 0 nor large");
    for shape in shapes {
        match shape {
            Shape::Line { points, colour, width, dashed } => line(&mut map, points, *colour, *width, *dashed),
            Shape::Rectangle { at: (x, y), width, height, colour } => {
                if let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) {
                    map.fill_rect(rect, &paint(*colour), Transform::from_scale(TWICE, TWICE), None);
                }
            }
            Shape::Area { rings, colour } => area(&mut map, rings, *colour),
            Shape::Circle { at: (x, y), radius, colour } => {
                if let Some(path) = PathBuilder::from_circle(*x, *y, *radius) {
                    let scale = Transform::from_scale(TWICE, TWICE);
                    map.fill_path(&path, &paint(*colour), FillRule::Winding, scale, None);
                }
            }
            Shape::Text { at, text, size, anchor, turned, colour } => {
                write(&mut map, *at, text, (*size, *anchor, *turned), *colour);
            }
        }
    }
    map.encode_png().expect("a picture in memory can be encoded")
}

fn paint(Colour(red, green, blue): Colour) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, 255);
    paint
}

fn line(map: &mut Pixmap, points: &[At], colour: Colour, width: f32, dashed: bool) {
    let mut path = PathBuilder::new();
    for (number, (x, y)) in points.iter().enumerate() {
        if number == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
    }
    let Some(path) = path.finish() else { return };
    let stroke = Stroke {
        width,
        line_cap: LineCap::Butt,
        line_join: LineJoin::Round,
        dash: dashed.then(|| StrokeDash::new(vec![5.0, 4.0], 0.0)).flatten(),
        ..Stroke::default()
    };
    map.stroke_path(&path, &paint(colour), &stroke, Transform::from_scale(TWICE, TWICE), None);
}

fn area(map: &mut Pixmap, rings: &[Vec<At>], colour: Colour) {
    let mut path = PathBuilder::new();
    for ring in rings {
        for (number, (x, y)) in ring.iter().enumerate() {
            if number == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
        }
        path.close();
    }
    let Some(path) = path.finish() else { return };
    map.fill_path(&path, &paint(colour), FillRule::Winding, Transform::from_scale(TWICE, TWICE), None);
}

fn write(
    map: &mut Pixmap,
    (x, y): At,
    text: &str,
    (size, anchor, turned): (Size, Anchor, bool),
    colour: Colour,
) {
    let height = match size {
        Size::Label => RasterHeight::Size24,
        Size::Title => RasterHeight::Size32,
    };
    let glyphs: Vec<RasterizedChar> = text.chars().map(|c| glyph(c, height)).collect();
    let length: usize = glyphs.iter().map(RasterizedChar::width).sum();
    let before = match anchor {
        Anchor::Start => 0,
        Anchor::Middle => length as i64 / 2,
        Anchor::End => length as i64,
    };
    let (x, y) = ((x * TWICE) as i64, (y * TWICE) as i64);
    let mut along = -before;
    for glyph in &glyphs {
        let up = glyph.height() as i64 / 2;
        for (row, pixels) in glyph.rows().enumerate() {
            for (column, part) in pixels.iter().enumerate() {
                let (right, down) = (along + column as i64, row as i64 - up);
                let at = if turned { (x + down, y - right) } else { (x + right, y + down) };
                blend(map, at, colour, *part);
            }
        }
        along += glyph.width() as i64;
    }
}

/// The glyph of a character; of those that the font has not, a question mark's.
fn glyph(c: char, height: RasterHeight) -> RasterizedChar {
    get_raster(c, FontWeight::Regular, height)
        .or_else(|| get_raster('?', FontWeight::Regular, height))
        .expect("the font has ASCII")
}

/// Lays `part` of 255 of a colour over a pixel. The paper is opaque.
fn blend(map: &mut Pixmap, (x, y): (i64, i64), Colour(red, green, blue): Colour, part: u8) {
    let (width, height) = (i64::from(map.width()), i64::from(map.height()));
    if part == 0 || !(0..width).contains(&x) || !(0..height).contains(&y) {
        return;
    }
    let start = ((y * width + x) * 4) as usize;
    for (below, over) in map.data_mut()[start..start + 3].iter_mut().zip([red, green, blue]) {
        let mixed = u32::from(*below) * u32::from(255 - part) + u32::from(over) * u32::from(part);
        *below = ((mixed + 127) / 255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Axis, Figure};

    fn pixels(figure: &Figure) -> Pixmap {
        Pixmap::decode_png(&figure.png()).expect("a PNG")
    }

    fn inked(map: &Pixmap, columns: std::ops::Range<u32>, rows: std::ops::Range<u32>) -> usize {
        let dark = |x, y| map.pixel(x, y).is_some_and(|pixel| pixel.green() < 128);
        rows.map(|y| columns.clone().filter(|x| dark(*x, y)).count()).sum()
    }

    #[test]
    fn lines_and_text_are_there_in_their_places() {
        let empty = pixels(&Figure::new(""));
        assert_eq!((empty.width(), empty.height()), (1600, 960));
        let full = Figure::new("Title")
            .y(Axis::linear("up"))
            .x(Axis::linear("right"))
            .line("", [(0.0, 0.0), (1.0, 1.0)]);
        let full = pixels(&full);
        for (what, columns, rows) in [
            ("title", 600..1000, 20..70),
            ("label of x", 700..1000, 900..950),
            ("label of y", 5..50, 400..540),
            ("line", 700..1000, 350..550),
        ] {
            let found = (inked(&empty, columns.clone(), rows.clone()), inked(&full, columns, rows));
            assert!(found.0 == 0 && found.1 > 20, "{what}: {found:?}");
        }
    }

    #[test]
    fn text_may_leave_the_paper_and_the_font() {
        let long = "é·π".repeat(300);
        assert!(!Figure::new(long.clone()).y(Axis::linear(long)).line("", [(0.0, 1.0)]).png().is_empty());
    }
}
