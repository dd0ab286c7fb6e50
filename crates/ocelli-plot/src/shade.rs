//! Colours that stand for values, from light to dark, and the bar that says which.

use crate::axis::{Scale, brief};
use crate::layout::{Paper, ROW, TOP, text, width_of};
use crate::shape::{Anchor, Colour, Shape, Size};

/// The part of the colours that is left out: too light on white paper.
const TOO_LIGHT: f64 = 0.18;
/// Colours of the bar, and its width and height.
const STEPS: usize = 24;
const WIDTH: f32 = 96.0;
const HEIGHT: f32 = 10.0;
/// Between the parts of the bar's row.
const GAP: f32 = 6.0;

/// The colour of a place from 0, light, to 1, dark; beyond the ends it is that of the end.
pub(crate) fn colour(place: f64) -> Colour {
    let place = if place.is_nan() { 0.0 } else { place.clamp(0.0, 1.0) };
    let colorous::Color { r, g, b } =
        colorous::YELLOW_GREEN_BLUE.eval_continuous(TOO_LIGHT + (1.0 - TOO_LIGHT) * place);
    Colour(r, g, b)
}

/// What the colours mean, in the row of the legend with this number: label, light end, colours, dark end.
pub(crate) fn bar(label: &str, scale: &Scale, row: usize, paper: &Paper, shapes: &mut Vec<Shape>) {
    let (low, high) = scale.ends();
    let (light, dark) = if scale.place(low) < scale.place(high) { (low, high) } else { (high, low) };
    let (label, light, dark) = (format!("{label}:"), brief(light), brief(dark));
    let width = width_of(&label) + width_of(&light) + WIDTH + width_of(&dark) + 3.0 * GAP;
    let (left, right) = paper.between();
    let (x, y) = (((left + right - width) / 2.0).max(GAP), TOP + ROW * row as f32);
    shapes.push(text((x, y), &label, Size::Label, Anchor::Start));
    let x = x + width_of(&label) + GAP + width_of(&light);
    shapes.push(text((x, y), light, Size::Label, Anchor::End));
    let (x, step) = (x + GAP, WIDTH / STEPS as f32);
    for number in 0..STEPS {
        let colour = colour((number as f64 + 0.5) / STEPS as f64);
        // Each lies over the end of the one before it, or there would be seams.
        let (at, width) = ((x + number as f32 * step, y - HEIGHT / 2.0), WIDTH - number as f32 * step);
        shapes.push(Shape::Rectangle { at, width, height: HEIGHT, colour });
    }
    shapes.push(text((x + WIDTH + GAP, y), dark, Size::Label, Anchor::Start));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Axis, Figure};

    fn sum(Colour(red, green, blue): Colour) -> u32 {
        [red, green, blue].map(u32::from).iter().sum()
    }

    #[test]
    fn colours_become_darker() {
        let sums: Vec<u32> = (0..=10).map(|tenth| sum(colour(f64::from(tenth) / 10.0))).collect();
        assert!(sums.is_sorted_by(|light, dark| light > dark), "{sums:?}");
        assert_eq!((colour(f64::NAN), colour(9.0)), (colour(0.0), colour(1.0)));
    }

    #[test]
    fn the_bar_says_what_is_dark() {
        let texts = |z: Axis| -> Vec<String> {
            let figure = Figure::new("").z(z).shaded_points([(0.0, 0.0, 0.25), (1.0, 1.0, 2.0)]);
            let of = |shape| if let Shape::Text { text, .. } = shape { Some(text) } else { None };
            let texts: Vec<String> = crate::layout::shapes(&figure).into_iter().filter_map(of).collect();
            let label = texts.iter().position(|text| text == "loss:").expect("the label");
            texts[label + 1..label + 3].to_vec()
        };
        assert_eq!(texts(Axis::linear("loss")), ["0.25", "2"]);
        assert_eq!(texts(Axis::linear("loss").falling()), ["2", "0.25"]);
    }
}
