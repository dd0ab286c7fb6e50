//! Names along axes: written across or upwards, all of them or every so many.

use crate::layout::{INK, text, width_of};
use crate::shape::{Anchor, Shape, Size};

/// Characters of a name that are written.
const LONGEST: usize = 18;
/// From a name to its axis.
const GAP: f32 = 8.0;
/// The height that a name needs.
const LINE: f32 = 12.0;

/// The room that names take beside their axis.
pub(crate) fn room(names: &[String]) -> f32 {
    names.iter().map(|name| width_of(&written(name))).fold(0.0, f32::max) + GAP
}

/// The room that names take below their axis beyond that of numbers: none where they have room side by side.
pub(crate) fn room_below(names: &[String], width: f32) -> f32 {
    if names.is_empty() || are_across(names, width) { 0.0 } else { room(names) - LINE }
}

/// Writes names to the left of an axis from `top` to `bottom`.
pub(crate) fn beside(names: &[String], (top, bottom): (f32, f32), left: f32, shapes: &mut Vec<Shape>) {
    let cell = (bottom - top) / names.len() as f32;
    for (place, name) in names.iter().enumerate().step_by(every(cell)) {
        let at = (left - GAP, top + (place as f32 + 0.5) * cell);
        shapes.push(text(at, written(name), Size::Label, Anchor::End));
    }
}

/// Writes names below an axis from `left` to `right`: across where all have room, else upwards.
pub(crate) fn below(names: &[String], (left, right): (f32, f32), bottom: f32, shapes: &mut Vec<Shape>) {
    let (across, cell) = (are_across(names, right - left), (right - left) / names.len() as f32);
    for (place, name) in names.iter().enumerate().step_by(if across { 1 } else { every(cell) }) {
        let x = left + (place as f32 + 0.5) * cell;
        shapes.push(match across {
            true => text((x, bottom + 14.0), written(name), Size::Label, Anchor::Middle),
            false => Shape::Text {
                at: (x, bottom + GAP),
                text: written(name),
                size: Size::Label,
                anchor: Anchor::End,
                turned: true,
                colour: INK,
            },
        });
    }
}

fn are_across(names: &[String], width: f32) -> bool {
    room(names) <= width / names.len() as f32
}

/// Of cells so high, which have room for a name.
fn every(cell: f32) -> usize {
    (LINE / cell).ceil().max(1.0) as usize
}

/// What is written of a name.
pub(crate) fn written(name: &str) -> String {
    match name.chars().count() > LONGEST {
        true => name.chars().take(LONGEST - 2).chain(['.', '.']).collect(),
        false => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Axis, Figure};

    fn texts(figure: &Figure) -> Vec<(String, bool)> {
        let of = |shape| match shape {
            Shape::Text { text, turned, .. } if !text.is_empty() => Some((text, turned)),
            _ => None,
        };
        crate::layout::shapes(figure).into_iter().filter_map(of).collect()
    }

    fn figure(names: &[String], side: f32) -> Figure {
        let axis = || Axis::names("", names.iter().cloned());
        let rows = names.iter().map(|_| names.iter().map(|_| (0.5, String::new())).collect());
        Figure::new("").size(side, side).x(axis()).y(axis()).heat(rows)
    }

    #[test]
    fn names_are_written_where_they_have_room() {
        let three = ["cat", "deer", "a name that is long"].map(String::from);
        let found = texts(&figure(&three, 400.0));
        assert_eq!(found.iter().filter(|(_, turned)| *turned).count(), 3, "{found:?}");
        assert!(found.contains(&("a name that is l..".to_owned(), false)), "{found:?}");
        let wide = texts(&figure(&three, 900.0));
        assert!(wide.iter().all(|(_, turned)| !turned), "{wide:?}");
        let hundred: Vec<String> = (0..100).map(|class| format!("class {class}")).collect();
        let found = texts(&figure(&hundred, 600.0));
        assert!((40..=80).contains(&found.len()), "{}: every so many", found.len());
        assert_eq!(texts(&figure(&hundred, 1500.0)).len(), 200);
    }
}
