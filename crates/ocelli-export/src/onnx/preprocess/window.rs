//! Crops and paddings: pixels taken from other places along rows and columns.

use super::super::graph::{Graph, Value, int};
use super::Pixels;
use ocelli_data::transforms::functional::PaddingMode;
use ocelli_data::transforms::{Fill, Pad, Size, TenCrop};

/// Places along an axis, some of which may lie beyond its ends.
pub(super) struct Places {
    /// A row of whole numbers, from 0 on.
    at: Value,
    /// How many pixels the axis has, as a tensor of one whole number.
    side: Value,
}

impl Places {
    /// Takes what is at the places along `axis` of `axes`; beyond the ends there is `fill`, or 0.
    pub(super) fn take(
        &self,
        graph: &mut Graph,
        value: &str,
        axis: i64,
        axes: usize,
        fill: Option<&str>,
    ) -> Value {
        let (zero, one) = (graph.ints(&[0]), graph.ints(&[1]));
        let last = graph.difference(&self.side, &one);
        let within = graph.most(&self.at, &zero);
        let within = graph.least(&within, &last);
        let taken = graph.gather(value, &within, axis);
        // 1 within the axis and 0 beyond it.
        let inside = graph.add("Equal", &[&within, &self.at], vec![]);
        let inside = graph.float_of(&inside);
        let mut shape = vec![1; axes];
        shape[axis as usize] = -1;
        let inside = graph.reshape(&inside, &shape);
        let Some(fill) = fill else { return graph.product(&taken, &inside) };
        let above = graph.difference(&taken, fill);
        let above = graph.product(&above, &inside);
        graph.sum(&above, fill)
    }
}

/// `count` places from `start` on, a tensor of one whole number.
fn run(graph: &mut Graph, start: &str, count: usize) -> Value {
    let numbers: Vec<i64> = (0..count as i64).collect();
    let numbers = graph.ints(&numbers);
    graph.sum(&numbers, start)
}

/// Where `CenterCrop` starts, on an axis of `side` pixels: torchvision rounds halves to the even number, and pads more at the end.
fn start(graph: &mut Graph, side: &str, crop: usize) -> Value {
    let (crop, zero, two) = (graph.ints(&[crop as i64]), graph.ints(&[0]), graph.ints(&[2]));
    let spare = graph.difference(side, &crop);
    let lacking = graph.difference(&crop, side);
    let [spare, lacking] = [spare, lacking].map(|count| graph.most(&count, &zero));
    let half = graph.quotient(&spare, &two);
    let odd = |graph: &mut Graph, count: &str| graph.add("Mod", &[count, &two], vec![]);
    let (spare_is_odd, half_is_odd) = (odd(graph, &spare), odd(graph, &half));
    let up = graph.product(&spare_is_odd, &half_is_odd);
    let start = graph.sum(&half, &up);
    let before = graph.quotient(&lacking, &two);
    graph.difference(&start, &before)
}

/// The places of the middle `crop` pixels of an axis.
pub(super) fn middle(graph: &mut Graph, side: &str, crop: usize) -> Places {
    let start = start(graph, side, crop);
    Places { at: run(graph, &start, crop), side: side.to_owned() }
}

/// Height and width of a crop.
fn both(size: Size) -> [usize; 2] {
    match size {
        Size::One(side) => [side, side],
        Size::Two(sides) => sides,
    }
}

/// Takes rows and columns.
fn take(graph: &mut Graph, value: &str, [rows, columns]: [&Places; 2], fill: Option<&str>) -> Value {
    let taken = rows.take(graph, value, 2, 4, fill);
    columns.take(graph, &taken, 3, 4, fill)
}

pub(super) fn center_crop(graph: &mut Graph, pixels: &mut Pixels, size: Size) {
    let [height, width] = both(size);
    let rows = middle(graph, &pixels.height, height);
    let columns = middle(graph, &pixels.width, width);
    pixels.value = take(graph, &pixels.value, [&rows, &columns], None);
    pixels.height = graph.ints(&[height as i64]);
    pixels.width = graph.ints(&[width as i64]);
}

pub(super) fn pad(graph: &mut Graph, pixels: &mut Pixels, pad: Pad) {
    let [left, top, right, bottom] = match pad.padding {
        ocelli_data::transforms::Padding::All(all) => [all; 4],
        ocelli_data::transforms::Padding::Sides([x, y]) => [x, y, x, y],
        ocelli_data::transforms::Padding::Each(edges) => edges,
    };
    let fill = fill(graph, pad.fill, pixels.channels);
    for (axis, before, after) in [(2, top, bottom), (3, left, right)] {
        let side = if axis == 2 { &mut pixels.height } else { &mut pixels.width };
        let more = graph.ints(&[after as i64]);
        let end = graph.sum(side, &more);
        let end = graph.add("Squeeze", &[&end], vec![]);
        let (first, step) = (graph.int(-(before as i64)), graph.int(1));
        let at = graph.add("Range", &[&first, &end, &step], vec![]);
        let places = Places { at: shown(graph, &at, side, pad.padding_mode), side: side.clone() };
        let more = graph.ints(&[(before + after) as i64]);
        *side = graph.sum(side, &more);
        pixels.value = places.take(graph, &pixels.value, axis, 4, fill.as_deref());
    }
}

