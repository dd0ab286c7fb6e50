//! From a figure to shapes on paper.

use crate::axis::{Axis, Scale};
use crate::figure::{Figure, Item};
use crate::shape::{Anchor, At, Colour, Shape, Size};

/// The paper.
pub(crate) const WIDTH: f32 = 800.0;
pub(crate) const HEIGHT: f32 = 480.0;
/// The part of the paper in which values are drawn.
const LEFT: f32 = 76.0;
const RIGHT: f32 = 776.0;
const TOP: f32 = 44.0;
const BOTTOM: f32 = 424.0;
/// The height of a row of the legend.
const ROW: f32 = 18.0;
/// Room above and below what is drawn, as a part of its height.
const MARGIN: f64 = 0.05;
/// The width of a character, as a part of its height.
const CHARACTER: f32 = 0.6;

const INK: Colour = Colour(40, 40, 40);
const GRID: Colour = Colour(228, 228, 228);
const MARKED: Colour = Colour(180, 30, 30);
/// Colours that people who confuse red and green tell apart, after Okabe and Ito, dark enough for thin lines.
const COLOURS: [Colour; 6] = [
    Colour(0, 100, 170),
    Colour(213, 94, 0),
    Colour(0, 140, 105),
    Colour(190, 100, 155),
    Colour(150, 110, 0),
    Colour(70, 160, 215),
];

/// Where values lie on the paper.
struct Paper {
    x: Scale,
    y: Scale,
    /// Where the part begins in which values are drawn: below the legend.
    top: f32,
}

impl Paper {
    fn of(figure: &Figure, rows_of_legend: usize) -> Self {
        let top = TOP + ROW * rows_of_legend as f32;
        let points: Vec<(f64, f64)> = figure.items.iter().flat_map(outline).collect();
        let drawn = |axis: &Axis, values: Vec<f64>| axis.over(values.into_iter());
        let kept = points.iter().filter(|(x, y)| figure.x.takes(*x) && figure.y.takes(*y));
        let (x, y) = kept.copied().unzip();
        Self { x: drawn(&figure.x, x), y: drawn(&figure.y, y).with_margin(MARGIN), top }
    }

    fn at(&self, (x, y): (f64, f64)) -> At {
        let (x, y) = (self.x.place(x) as f32, self.y.place(y) as f32);
        // What lies beyond the ends of a range is drawn at its edge, or it would cover the rest of the paper.
        let (x, y) = (x.clamp(0.0, 1.0), y.clamp(0.0, 1.0));
        (LEFT + x * (RIGHT - LEFT), BOTTOM - y * (BOTTOM - self.top))
    }
}

/// The points that the axes must span.
fn outline(item: &Item) -> Vec<(f64, f64)> {
    match item {
        Item::Line { points, .. } | Item::Points { points, .. } => points.clone(),
        // Bars stand on 0, where the axis has it.
        Item::Bars { bars, .. } => bars
            .iter()
            .flat_map(|(from, to, height)| [(*from, 0.0), (*from, *height), (*to, *height)])
            .collect(),
        Item::Mark { at, .. } => vec![*at],
    }
}

pub(crate) fn shapes(figure: &Figure) -> Vec<Shape> {
    let mut colours = COLOURS.iter().copied().cycle();
    let names = figure.items.iter().filter_map(Item::name);
    let named: Vec<(&str, Colour)> = names.zip(colours.clone()).collect();
    let rows = rows(&named);
    let paper = Paper::of(figure, rows.len());
    let mut shapes = vec![Shape::Rectangle {
        at: (0.0, 0.0),
        width: WIDTH,
        height: HEIGHT,
        colour: Colour(255, 255, 255),
    }];
    axes(figure, &paper, &mut shapes);
    for item in &figure.items {
        let colour = item.name().and_then(|_| colours.next()).unwrap_or(MARKED);
        draw(figure, item, &paper, colour, &mut shapes);
    }
    legend(&rows, &mut shapes);
    shapes
}

fn text(at: At, text: impl Into<String>, size: Size, anchor: Anchor) -> Shape {
    Shape::Text { at, text: text.into(), size, anchor, turned: false, colour: INK }
}

fn line(from: At, to: At, colour: Colour, dashed: bool) -> Shape {
    Shape::Line { points: vec![from, to], colour, width: 1.0, dashed }
}

