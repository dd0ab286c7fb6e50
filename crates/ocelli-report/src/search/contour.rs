//! The objective over two parameters: bands of colour between the trials.

use super::Search;
use super::goal::shades;
use super::parameter::{Kind, Parameter};
use ocelli_plot::Figure;
use ocelli_tune::Trial;

/// Lines of the grid along an axis of numbers.
const LINES: usize = 33;
/// A trial is heard up to so many times the smoothing's width away: beyond, nothing is known.
const REACH: f64 = 2.0;
/// The smoothing's width, as a part of an axis: that for one trial; it becomes less as its third root, down to the least.
const WIDTH: f64 = 0.45;
const LEAST_WIDTH: f64 = 0.05;

/// A grid over two axes: where its lines lie on them, and the objective at each crossing, row by row, NaN where no trial is near.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Grid {
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    pub(super) rows: Vec<Vec<f64>>,
}

/// A line of a grid: where it lies on the axis, and what it is compared with trials by.
struct Line {
    on_axis: f64,
    inside: f64,
}

/// A trial on the plane: along both axes 0 to 1, or the index of its choice; and its objective.
type Point = (f64, f64, f64);

/// The complete trials that have both parameters.
fn points(search: &Search, objective: usize, x: &Parameter, y: &Parameter) -> Vec<Point> {
    let point = |(trial, value): (&Trial, f64)| (inside(x, x.value(trial)), inside(y, y.value(trial)), value);
    let points = search.shown(objective).into_iter().map(point);
    points.filter(|(x, y, _)| !x.is_nan() && !y.is_nan()).collect()
}

/// The objective over two parameters: around each place the mean of the trials, each weighing as much as it is near (Nadaraya and Watson's
/// estimate, with a Gaussian over the axes as they are drawn). Different choices know nothing of one another.
pub(super) fn grid(search: &Search, objective: usize, x: &Parameter, y: &Parameter) -> Grid {
    let points = points(search, objective, x, y);
    let width = (WIDTH / (points.len().max(1) as f64).cbrt()).max(LEAST_WIDTH);
    let (across, up) = (lines(x), lines(y));
    let at = |row: &Line, column: &Line| {
        let (mut sum, mut weights) = (0.0, 0.0);
        for (x_of, y_of, value) in &points {
            let far = distance(x, *x_of, column.inside).powi(2) + distance(y, *y_of, row.inside).powi(2);
            if far <= (REACH * width).powi(2) {
                let weight = (-0.5 * far / (width * width)).exp();
                (sum, weights) = (sum + weight * value, weights + weight);
            }
        }
        if weights > 0.0 { sum / weights } else { f64::NAN }
    };
    let rows = up.iter().map(|row| across.iter().map(|column| at(row, column)).collect()).collect();
    let places = |lines: &[Line]| lines.iter().map(|line| line.on_axis).collect();
    Grid { x: places(&across), y: places(&up), rows }
}

/// How far two values are apart, as a part of the axis; choices are the same or worlds apart.
fn distance(parameter: &Parameter, one: f64, other: f64) -> f64 {
    match parameter.is_numeric() {
        true => one - other,
        false if one == other => 0.0,
        false => f64::INFINITY,
    }
}

/// A value as it is compared: of numbers the place on the axis, 0 to 1.
fn inside(parameter: &Parameter, value: f64) -> f64 {
    match &parameter.kind {
        Kind::Numbers { low, high, .. } if low == high => value - low,
        Kind::Numbers { low, high, log: true, .. } => (value / low).ln() / (high / low).ln(),
        Kind::Numbers { low, high, .. } => (value - low) / (high - low),
        Kind::Choices(_) => value,
    }
}

/// The lines of the grid; those of a choice are the edges of its stretch.
fn lines(parameter: &Parameter) -> Vec<Line> {
    match &parameter.kind {
        Kind::Numbers { low, high, log, .. } => {
            let line = |number: usize| {
                let part = number as f64 / (LINES - 1) as f64;
                let on_axis = if *log { low * (high / low).powf(part) } else { low + part * (high - low) };
                Line { on_axis, inside: part }
            };
            (0..LINES).map(line).collect()
        }
        Kind::Choices(choices) => {
            let edges = |choice: usize| {
                [choice, choice + 1].map(|edge| Line { on_axis: edge as f64, inside: choice as f64 })
            };
            (0..choices.len()).flat_map(edges).collect()
        }
    }
}

