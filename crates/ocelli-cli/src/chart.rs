//! A curve among the lines of a command's output.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::symbols::Marker;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};

/// Columns and rows, labels included.
const SIZE: Rect = Rect { x: 0, y: 0, width: 78, height: 13 };

/// The curve through `points`, with what is said of the ends of both axes: lines of text. Axes are linear: whoever wants a logarithmic
/// one gives logarithms. Nothing, where no point is finite.
pub(crate) fn lines(
    points: &[(f64, f64)],
    x_label: impl Fn(f64) -> String,
    y_label: impl Fn(f64) -> String,
) -> Vec<String> {
    let points: Vec<(f64, f64)> =
        points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    let (Some(x), Some(y)) =
        (range(points.iter().map(|point| point.0)), range(points.iter().map(|point| point.1)))
    else {
        return Vec::new();
    };
    let dataset = Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line).data(&points);
    let chart = Chart::new(vec![dataset])
        .x_axis(Axis::default().bounds(x).labels(x.map(x_label)))
        .y_axis(Axis::default().bounds(y).labels(y.map(y_label)));
    let mut buffer = Buffer::empty(SIZE);
    chart.render(SIZE, &mut buffer);
    let rows = buffer.content().chunks(SIZE.width.into());
    rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned()).collect()
}

/// The least and the largest value; what is level has as much room on either side.
fn range(values: impl Iterator<Item = f64> + Clone) -> Option<[f64; 2]> {
    let (low, high) = (values.clone().reduce(f64::min)?, values.reduce(f64::max)?);
    let room = if high > low { 0.0 } else { high.abs().max(1e-9) * 0.5 };
    Some([low - room, high + room])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_from_corner_to_corner() {
        let label = |value: f64| format!("{value}");
        let lines = lines(&[(0.0, 1.0), (10.0, f64::NAN), (20.0, 9.0)], label, label);
        assert_eq!(lines.len(), usize::from(SIZE.height));
        let (top, bottom) = (&lines[0], &lines[lines.len() - 3]);
        assert!(top.starts_with("9│ ") && top.chars().count() == usize::from(SIZE.width), "{lines:#?}");
        assert!(bottom.starts_with("1│") && !bottom.starts_with("1│ "), "{lines:#?}");
        assert!(lines[lines.len() - 1].ends_with("20"), "{lines:#?}");
    }

    #[test]
    fn level_and_missing_curves_are_drawn_too() {
        let label = |value: f64| format!("{value}");
        for points in [vec![(1.0, 3.0)], vec![(1.0, 3.0), (2.0, 3.0)]] {
            let lines = lines(&points, label, label);
            let drawn = lines.iter().filter(|line| line.contains(|c| ('\u{2801}'..='\u{28ff}').contains(&c)));
            assert_eq!(drawn.count(), 1, "{lines:#?}");
        }
        assert!(lines(&[(f64::NAN, 1.0)], label, label).is_empty() && lines(&[], label, label).is_empty());
    }
}
