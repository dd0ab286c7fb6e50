//! From a figure to shapes on paper.

use crate::axis::{Axis, Scale};
use crate::figure::{Figure, Item};
use crate::shape::{Anchor, At, Colour, Shape, Sides, Size};
use crate::{field, heat, names, parallel, shade};

/// Room around the part of the paper in which values are drawn; axes of names have as much as these take.
const LEFT: f32 = 76.0;
const RIGHT: f32 = 24.0;
pub(crate) const TOP: f32 = 44.0;
const BOTTOM: f32 = 56.0;
/// From the left edge to the middle of the label of the upward axis, and from the bottom to that of the other.
const LABEL: f32 = 14.0;
const LABEL_BELOW: f32 = 18.0;
/// The height of a row of the legend.
pub(crate) const ROW: f32 = 18.0;
/// Room above and below what is drawn, as a part of its height.
const MARGIN: f64 = 0.05;
/// The width of a character, as a part of its height.
const CHARACTER: f32 = 0.6;
/// The radius of a point, and what it becomes at least where there are more than so many.
const POINT: f32 = 2.5;
const SMALL_POINT: f32 = 1.0;
const MANY_POINTS: f32 = 2_000.0;
/// A point whose colour says something is larger by this factor, and has a rim.
const SHADED: f32 = 1.3;
const RIM: f32 = 0.7;
/// The widths of lines alone and of many.
const THICK: f32 = 1.8;
const THIN: f32 = 1.1;

pub(crate) const INK: Colour = Colour(40, 40, 40);
pub(crate) const GRID: Colour = Colour(228, 228, 228);
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
    z: Scale,
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
        let z = figure.items.iter().flat_map(shaded);
        let z = figure.z.as_ref().unwrap_or(&Axis::linear("")).over(z);
        let point = radius(&figure.items);
        Self { x: drawn(&figure.x, x), y, z, sides, left, right, top, bottom, down, point }
    }

    /// Its left and right edge.
    pub(crate) fn between(&self) -> (f32, f32) {
        (self.left, self.right)
    }

    /// The place of a value among the colours.
    pub(crate) fn shade(&self, value: f64) -> f64 {
        self.z.place(value)
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
    let count = |item: &Item| match item {
        Item::Points { points, .. } => points.len(),
        Item::ShadedPoints { points } => points.len(),
        _ => 0,
    };
    let points: usize = items.iter().map(count).sum();
    (POINT * (MANY_POINTS / points.max(1) as f32).sqrt()).clamp(SMALL_POINT, POINT)
}