/// The figure, or why there is none.
pub(super) fn figure(
    search: &Search,
    objective: usize,
    x: &Parameter,
    y: &Parameter,
) -> Result<Figure, String> {
    let both = |(trial, value): &(&Trial, f64)| (x.place(trial), y.place(trial), *value);
    let mut trials: Vec<(f64, f64, f64)> = search.shown(objective).iter().map(both).collect();
    trials.retain(|(x, y, _)| !x.is_nan() && !y.is_nan());
    let values: Vec<f64> = trials.iter().map(|(.., value)| *value).collect();
    let z = shades(&search.objectives[objective], &values)
        .ok_or_else(|| format!("No trial with both {} and {} has come to its end.", x.name, y.name))?;
    let Grid { x: across, y: up, rows } = grid(search, objective, x, y);
    let title = format!("{} and {}", x.short, y.short);
    Ok(Figure::new(title).x(x.axis()).y(y.axis()).z(z).field(across, up, rows).shaded_points(trials))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{KINDS, complete, numbers, search, with};
    use super::*;
    use ocelli_tune::{Direction, Value};

    fn all(count: u64) -> Search {
        let trial = |number: u64| {
            let (x, y) = ((number % 8) as f64 / 7.0, (number / 8) as f64 / 7.0);
            let kind = if number.is_multiple_of(2) { "adamw" } else { "sgd" };
            let trial = with(
                complete(number, &[x + f64::from(u8::from(kind == "sgd"))]),
                "x",
                &numbers(0.0, 1.0, false),
                Value::Float(x),
            );
            let trial =
                with(trial, "y", &numbers(1e-3, 1.0, true), Value::Float(10_f64.powf(3.0 * (y - 1.0))));
            with(trial, "kind", KINDS, Value::Text(kind.into()))
        };
        search([Direction::Minimize], (0..count).map(trial))
    }

    fn parameters(search: &Search) -> [Parameter; 3] {
        Parameter::all(search).try_into().unwrap()
    }

    #[test]
    fn the_plane_follows_the_trials() {
        let all = all(64);
        let [_, x, y] = parameters(&all);
        let grid = grid(&all, 0, &x, &y);
        assert_eq!(
            (grid.x.len(), grid.y.len(), grid.rows.len(), grid.rows[0].len()),
            (LINES, LINES, LINES, LINES)
        );
        assert!((grid.y[LINES / 2] - 10_f64.powf(-1.5)).abs() < 1e-9, "the middle of a logarithmic axis");
        for row in &grid.rows {
            assert!(row.iter().all(|value| value.is_finite()), "there is a trial everywhere");
            assert!(row[0] < row[LINES / 2] && row[LINES / 2] < row[LINES - 1], "it rises with x: {row:?}");
        }
    }

    #[test]
    fn choices_know_nothing_of_one_another() {
        let all = all(64);
        let [kind, x, _] = parameters(&all);
        let grid = grid(&all, 0, &kind, &x);
        assert_eq!(grid.x, [0.0, 1.0, 1.0, 2.0, 2.0, 3.0]);
        for row in &grid.rows {
            assert!(row[0] == row[1] && row[2] == row[3]);
            assert!(row[2] > row[0] + 0.5, "sgd is worse by one: {row:?}");
            assert!(row[4].is_nan() && row[5].is_nan(), "no trial has the third choice");
        }
    }

    #[test]
    fn where_no_trial_is_near_nothing_is_said() {
        let all = all(1);
        let [_, x, y] = parameters(&all);
        let grid = grid(&all, 0, &x, &y);
        assert_eq!(grid.rows[0][0], 0.0);
        assert!(grid.rows[LINES - 1][LINES - 1].is_nan());
        assert!(figure(&all, 0, &x, &y).is_ok());
        let none = search([Direction::Minimize], []);
        assert!(figure(&none, 0, &x, &y).unwrap_err().contains("both x and y"));
    }
}