/// Grid, numbers, labels and title.
fn axes(figure: &Figure, paper: &Paper, shapes: &mut Vec<Shape>) {
    for tick in paper.x.ticks() {
        let x = LEFT + tick.place as f32 * (RIGHT - LEFT);
        shapes.push(line((x, paper.top), (x, BOTTOM), GRID, false));
        shapes.extend(tick.text.map(|number| text((x, BOTTOM + 14.0), number, Size::Label, Anchor::Middle)));
    }
    for tick in paper.y.ticks() {
        let y = BOTTOM - tick.place as f32 * (BOTTOM - paper.top);
        shapes.push(line((LEFT, y), (RIGHT, y), GRID, false));
        shapes.extend(tick.text.map(|number| text((LEFT - 8.0, y), number, Size::Label, Anchor::End)));
    }
    shapes.push(line((LEFT, BOTTOM), (RIGHT, BOTTOM), INK, false));
    shapes.push(line((LEFT, paper.top), (LEFT, BOTTOM), INK, false));
    shapes.push(text((WIDTH / 2.0, 22.0), &figure.title, Size::Title, Anchor::Middle));
    shapes.push(text(((LEFT + RIGHT) / 2.0, BOTTOM + 38.0), &figure.x.label, Size::Label, Anchor::Middle));
    shapes.push(Shape::Text {
        at: (14.0, (paper.top + BOTTOM) / 2.0),
        text: figure.y.label.clone(),
        size: Size::Label,
        anchor: Anchor::Middle,
        turned: true,
        colour: INK,
    });
}

fn draw(figure: &Figure, item: &Item, paper: &Paper, colour: Colour, shapes: &mut Vec<Shape>) {
    let takes = |(x, y): &(f64, f64)| figure.x.takes(*x) && figure.y.takes(*y);
    match item {
        Item::Line { points, dashed, .. } => {
            for part in points.split(|point| !takes(point)).filter(|part| !part.is_empty()) {
                let points: Vec<At> = part.iter().map(|point| paper.at(*point)).collect();
                match points[..] {
                    [only] => shapes.push(Shape::Circle { at: only, radius: 2.0, colour }),
                    _ => shapes.push(Shape::Line {
                        points: thinned(points),
                        colour,
                        width: 1.8,
                        dashed: *dashed,
                    }),
                }
            }
        }
        Item::Points { points, .. } => {
            let circle = |point: &(f64, f64)| Shape::Circle { at: paper.at(*point), radius: 2.5, colour };
            shapes.extend(points.iter().filter(|point| takes(point)).map(circle));
        }
        Item::Bars { bars, .. } => {
            let drawn =
                bars.iter().filter(|(from, to, height)| takes(&(*from, *height)) && takes(&(*to, *height)));
            shapes.extend(drawn.map(|bar| rectangle(figure, *bar, paper, colour)));
        }
        Item::Mark { text, at } if takes(at) => mark(text, paper.at(*at), paper.top, shapes),
        Item::Mark { .. } => {}
    }
}

fn rectangle(figure: &Figure, (from, to, height): (f64, f64, f64), paper: &Paper, colour: Colour) -> Shape {
    let (left, one) = paper.at((from.min(to), height));
    let right = paper.at((from.max(to), height)).0;
    let zero = if figure.y.takes(0.0) { paper.at((from, 0.0)).1 } else { BOTTOM };
    let (top, bottom) = (one.min(zero), one.max(zero));
    // A gap of a pixel shows where one bar ends.
    Shape::Rectangle { at: (left, top), width: (right - left - 1.0).max(0.5), height: bottom - top, colour }
}

fn mark(label: &str, at: At, top: f32, shapes: &mut Vec<Shape>) {
    shapes.push(line(at, (at.0, BOTTOM), MARKED, true));
    shapes.push(Shape::Circle { at, radius: 4.5, colour: MARKED });
    let length = label.chars().count() as f32 * CHARACTER * Size::Label.height();
    // To the right of the point unless that leaves the paper.
    let (x, anchor) =
        if at.0 + 10.0 + length < WIDTH { (at.0 + 10.0, Anchor::Start) } else { (at.0 - 10.0, Anchor::End) };
    let (y, size, turned) = ((at.1 - 8.0).max(top + 8.0), Size::Label, false);
    shapes.push(Shape::Text { at: (x, y), text: label.into(), size, anchor, turned, colour: MARKED });
}

/// The room that a name takes in the legend, its sample of colour included.
fn width_of_entry(name: &str) -> f32 {
    name.chars().count() as f32 * CHARACTER * Size::Label.height() + 44.0
}

/// Names in their colours, in centred rows between the title and what is drawn.
fn legend(rows: &[Vec<(&str, Colour)>], shapes: &mut Vec<Shape>) {
    for (number, row) in rows.iter().enumerate() {
        let y = TOP + ROW * number as f32;
        let mut x =
            (LEFT + RIGHT - row.iter().map(|(name, _)| width_of_entry(name)).sum::<f32>()) / 2.0 + 8.0;
        for (name, colour) in row {
            let sample = vec![(x, y), (x + 18.0, y)];
            shapes.push(Shape::Line { points: sample, colour: *colour, width: 3.0, dashed: false });
            shapes.push(text((x + 24.0, y), *name, Size::Label, Anchor::Start));
            x += width_of_entry(name);
        }
    }
}

