//! Parallel coordinates: an axis for each number of a row, and a line for each row.

use crate::axis::{Axis, Scale};
use crate::figure::Figure;
use crate::layout::{self, GRID, INK, Paper, ROW, TOP, text, width_of};
use crate::names::written;
use crate::shade;
use crate::shape::{Anchor, At, Colour, Shape, Size};

/// A row: its value on each axis, and the one that its colour stands for.
pub(crate) type Row = (Vec<f64>, f64);

/// Room beside the axes, and below them.
const BESIDE: f32 = 28.0;
const BELOW: f32 = 20.0;
/// The height of what lies below the axes where a row has no value.
const NONE: f32 = 30.0;
/// What stands there.
const NONE_TEXT: &str = "none";
/// From a number to its axis.
const GAP: f32 = 5.0;
const WHITE: Colour = Colour(255, 255, 255);

/// An axis on the paper.
struct Upright<'a> {
    axis: &'a Axis,
    scale: Scale,
    x: f32,
    top: f32,
    bottom: f32,
    /// Whether a row has no value there.
    has_none: bool,
}

impl Upright<'_> {
    fn y(&self, value: f64) -> f32 {
        if !self.axis.takes(value) {
            return self.bottom + NONE;
        }
        let place = self.scale.place(value).clamp(0.0, 1.0) as f32;
        let place = if self.axis.is_of_names() { 1.0 - place } else { place };
        self.bottom - place * (self.bottom - self.top)
    }

    /// What is written beside it, and how high.
    fn ticks(&self) -> Vec<(f32, String)> {
        let none = self.has_none.then(|| (self.bottom + NONE, NONE_TEXT.to_owned()));
        let mut ticks: Vec<(f32, String)> = if self.axis.is_of_names() {
            let name = |(place, name): (usize, &String)| (self.y(place as f64 + 0.5), written(name));
            self.axis.names.iter().enumerate().map(name).collect()
        } else {
            let height = self.bottom - self.top;
            let tick = |tick: crate::axis::Tick| Some((self.bottom - tick.place as f32 * height, tick.text?));
            self.scale.ticks().into_iter().filter_map(tick).collect()
        };
        ticks.extend(none);
        ticks
    }
}

pub(crate) fn draw(figure: &Figure, (axes, rows): (&[Axis], &[Row]), paper: &Paper, shapes: &mut Vec<Shape>) {
    let uprights = uprights(figure, axes, rows);
    for upright in &uprights {
        shapes.push(line((upright.x, upright.top), (upright.x, upright.bottom), GRID));
    }
    for (values, z) in rows {
        let points: Vec<At> =
            uprights.iter().zip(values).map(|(upright, value)| (upright.x, upright.y(*value))).collect();
        let colour = shade::colour(paper.shade(*z));
        match points[..] {
            [only] => shapes.push(Shape::Circle { at: only, radius: 2.0, colour }),
            _ => shapes.push(Shape::Line { points, colour, width: 1.4, dashed: false }),
        }
    }
    for (number, upright) in uprights.iter().enumerate() {
        label(upright, number, &uprights, shapes);
    }
}

fn uprights<'a>(figure: &Figure, axes: &'a [Axis], rows: &[Row]) -> Vec<Upright<'a>> {
    let column = |number: usize| rows.iter().filter_map(move |(values, _)| values.get(number).copied());
    let lacks = |number: usize| column(number).any(|value| !axes[number].takes(value));
    let any_lacks = (0..axes.len()).any(lacks);
    // Labels stand in two rows above the axes.
    let top = TOP + ROW * if figure.z.is_some() { 3.0 } else { 2.0 };
    let bottom = figure.sides.height - BELOW - if any_lacks { NONE } else { 0.0 };
    // The first axis needs room for what is written beside it.
    let first = axes
        .first()
        .map_or(0.0, |axis| axis.names.iter().map(|name| width_of(&written(name))).fold(44.0, f32::max));
    let (left, right) = (first + GAP + 8.0, figure.sides.width - BESIDE);
    let step = (right - left) / (axes.len().max(2) - 1) as f32;
    let upright = |(number, axis): (usize, &'a Axis)| Upright {
        axis,
        scale: axis.over(column(number)),
        x: left + number as f32 * step,
        top,
        bottom,
        has_none: lacks(number),
    };
    axes.iter().enumerate().map(upright).collect()
}

