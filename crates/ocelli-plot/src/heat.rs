//! Cells coloured by their values.

use crate::layout::{INK, Paper, text, width_of};
use crate::shape::{Anchor, Colour, Shape, Size};

/// The colours of 0 and of 1.
const LIGHT: Colour = Colour(247, 250, 253);
const DARK: Colour = Colour(8, 64, 129);
/// From here on text is light.
const HALF: f64 = 0.45;
/// Room around a cell's text.
const AROUND: f32 = 4.0;

pub(crate) fn draw(rows: &[Vec<(f64, String)>], paper: &Paper, shapes: &mut Vec<Shape>) {
    // Most cells are empty where there are many: what lies under all of them is theirs.
    let columns = rows.first().map_or(0, Vec::len);
    let ((x, y), (right, bottom)) = (paper.at((0.0, 0.0)), paper.at((columns as f64, rows.len() as f64)));
    shapes.push(Shape::Rectangle { at: (x, y), width: right - x, height: bottom - y, colour: LIGHT });
    for (row, cells) in rows.iter().enumerate() {
        for (column, (value, label)) in cells.iter().enumerate() {
            let colour = colour(*value);
            if colour == LIGHT && label.is_empty() {
                continue;
            }
            let (x, y) = paper.at((column as f64, row as f64));
            let (right, bottom) = paper.at((column as f64 + 1.0, row as f64 + 1.0));
            let (width, height) = (right - x, bottom - y);
            shapes.push(Shape::Rectangle { at: (x, y), width, height, colour });
            let fits = width_of(label) + AROUND <= width && Size::Label.height() <= height;
            if !label.is_empty() && fits {
                let middle = (x + width / 2.0, y + height / 2.0);
                let mut label = text(middle, label, Size::Label, Anchor::Middle);
                if let Shape::Text { colour, .. } = &mut label {
                    *colour = if *value < HALF { INK } else { LIGHT };
                }
                shapes.push(label);
            }
        }
    }
}

fn colour(value: f64) -> Colour {
    let part = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
    let between =
        |from: u8, to: u8| (f64::from(from) + (f64::from(to) - f64::from(from)) * part).round() as u8;
    Colour(between(LIGHT.0, DARK.0), between(LIGHT.1, DARK.1), between(LIGHT.2, DARK.2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Axis, Figure};

    #[test]
    fn cells_fill_the_axes_from_the_top() {
        let names = || Axis::names("", ["a", "b"].map(String::from));
        let row = |left: f64, right: f64| vec![(left, format!("{left}")), (right, format!("{right}"))];
        let figure = Figure::new("").x(names()).y(names()).heat([row(1.0, 0.0), row(0.25, f64::NAN)]);
        let shapes = crate::layout::shapes(&figure);
        let cells: Vec<_> = shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Rectangle { at, width, height, colour } if *width < 790.0 => {
                    Some((*at, (*width, *height), *colour))
                }
                _ => None,
            })
            .collect();
        let [ground, first, second, third, fourth] = cells[..] else { panic!("{cells:?}") };
        assert!(ground.0 == first.0 && ground.2 == LIGHT, "one lies under all");
        assert!((ground.1.0 - first.1.0 - second.1.0).abs() < 0.01);
        assert!((ground.1.1 - first.1.1 - third.1.1).abs() < 0.01);
        assert_eq!([first.2, second.2, fourth.2], [DARK, LIGHT, LIGHT]);
        assert!(second.0.0 > first.0.0 && second.0.1 == first.0.1, "beside it");
        assert!(third.0.1 > first.0.1 && third.0.0 == first.0.0, "below it");
        assert!((first.0.0 + first.1.0 - second.0.0).abs() < 0.01, "without a gap");
        assert!(figure.svg().contains(">0.25</text>"));
    }

    #[test]
    fn empty_cells_take_no_room_in_the_file() {
        let names = || Axis::names("", (0..1000).map(|class| class.to_string()));
        let cell = |row: usize, column: usize| (f64::from(row == column), String::new());
        let rows = (0..1000).map(|row| (0..1000).map(|column| cell(row, column)).collect());
        let svg = Figure::new("").size(4000.0, 4000.0).x(names()).y(names()).heat(rows).svg();
        assert_eq!(svg.matches("<rect").count(), 1000 + 2, "the diagonal, what lies under it, and the paper");
        assert!(svg.len() < 1 << 19, "{} bytes", svg.len());
    }
}