/// Names in rows that the paper is wide enough for.
fn rows<'a>(named: &[(&'a str, Colour)]) -> Vec<Vec<(&'a str, Colour)>> {
    // A single series is what the axis says.
    if named.len() < 2 {
        return Vec::new();
    }
    let mut rows = vec![Vec::new()];
    let mut used = 0.0;
    for entry in named {
        let width = width_of_entry(entry.0);
        if used > 0.0 && used + width > RIGHT - LEFT {
            rows.push(Vec::new());
            used = 0.0;
        }
        used += width;
        rows.last_mut().expect("there is a first row").push(*entry);
    }
    rows
}

/// Points of a long line, at most four in a column of pixels: the first, the last, the highest and the lowest. The line looks the same.
fn thinned(points: Vec<At>) -> Vec<At> {
    if points.len() < 4 * WIDTH as usize {
        return points;
    }
    let mut kept = Vec::new();
    for column in points.chunk_by(|one, next| one.0.floor() == next.0.floor()) {
        let extreme = |better: fn(&f32, &f32) -> bool| {
            (0..column.len()).reduce(|best, i| if better(&column[i].1, &column[best].1) { i } else { best })
        };
        let mut places: Vec<usize> = [extreme(f32::lt), extreme(f32::gt)].into_iter().flatten().collect();
        places.extend([0, column.len() - 1]);
        places.sort_unstable();
        places.dedup();
        kept.extend(places.into_iter().map(|place| column[place]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(figure: &Figure) -> Vec<Vec<At>> {
        let colour = COLOURS[0];
        let of = |shape| match shape {
            Shape::Line { points, colour: drawn, .. } if drawn == colour => Some(points),
            _ => None,
        };
        shapes(figure).into_iter().filter_map(of).collect()
    }

    #[test]
    fn a_line_spans_the_axes_and_breaks_where_there_is_no_number() {
        let nan = f64::NAN;
        let points = [(0.0, 0.0), (1.0, 10.0), (2.0, nan), (3.0, 5.0), (4.0, 10.0)];
        let drawn = lines(&Figure::new("").line("", points));
        assert_eq!(drawn.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        assert_eq!((drawn[0][0].0, drawn[1][1].0), (LEFT, RIGHT));
        assert_eq!(drawn[0][0].1, BOTTOM, "0 lies on the axis");
        assert!(drawn[0][1].1 == drawn[1][1].1 && drawn[0][1].1 > TOP);
        let log = lines(
            &Figure::new("").x(Axis::log("")).line("", [(0.0, 1.0), (1.0, 1.0), (10.0, 2.0), (100.0, 3.0)]),
        );
        let [first, middle, last] = log[0][..] else { panic!("{log:?}") };
        assert!((middle.0 - (first.0 + last.0) / 2.0).abs() < 0.01, "equal ratios are equal distances");
    }

    #[test]
    fn what_leaves_a_range_stays_on_the_paper() {
        let figure = Figure::new("").y(Axis::linear("").range(0.0, 1.0)).line("", [(0.0, -1e9), (1.0, 1e30)]);
        assert_eq!(lines(&figure), [[(LEFT, BOTTOM), (RIGHT, TOP)]]);
    }

    #[test]
    fn a_long_line_keeps_its_peaks() {
        let points = (0..100_000).map(|i| (f64::from(i), if i == 77_777 { 5.0 } else { f64::from(i % 2) }));
        let drawn = &lines(&Figure::new("").line("", points))[0];
        assert!(drawn.len() < 4_000, "{}", drawn.len());
        let peak = drawn.iter().map(|at| at.1).fold(f32::MAX, f32::min);
        assert_eq!(drawn.iter().filter(|at| at.1 == peak).count(), 1);
        assert!(drawn.iter().all(|at| at.0 <= RIGHT) && drawn.last().unwrap().0 == RIGHT);
    }

    #[test]
    fn names_are_told_where_there_are_several() {
        let texts = |figure: &Figure| -> Vec<String> {
            let text = |shape| match shape {
                Shape::Text { text, .. } => Some(text),
                _ => None,
            };
            shapes(figure).into_iter().filter_map(text).collect()
        };
        let one = Figure::new("t").line("train", [(0.0, 1.0)]);
        assert!(!texts(&one).contains(&"train".to_string()));
        let two = texts(&one.points("validation", [(0.0, 2.0)]).mark("best", (0.0, 2.0)));
        assert!(
            ["train", "validation", "best", "t"].iter().all(|name| two.contains(&name.to_string())),
            "{two:?}"
        );
    }

    #[test]
    fn bars_stand_on_zero() {
        let figure = Figure::new("").bars("", [(0.0, 1.0, 2.0), (1.0, 2.0, -1.0)]);
        let of = |shape| match shape {
            Shape::Rectangle { at, height, colour, .. } if colour == COLOURS[0] => Some((at.1, height)),
            _ => None,
        };
        let bars: Vec<(f32, f32)> = shapes(&figure).into_iter().filter_map(of).collect();
        let [(top, high), (zero, low)] = bars[..] else { panic!("{bars:?}") };
        assert!((top + high - zero).abs() < 0.01 && (high - 2.0 * low).abs() < 0.01, "{bars:?}");
    }
}
