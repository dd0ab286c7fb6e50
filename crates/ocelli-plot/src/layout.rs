//! From a figure to shapes on paper.

use crate::axis::{Axis, Scale};
use crate::figure::{Figure, Item};
use crate::shape::{Anchor, At, Colour, Shape, Sides, Size};
use crate::{heat, names};

/// Room around the part of the paper in which values are drawn; axes of names have as much as these take.
const LEFT: f32 = 76.0;
const RIGHT: f32 = 24.0;
const TOP: f32 = 44.0;
const BOTTOM: f32 = 56.0;
/// From the left edge to the middle of the label of the upward axis, and from the bottom to that of the other.
const LABEL: f32 = 14.0;
const LABEL_BELOW: f32 = 18.0;
/// The height of a row of the legend.
const ROW: f32 = 18.0;
/// Room above and below what is drawn, as a part of its height.
const MARGIN: f64 = 0.05;
/// The width of a character, as a part of its height.
const CHARACTER: f32 = 0.6;
/// The radius of a point, and what it becomes at least where there are more than so many.
const POINT: f32 = 2.5;
const SMALL_POINT: f32 = 1.0;
const MANY_POINTS: f32 = 2_000.0;

pub(crate) const INK: Colour = Colour(40, 40, 40);
const GRID: Colour = Colour(228, 228, 228);
const MARKED: Colour = Colour(180, 30, 30);
const FAINT: Colour = Colour(190, 190, 190);
/// Colours that people who confuse red and green tell apart, after Okabe and Ito, dark enough for thin lines.
const COLOURS: [Colour; 10] = [
    Colour(0, 100, 170),
    Colour(213, 94, 0),
    Colour(0, 140, 105),
    Colour(190, 100, 155),
    Colour(150, 110, 0),
    Colour(70, 160, 215),
    Colour(105, 60, 165),
    Colour(175, 20, 60),
    Colour(95, 70, 45),
    Colour(20, 70, 75),
];

/// Where values lie on the paper: the part of it below the legend.
pub(crate) struct Paper {
    x: Scale,
    y: Scale,
    sides: Sides,
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
    /// Whether the upward axis has names, which go down.
    down: bool,
    /// The radius of a point.
    point: f32,
}

impl Paper {
    fn of(figure: &Figure, rows_of_legend: usize) -> Self {
        let (sides, down) = (figure.sides, figure.y.is_of_names());
        let left = if down { names::room(&figure.y.names) + 2.0 * LABEL } else { LEFT };
        let right = sides.width - RIGHT;
        let below = names::room_below(&figure.x.names, right - left);
        let (top, bottom) = (TOP + ROW * rows_of_legend as f32, sides.height - BOTTOM - below);
        let points: Vec<(f64, f64)> = figure.items.iter().flat_map(outline).collect();
        let drawn = |axis: &Axis, values: Vec<f64>| axis.over(values.into_iter());
        let kept = points.iter().filter(|(x, y)| figure.x.takes(*x) && figure.y.takes(*y));
        let (x, y) = kept.copied().unzip();
        let y = drawn(&figure.y, y);
        let y = if down { y } else { y.with_margin(MARGIN) };
        let point = radius(&figure.items);
        Self { x: drawn(&figure.x, x), y, sides, left, right, top, bottom, down, point }
    }

    pub(crate) fn at(&self, (x, y): (f64, f64)) -> At {
        let (x, y) = (self.x.place(x) as f32, self.y.place(y) as f32);
        // What lies beyond the ends of a range is drawn at its edge, or it would cover the rest of the paper.
        let (x, y) = (x.clamp(0.0, 1.0), y.clamp(0.0, 1.0));
        let y = if self.down { 1.0 - y } else { y };
        (self.left + x * (self.right - self.left), self.bottom - y * (self.bottom - self.top))
    }
}

/// The radius of points: they cover as much of the paper however many there are, from many on.
fn radius(items: &[Item]) -> f32 {
    let count = |item: &Item| if let Item::Points { points, .. } = item { points.len() } else { 0 };
    let points: usize = items.iter().map(count).sum();
    (POINT * (MANY_POINTS / points.max(1) as f32).sqrt()).clamp(SMALL_POINT, POINT)
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
        Item::Heat { rows } => {
            vec![(0.0, 0.0), (rows.first().map_or(0, Vec::len) as f64, rows.len() as f64)]
        }
    }
}

pub(crate) fn shapes(figure: &Figure) -> Vec<Shape> {
    let colours = colours(&figure.items);
    let named = figure.items.iter().zip(&colours);
    let named: Vec<Entry<'_>> = named.filter_map(|(item, colour)| Entry::of(item, *colour)).collect();
    // What comes into the legend's way is how wide the drawing is, which its height does not change.
    let wide = Paper::of(figure, 0);
    let rows = rows(&named, wide.right - wide.left);
    let paper = Paper::of(figure, rows.len());
    let Sides { width, height } = figure.sides;
    let mut shapes = vec![Shape::Rectangle { at: (0.0, 0.0), width, height, colour: Colour(255, 255, 255) }];
    axes(figure, &paper, &mut shapes);
    for (item, colour) in figure.items.iter().zip(colours) {
        draw(figure, item, &paper, colour, &mut shapes);
    }
    legend(&rows, &paper, &mut shapes);
    shapes
}