/// The values that colours stand for.
fn shaded(item: &Item) -> Vec<f64> {
    match item {
        Item::ShadedPoints { points } => points.iter().map(|(.., z)| *z).collect(),
        Item::Field { rows, .. } => rows.iter().flatten().copied().collect(),
        Item::Parallel { rows, .. } => rows.iter().map(|(_, z)| *z).collect(),
        _ => Vec::new(),
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
        Item::Lines { lines, .. } => lines.concat(),
        Item::ShadedPoints { points } => points.iter().map(|(x, y, _)| (*x, *y)).collect(),
        Item::Rectangles { rectangles, .. } => {
            rectangles.iter().flat_map(|(from, to, low, high)| [(*from, *low), (*to, *high)]).collect()
        }
        Item::Field { x, y, .. } => x.iter().flat_map(|x| y.iter().map(|y| (*x, *y))).collect(),
        Item::Parallel { .. } => Vec::new(),
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
    let rows = rows(&named, wide.right - wide.left, figure.z.is_some());
    let paper = Paper::of(figure, rows.len() + usize::from(figure.z.is_some()));
    let Sides { width, height } = figure.sides;
    let mut shapes = vec![Shape::Rectangle { at: (0.0, 0.0), width, height, colour: Colour(255, 255, 255) }];
    shapes.push(text((width / 2.0, 22.0), &figure.title, Size::Title, Anchor::Middle));
    if let Some(z) = &figure.z {
        shade::bar(&z.label, &paper.z, rows.len(), &paper, &mut shapes);
    }
    if let Some((axes, lines)) = figure.items.iter().find_map(Item::parallel) {
        parallel::draw(figure, (axes, lines), &paper, &mut shapes);
        return shapes;
    }
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

pub(crate) fn line(from: At, to: At, colour: Colour, dashed: bool) -> Shape {
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
            broken(points, takes, paper, (colour, THICK, *dashed), shapes);
        }
        Item::Lines { lines, .. } => {
            for points in lines {
                broken(points, takes, paper, (colour, THIN, false), shapes);
            }
        }
        Item::ShadedPoints { points } => {
            let has_field = figure.items.iter().any(|item| matches!(item, Item::Field { .. }));
            for (x, y, z) in points.iter().filter(|(x, y, _)| takes(&(*x, *y))) {
                let (at, radius) = (paper.at((*x, *y)), paper.point * SHADED);
                // A rim, so that points are seen over one another, and light ones on the paper, dark ones over a field.
                let rim = if has_field { Colour(255, 255, 255) } else { INK };
                shapes.push(Shape::Circle { at, radius: radius + RIM, colour: rim });
                shapes.push(Shape::Circle { at, radius, colour: shade::colour(paper.shade(*z)) });
            }
        }
        Item::Rectangles { rectangles, .. } => {
            let drawn = rectangles
                .iter()
                .filter(|(from, to, low, high)| takes(&(*from, *low)) && takes(&(*to, *high)));
            shapes.extend(drawn.map(|bar| lying(*bar, paper, colour)));
        }
        Item::Field { x, y, rows } => draw_field(x, y, rows, paper, shapes),
        Item::Parallel { .. } => {}
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

/// A line through points, broken where one has no place; a point alone is a dot.
fn broken(
    points: &[(f64, f64)],
    takes: impl Fn(&(f64, f64)) -> bool,
    paper: &Paper,
    (colour, width, dashed): (Colour, f32, bool),
    shapes: &mut Vec<Shape>,
) {
    for part in points.split(|point| !takes(point)).filter(|part| !part.is_empty()) {
        let points: Vec<At> = part.iter().map(|point| paper.at(*point)).collect();
        match points[..] {
            [only] => shapes.push(Shape::Circle { at: only, radius: 2.0, colour }),
            _ => {
                let points = thinned(points, paper.sides.width);
                shapes.push(Shape::Line { points, colour, width, dashed });
            }
        }
    }
}

/// A bar that lies, at least as wide as can be seen.
fn lying((from, to, low, high): (f64, f64, f64, f64), paper: &Paper, colour: Colour) -> Shape {
    let ((x0, y0), (x1, y1)) = (paper.at((from, low)), paper.at((to, high)));
    let (left, top, width, height) = (x0.min(x1), y0.min(y1), (x1 - x0).abs(), (y1 - y0).abs());
    // A gap shows where one bar ends, unless that is all that there would be.
    let height = if height > 3.0 { height - 1.0 } else { height.max(0.5) };
    Shape::Rectangle { at: (left, top), width: width.max(1.0), height, colour }
}

fn draw_field(x: &[f64], y: &[f64], rows: &[Vec<f64>], paper: &Paper, shapes: &mut Vec<Shape>) {
    let columns = rows.iter().map(Vec::len).min().unwrap_or(0).min(x.len());
    if columns == 0 {
        return;
    }
    let rows = &rows[..rows.len().min(y.len())];
    let across: Vec<f32> = x[..columns].iter().map(|x| paper.at((*x, y[0])).0).collect();
    let up: Vec<f32> = y[..rows.len()].iter().map(|y| paper.at((x[0], *y)).1).collect();
    let places: Vec<Vec<f64>> =
        rows.iter().map(|row| row[..columns].iter().map(|value| paper.shade(*value)).collect()).collect();
    field::draw(&across, &up, &places, shapes);
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
        if matches!(item, Item::Rectangles { rectangles, .. } if rectangles.is_empty()) {
            return None;
        }
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

/// Names in rows that the paper is wide enough for; `others` says whether there is more than what has names.
fn rows<'a>(named: &[Entry<'a>], room: f32, others: bool) -> Vec<Vec<Entry<'a>>> {
    // A single series is what the axis says.
    if named.is_empty() || named.len() < 2 && !others {
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
    fn many_lines_have_one_colour_and_one_name() {
        let line = |height: f64| vec![(0.0, height), (1.0, f64::NAN), (2.0, height), (3.0, height)];
        let figure =
            Figure::new("").faint_lines("pruned", [line(1.0)]).lines("complete", [line(2.0), line(3.0)]);
        let thin = |colour: Colour| {
            let is = |shape: &Shape| matches!(shape, Shape::Line { colour: drawn, width, .. } if *drawn == colour && *width == THIN);
            shapes(&figure).iter().filter(|shape| is(shape)).count()
        };
        assert_eq!([thin(FAINT), thin(COLOURS[0])], [1, 2]);
        assert_eq!(figure.svg().matches(">complete</text>").count(), 1);
    }

    #[test]
    fn rectangles_lie_between_their_ends() {
        let rows = Axis::names("", ["a", "b"].map(String::from));
        let figure = Figure::new("")
            .y(rows)
            .rectangles("", [(0.0, 0.5, 0.0, 1.0), (0.25, 1.0, 1.0, 2.0), (1.0, 1.0, 1.0, 2.0)]);
        let of = |shape| match shape {
            Shape::Rectangle { at, width, height, colour } if colour == COLOURS[0] => {
                Some((at, width, height))
            }
            _ => None,
        };
        let bars: Vec<(At, f32, f32)> = shapes(&figure).into_iter().filter_map(of).collect();
        let [first, second, none] = bars[..] else { panic!("{bars:?}") };
        assert!((2.0 * second.1 - 3.0 * first.1).abs() < 0.01, "{bars:?}");
        assert!(
            second.0.1 > first.0.1 && (second.0.1 - first.0.1 - first.2 - 1.0).abs() < 0.01,
            "below, after a gap"
        );
        assert_eq!(none.1, 1.0, "what takes no time is seen");
    }

    #[test]
    fn shaded_points_have_the_colours_of_their_values() {
        let points = [(0.0, 0.0, 1.0), (1.0, 1.0, 100.0), (2.0, 0.0, 1e9)];
        let figure = Figure::new("").z(Axis::log("z").range(1.0, 100.0)).shaded_points(points);
        let of = |shape| match shape {
            Shape::Circle { colour, .. } if colour != INK => Some(colour),
            _ => None,
        };
        let found: Vec<Colour> = shapes(&figure).into_iter().filter_map(of).collect();
        assert_eq!(found, [0.0, 1.0, 1.0].map(shade::colour));
    }

    #[test]
    fn lists_that_do_not_fit_one_another_are_cut() {
        for (x, y, rows) in [
            (vec![], vec![1.0], vec![vec![1.0]]),
            (vec![0.0, 1.0], vec![], vec![vec![]]),
            (vec![0.0], vec![0.0, 1.0], vec![]),
        ] {
            assert!(
                !shapes(&Figure::new("").field(x, y, rows))
                    .iter()
                    .any(|shape| matches!(shape, Shape::Area { .. }))
            );
        }
        let none = Figure::new("").parallel([], [(vec![1.0], 1.0)]).parallel([Axis::linear("")], []);
        assert!(none.svg().contains("</svg>"));
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
