//! A value over the plane, known on a grid: bands of one colour each, with edges where the value passes from one to the next.

use crate::shade;
use crate::shape::{At, Shape};

/// Bands from light to dark.
const BANDS: usize = 12;

/// Draws a field whose lines of the grid lie at `x` and `y` on the paper; `places` are the colours at their crossings, row by row, 0 to 1. Cells
/// with a corner that is no number are left out.
pub(crate) fn draw(x: &[f32], y: &[f32], places: &[Vec<f64>], shapes: &mut Vec<Shape>) {
    for band in 0..BANDS {
        // All that is a number is in the first band; each further one lies over those before it.
        let level = if band == 0 { f64::NEG_INFINITY } else { band as f64 / BANDS as f64 };
        let rings = above(x, y, places, level);
        if !rings.is_empty() {
            let colour = shade::colour((band as f64 + 0.5) / BANDS as f64);
            shapes.push(Shape::Area { rings, colour });
        }
    }
}

/// What is at least `level`: rings that go round the same way, of whole cells as many of a row as lie side by side.
fn above(x: &[f32], y: &[f32], places: &[Vec<f64>], level: f64) -> Vec<Vec<At>> {
    let mut rings = Vec::new();
    for (rows, height) in places.windows(2).zip(y.windows(2)) {
        let mut run: Option<(f32, f32)> = None;
        for (column, width) in x.windows(2).enumerate() {
            let corners = [
                ((width[0], height[0]), rows[0][column]),
                ((width[1], height[0]), rows[0][column + 1]),
                ((width[1], height[1]), rows[1][column + 1]),
                ((width[0], height[1]), rows[1][column]),
            ];
            let is_known = corners.iter().all(|(_, place)| !place.is_nan());
            if is_known && corners.iter().all(|(_, place)| *place >= level) {
                run = Some((run.map_or(width[0], |(from, _)| from), width[1]));
                continue;
            }
            rings.extend(run.take().map(|run| rectangle(run, height)));
            if is_known {
                rings.extend(Some(cut(&corners, level)).filter(|ring| !ring.is_empty()));
            }
        }
        rings.extend(run.map(|run| rectangle(run, height)));
    }
    rings
}

fn rectangle((left, right): (f32, f32), height: &[f32]) -> Vec<At> {
    vec![(left, height[0]), (right, height[0]), (right, height[1]), (left, height[1])]
}

/// The part of a cell where what is linear between its corners is at least `level` (Sutherland and Hodgman's clipping).
fn cut(corners: &[(At, f64); 4], level: f64) -> Vec<At> {
    let mut ring = Vec::new();
    for (number, (at, place)) in corners.iter().enumerate() {
        let (next, next_place) = corners[(number + 1) % 4];
        if *place >= level {
            ring.push(*at);
        }
        if (*place >= level) != (next_place >= level) {
            let part = ((level - place) / (next_place - place)) as f32;
            ring.push((at.0 + part * (next.0 - at.0), at.1 + part * (next.1 - at.1)));
        }
    }
    ring
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Axis, Figure};
    use proptest::prelude::*;

    fn area(ring: &[At]) -> f32 {
        let next = |number: usize| ring[(number + 1) % ring.len()];
        let crossed = |(number, at): (usize, &At)| at.0 * next(number).1 - next(number).0 * at.1;
        ring.iter().enumerate().map(crossed).sum::<f32>() / 2.0
    }

    const GRID: [f32; 4] = [0.0, 1.0, 2.0, 3.0];

    #[test]
    fn a_slope_is_cut_where_it_passes_the_level() {
        let places: Vec<Vec<f64>> =
            (0..4).map(|_| (0..4).map(|column| f64::from(column) / 3.0).collect()).collect();
        let rings = above(&GRID, &GRID, &places, 0.5);
        assert!((rings.iter().map(|ring| area(ring)).sum::<f32>() - 4.5).abs() < 1e-5, "{rings:?}");
        let leftmost = rings.iter().flatten().map(|at| at.0).fold(f32::MAX, f32::min);
        assert!((leftmost - 1.5).abs() < 1e-6);
        assert_eq!(above(&GRID, &GRID, &places, f64::NEG_INFINITY).len(), 3, "whole rows are one ring each");
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let mut places = vec![vec![1.0; 4]; 4];
        places[0][0] = f64::NAN;
        let all: f32 = above(&GRID, &GRID, &places, 0.0).iter().map(|ring| area(ring)).sum();
        assert_eq!(all, 8.0, "all cells but one");
        let nothing = vec![vec![f64::NAN; 4]; 4];
        let mut shapes = Vec::new();
        draw(&GRID, &GRID, &nothing, &mut shapes);
        assert!(shapes.is_empty());
    }

    #[test]
    fn a_field_is_drawn_over_its_axes() {
        let grid = [1.0, 10.0, 100.0];
        let rows = vec![vec![0.0, 0.5, 1.0]; 2];
        let figure = Figure::new("").x(Axis::log("")).y(Axis::linear("")).z(Axis::linear("z")).field(
            grid,
            [0.0, 1.0],
            rows,
        );
        let areas: Vec<Vec<Vec<At>>> = crate::layout::shapes(&figure)
            .into_iter()
            .filter_map(|shape| if let Shape::Area { rings, .. } = shape { Some(rings) } else { None })
            .collect();
        assert_eq!(areas.len(), BANDS);
        let left = |band: usize| areas[band].iter().flatten().map(|at| at.0).fold(f32::MAX, f32::min);
        // Half of the colours begin in the middle of the logarithmic axis.
        let (first, middle) = (left(0), left(BANDS / 2));
        assert!((middle - (first + 776.0) / 2.0).abs() < 0.1, "{first} {middle}");
        assert!(figure.svg().matches("<path").count() == BANDS && !figure.png().is_empty());
    }

    proptest! {
        #[test]
        fn higher_levels_are_within_lower_ones(values in prop::collection::vec(0.0..1.0_f64, 16), low in 0.0..1.0_f64, more in 0.0..0.5_f64) {
            let places: Vec<Vec<f64>> = values.chunks(4).map(<[f64]>::to_vec).collect();
            let sum = |level: f64| above(&GRID, &GRID, &places, level).iter().map(|ring| area(ring)).sum::<f32>();
            prop_assert!(above(&GRID, &GRID, &places, low).iter().all(|ring| area(ring) >= -1e-5), "all go round the same way");
            prop_assert!(sum(low) >= sum(low + more) - 1e-4);
            prop_assert!((sum(0.0) - 9.0).abs() < 1e-4);
        }
    }
}