/// The colour of each item.
fn colours(items: &[Item]) -> Vec<Colour> {
    let mut next = COLOURS.iter().copied().cycle();
    let colour = |item: &Item| match item.name() {
        Some(_) if item.is_faint() => FAINT,
        Some(_) => next.next().unwrap_or(INK),
        None => MARKED,
    };
    items.iter().map(colour).collect()
}

pub(crate) fn text(at: At, text: impl Into<String>, size: Size, anchor: Anchor) -> Shape {
    Shape::Text { at, text: text.into(), size, anchor, turned: false, colour: INK }
}

fn line(from: At, to: At, colour: Colour, dashed: bool) -> Shape {
    Shape::Line { points: vec![from, to], colour, width: 1.0, dashed }
}

/// Grid, numbers, labels and title.
fn axes(figure: &Figure, paper: &Paper, shapes: &mut Vec<Shape>) {
    let Paper { left, right, top, bottom, sides, .. } = *paper;
    if figure.x.is_of_names() {
        names::below(&figure.x.names, (left, right), bottom, shapes);
    } else {
        for tick in paper.x.ticks() {
            let x = left + tick.place as f32 * (right - left);
            shapes.push(line((x, top), (x, bottom), GRID, false));
            let number = |number| text((x, bottom + 14.0), number, Size::Label, Anchor::Middle);
            shapes.extend(tick.text.map(number));
        }
    }
    if figure.y.is_of_names() {
        names::beside(&figure.y.names, (top, bottom), left, shapes);
    } else {
        for tick in paper.y.ticks() {
            let y = bottom - tick.place as f32 * (bottom - top);
            shapes.push(line((left, y), (right, y), GRID, false));
            shapes.extend(tick.text.map(|number| text((left - 8.0, y), number, Size::Label, Anchor::End)));
        }
    }
    shapes.push(line((left, bottom), (right, bottom), INK, false));
    shapes.push(line((left, top), (left, bottom), INK, false));
    shapes.push(text((sides.width / 2.0, 22.0), &figure.title, Size::Title, Anchor::Middle));
    let label = ((left + right) / 2.0, sides.height - LABEL_BELOW);
    shapes.push(text(label, &figure.x.label, Size::Label, Anchor::Middle));
    shapes.push(Shape::Text {
        at: (LABEL, (top + bottom) / 2.0),
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
                        points: thinned(points, paper.sides.width),
                        colour,
                        width: 1.8,
                        dashed: *dashed,
                    }),
                }
            }
        }
        Item::Points { points, .. } => {
            let circle =
                |point: &(f64, f64)| Shape::Circle { at: paper.at(*point), radius: paper.point, colour };
            shapes.extend(points.iter().filter(|point| takes(point)).map(circle));
        }
        Item::Bars { bars, .. } => {
            let drawn =
                bars.iter().filter(|(from, to, height)| takes(&(*from, *height)) && takes(&(*to, *height)));
            shapes.extend(drawn.map(|bar| rectangle(figure, *bar, paper, colour)));
        }
        Item::Mark { text, at } if takes(at) => mark(text, paper.at(*at), paper, shapes),
        Item::Mark { .. } => {}
        Item::Heat { rows } => heat::draw(rows, paper, shapes),
    }
}

fn rectangle(figure: &Figure, (from, to, height): (f64, f64, f64), paper: &Paper, colour: Colour) -> Shape {
    let (left, one) = paper.at((from.min(to), height));
    let right = paper.at((from.max(to), height)).0;
    let zero = if figure.y.takes(0.0) { paper.at((from, 0.0)).1 } else { paper.bottom };
    let (top, bottom) = (one.min(zero), one.max(zero));
    // A gap of a pixel shows where one bar ends.
    Shape::Rectangle { at: (left, top), width: (right - left - 1.0).max(0.5), height: bottom - top, colour }
}

fn mark(label: &str, at: At, paper: &Paper, shapes: &mut Vec<Shape>) {
    shapes.push(line(at, (at.0, paper.bottom), MARKED, true));
    shapes.push(Shape::Circle { at, radius: 4.5, colour: MARKED });
    // To the right of the point unless that leaves the paper.
    let fits = at.0 + 10.0 + width_of(label) < paper.sides.width;
    let (x, anchor) = if fits { (at.0 + 10.0, Anchor::Start) } else { (at.0 - 10.0, Anchor::End) };
    let (y, size, turned) = ((at.1 - 8.0).max(paper.top + 8.0), Size::Label, false);
    shapes.push(Shape::Text { at: (x, y), text: label.into(), size, anchor, turned, colour: MARKED });
}

/// The room that a label takes.
pub(crate) fn width_of(label: &str) -> f32 {
    label.chars().count() as f32 * CHARACTER * Size::Label.height()
}