/// Numbers or names beside an axis, over the lines, and what it is above it.
fn label(upright: &Upright<'_>, number: usize, all: &[Upright<'_>], shapes: &mut Vec<Shape>) {
    let step = if all.len() > 1 { all[1].x - all[0].x } else { f32::MAX };
    let mut highest = f32::MAX;
    let mut ticks = upright.ticks();
    ticks.sort_by(|one, other| other.0.total_cmp(&one.0));
    for (y, tick) in ticks {
        shapes.push(line((upright.x - 3.0, y), (upright.x + 3.0, y), INK));
        // Where there are more than have room, some are left out.
        if y > highest - Size::Label.height() {
            continue;
        }
        highest = y;
        let tick = cut(&tick, step - 2.0 * GAP);
        let (width, height) = (width_of(&tick), Size::Label.height() + 1.0);
        let at = (upright.x - GAP - width, y - height / 2.0);
        shapes.push(Shape::Rectangle { at, width, height, colour: WHITE });
        shapes.push(text((upright.x - GAP, y), tick, Size::Label, Anchor::End));
    }
    // Every other label lies higher: each has the room of two.
    let y = upright.top - ROW * if number.is_multiple_of(2) { 0.8 } else { 1.7 };
    let label = cut(&upright.axis.label, 2.0 * step - 2.0 * GAP);
    let half = width_of(&label) / 2.0;
    let end = all.last().map_or(0.0, |last| last.x) + BESIDE;
    let x = upright.x.min(end - half).max(half);
    shapes.push(text((x, y), label, Size::Label, Anchor::Middle));
}

/// The end of a text that has no room: names are paths, whose ends tell most.
fn cut(text: &str, room: f32) -> String {
    let count = text.chars().count();
    let fit = (room / width_of("x")).max(3.0) as usize;
    if count <= fit {
        text.to_owned()
    } else {
        "..".chars().chain(text.chars().skip(count - (fit - 2))).collect()
    }
}

fn line(from: At, to: At, colour: Colour) -> Shape {
    layout::line(from, to, colour, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(rows: Vec<Row>) -> Figure {
        let kinds = Axis::names("kind", ["a", "b"].map(String::from));
        Figure::new("t").z(Axis::linear("z")).parallel([Axis::linear("x"), Axis::log("rate"), kinds], rows)
    }

    /// The lines of rows, and their colours.
    fn lines(figure: &Figure) -> Vec<(Vec<At>, Colour)> {
        let of = |shape| match shape {
            Shape::Line { points, colour, width: 1.4, .. } => Some((points, colour)),
            _ => None,
        };
        layout::shapes(figure).into_iter().filter_map(of).collect()
    }

    #[test]
    fn a_row_is_a_line_over_all_axes() {
        let rows =
            vec![(vec![0.0, 1.0, 0.5], 0.0), (vec![1.0, 10.0, 1.5], 0.5), (vec![2.0, 100.0, 1.5], 1.0)];
        let lines = lines(&figure(rows));
        let [(low, light), (middle, _), (high, dark)] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((*light, *dark), (shade::colour(0.0), shade::colour(1.0)));
        assert!((middle[0].1 - (low[0].1 + high[0].1) / 2.0).abs() < 0.01);
        assert!((middle[1].1 - (low[1].1 + high[1].1) / 2.0).abs() < 0.01, "ratios on a logarithmic axis");
        assert!(low[2].1 < middle[2].1 && middle[2].1 == high[2].1, "names go down");
        assert!((low[1].0 - (low[0].0 + low[2].0) / 2.0).abs() < 0.01);
    }

    #[test]
    fn what_a_row_has_not_lies_below_the_axis() {
        let rows = vec![(vec![0.0, f64::NAN, 0.5], 0.0), (vec![1.0, 10.0, 1.5], 1.0)];
        let drawn = figure(rows);
        let lines = lines(&drawn);
        let bottom = lines[0].0[0].1;
        assert_eq!(lines[0].0[1].1, bottom + NONE);
        assert!(drawn.svg().contains(">none</text>"));
        let all = figure(vec![(vec![0.0, 1.0, 0.5], 0.0)]);
        assert!(!all.svg().contains(">none</text>"));
    }

    #[test]
    fn long_names_keep_their_ends() {
        assert_eq!(cut("train.optimizer.momentum", 72.0), "..momentum");
        assert_eq!(cut("short", 72.0), "short");
    }
}