/// Which pixels are shown at places that may lie beyond the ends of an axis.
fn shown(graph: &mut Graph, at: &str, side: &str, mode: PaddingMode) -> Value {
    // A place before the first is mirrored to −at, or −at − 1 with the pixel at the edge again; one behind the last about that.
    let again = match mode {
        // Beyond the ends of the axis nothing is shown but what fills.
        PaddingMode::Constant => return at.to_owned(),
        PaddingMode::Edge => {
            let (zero, one) = (graph.ints(&[0]), graph.ints(&[1]));
            let last = graph.difference(side, &one);
            let at = graph.most(at, &zero);
            return graph.least(&at, &last);
        }
        PaddingMode::Reflect => 0,
        PaddingMode::Symmetric => 1,
    };
    let first = graph.ints(&[-again]);
    let mirrored = graph.difference(&first, at);
    let at = graph.most(at, &mirrored);
    let (two, less) = (graph.ints(&[2]), graph.ints(&[2 - again]));
    let twice = graph.product(side, &two);
    let twice = graph.difference(&twice, &less);
    let mirrored = graph.difference(&twice, &at);
    graph.least(&at, &mirrored)
}

/// The levels that fill, if they are not 0.
fn fill(graph: &mut Graph, fill: Fill, channels: usize) -> Option<Value> {
    let levels = match fill {
        Fill::One(all) => vec![all.trunc(); channels],
        // Grey images take the first.
        Fill::Each(each) => each[..channels].iter().map(|level| level.trunc()).collect(),
    };
    levels.iter().any(|level| *level != 0.0).then(|| graph.floats("fill", &[1, channels, 1, 1], &levels))
}

pub(super) fn five_crop(graph: &mut Graph, pixels: &mut Pixels, size: Size) {
    let views = corners_and_middle(graph, pixels, size);
    show(graph, pixels, size, &views);
}

pub(super) fn ten_crop(graph: &mut Graph, pixels: &mut Pixels, crop: TenCrop) {
    let mut views = corners_and_middle(graph, pixels, crop.size);
    let (axis, side) = if crop.vertical_flip { (2, &pixels.height) } else { (3, &pixels.width) };
    let one = graph.int(1);
    let last = graph.difference(side, &one);
    let (zero, end) = (graph.int(0), graph.add("Squeeze", &[side], vec![]));
    let numbers = graph.add("Range", &[&zero, &end, &one], vec![]);
    let backwards = graph.difference(&last, &numbers);
    let straight = std::mem::take(&mut pixels.value);
    pixels.value = graph.gather(&straight, &backwards, axis);
    views.extend(corners_and_middle(graph, pixels, crop.size));
    show(graph, pixels, crop.size, &views);
}

/// The corners and the middle, each of its own. An image that is too small for them is an error when it is looked at: the places
/// of the first corner end behind it.
fn corners_and_middle(graph: &mut Graph, pixels: &Pixels, size: Size) -> Vec<Value> {
    let sides = [&pixels.height, &pixels.width];
    let starts: [[Value; 3]; 2] = [0, 1].map(|axis| {
        let crop = both(size)[axis];
        let (first, long) = (graph.ints(&[0]), graph.ints(&[crop as i64]));
        [first, graph.difference(sides[axis], &long), start(graph, sides[axis], crop)]
    });
    let views = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)];
    let [height, width] = both(size);
    views
        .map(|(row, column)| {
            let rows = run(graph, &starts[0][row], height);
            let columns = run(graph, &starts[1][column], width);
            let taken = graph.gather(&pixels.value, &rows, 2);
            graph.gather(&taken, &columns, 3)
        })
        .into()
}

/// Goes on with several views of every image.
fn show(graph: &mut Graph, pixels: &mut Pixels, size: Size, views: &[Value]) {
    let names: Vec<&str> = views.iter().map(String::as_str).collect();
    pixels.value = graph.add("Concat", &names, vec![int("axis", 0)]);
    pixels.views = views.len();
    let [height, width] = both(size).map(|side| graph.ints(&[side as i64]));
    (pixels.height, pixels.width) = (height, width);
}