/// A name in the legend.
#[derive(Clone, Copy)]
struct Entry<'a> {
    name: &'a str,
    colour: Colour,
    dashed: bool,
}

impl<'a> Entry<'a> {
    fn of(item: &'a Item, colour: Colour) -> Option<Self> {
        Some(Entry { name: item.name()?, colour, dashed: matches!(item, Item::Line { dashed: true, .. }) })
    }

    /// The room that it takes, its sample included.
    fn width(&self) -> f32 {
        width_of(self.name) + 44.0
    }
}

/// Names beside samples of their lines, in centred rows between the title and what is drawn.
fn legend(rows: &[Vec<Entry<'_>>], paper: &Paper, shapes: &mut Vec<Shape>) {
    for (number, row) in rows.iter().enumerate() {
        let y = TOP + ROW * number as f32;
        let mut x = (paper.left + paper.right - row.iter().map(Entry::width).sum::<f32>()) / 2.0 + 8.0;
        for entry in row {
            let Entry { name, colour, dashed } = *entry;
            shapes.push(Shape::Line { points: vec![(x, y), (x + 18.0, y)], colour, width: 3.0, dashed });
            shapes.push(text((x + 24.0, y), name, Size::Label, Anchor::Start));
            x += entry.width();
        }
    }
}

/// Names in rows that the paper is wide enough for.
fn rows<'a>(named: &[Entry<'a>], room: f32) -> Vec<Vec<Entry<'a>>> {
    // A single series is what the axis says.
    if named.len() < 2 {
        return Vec::new();
    }
    let mut rows = vec![Vec::new()];
    let mut used = 0.0;
    for entry in named {
        let width = entry.width();
        if used > 0.0 && used + width > room {
            rows.push(Vec::new());
            used = 0.0;
        }
        used += width;
        rows.last_mut().expect("there is a first row").push(*entry);
    }
    rows
}

/// Points of a long line, at most four in a column of pixels: the first, the last, the highest and the lowest. The line looks the same.
fn thinned(points: Vec<At>, width: f32) -> Vec<At> {
    if points.len() < 4 * width as usize {
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

    /// The edges of the part of the usual paper in which values are drawn.
    const EDGES: [f32; 3] = [LEFT, 800.0 - RIGHT, 480.0 - BOTTOM];

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
        let [left, right, bottom] = EDGES;
        assert_eq!((drawn[0][0].0, drawn[1][1].0), (left, right));
        assert_eq!(drawn[0][0].1, bottom, "0 lies on the axis");
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
        let [left, right, bottom] = EDGES;
        assert_eq!(lines(&figure), [[(left, bottom), (right, TOP)]]);
    }

    #[test]
    fn a_long_line_keeps_its_peaks() {
        let points = (0..100_000).map(|i| (f64::from(i), if i == 77_777 { 5.0 } else { f64::from(i % 2) }));
        let drawn = &lines(&Figure::new("").line("", points))[0];
        assert!(drawn.len() < 4_000, "{}", drawn.len());
        let peak = drawn.iter().map(|at| at.1).fold(f32::MAX, f32::min);
        assert_eq!(drawn.iter().filter(|at| at.1 == peak).count(), 1);
        assert!(drawn.iter().all(|at| at.0 <= EDGES[1]) && drawn.last().unwrap().0 == EDGES[1]);
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
    fn the_legend_shows_lines_as_they_are_drawn() {
        let figure = Figure::new("t").line("measured", [(0.0, 1.0)]).dashed("limit", [(0.0, 2.0)]);
        let samples = shapes(&figure).into_iter().filter_map(|shape| match shape {
            Shape::Line { width: 3.0, dashed, .. } => Some(dashed),
            _ => None,
        });
        assert_eq!(samples.collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn many_points_are_small() {
        let of =
            |count: i32| radius(&Figure::new("").points("", (0..count).map(|i| (f64::from(i), 0.0))).items);
        assert_eq!([of(0), of(2_000), of(8_000), of(1_000_000)], [2.5, 2.5, 1.25, 1.0]);
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

    #[test]
    fn a_paper_of_another_size_is_filled() {
        let figure = Figure::new("").size(360.0, 300.0).line("", [(0.0, 0.0), (1.0, 1.0)]);
        let drawn = lines(&figure);
        assert_eq!(drawn[0][0], (LEFT, 300.0 - BOTTOM));
        assert_eq!(drawn[0][1].0, 360.0 - RIGHT);
        assert!(figure.svg().contains("viewBox=\"0 0 360 300\""));
        assert_eq!(Figure::new("").size(0.0, f32::NAN).sides, Sides { width: 240.0, height: 240.0 });
    }

    #[test]
    fn what_is_faint_is_grey_and_takes_no_colour() {
        let figure = Figure::new("").faint_points("others", [(0.0, 0.0)]).points("one", [(1.0, 1.0)]);
        let colours: Vec<Colour> = shapes(&figure)
            .into_iter()
            .filter_map(|shape| match shape {
                Shape::Circle { colour, .. } => Some(colour),
                _ => None,
            })
            .collect();
        assert_eq!(colours, [FAINT, COLOURS[0]]);
    }
}
