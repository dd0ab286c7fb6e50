//! What torchvision's transforms make of small images, ours do too; and what it draws, we draw as often.
//!
//! The fixtures are made by `testing/fixtures/augmentations.py`.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use ocelli_data::transforms::functional::{Affine, PaddingMode, Resizing, Warp, elastic_by};
use ocelli_data::transforms::{
    Colour, Fill, FiveCrop, Geometry, Interpolation, Operation, RandomRotation, Size, Span, TenCrop,
};
use ocelli_data::{Compiled, Image, Key, Transform, Workspace};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
struct Cases {
    images: BTreeMap<String, Place>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Place {
    offset: usize,
    shape: [usize; 3],
}

#[derive(Deserialize)]
struct Case {
    image: String,
    operation: Done,
    tolerance: u8,
    share: f64,
    #[serde(flatten)]
    result: Place,
}

/// What was done, in the fixtures' words.
#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "snake_case")]
enum Done {
    Brightness(f64),
    Contrast(f64),
    Saturation(f64),
    Sharpness(f64),
    Hue(f64),
    Posterize(u8),
    Solarize(f32),
    Invert,
    Autocontrast,
    Equalize,
    Grayscale(usize),
    Blur { kernel: [usize; 2], sigma: [f64; 2] },
    Erase { top: usize, left: usize, height: usize, width: usize, value: [u8; 3] },
    Resize { size: [usize; 2], interpolation: Interpolation, antialias: bool },
    ResizedCrop { top: isize, left: isize, height: usize, width: usize, size: [usize; 2] },
    TenCrop { size: [usize; 2], vertical_flip: bool, view: usize },
    FiveCrop { size: [usize; 2], view: usize },
    Pad { edges: [usize; 4], mode: PaddingMode },
    Affine(AffineDone),
    Rotate { angle: f64, expand: bool, interpolation: Interpolation, fill: Option<Fill> },
    Perspective { corners: [[f64; 2]; 4], interpolation: Interpolation, fill: Option<Fill> },
    Elastic { interpolation: Interpolation, fill: Option<Fill> },
}

#[derive(Deserialize, Clone, Debug)]
struct AffineDone {
    angle: f64,
    translate: [f64; 2],
    scale: f64,
    shear: [f64; 2],
    center: Option<[f64; 2]>,
    interpolation: Interpolation,
    fill: Option<Fill>,
}

impl Done {
    /// The same in our words, for an image of this size.
    fn operations(&self, size: (usize, usize)) -> Vec<Operation> {
        let one = |colour| vec![Operation::Colour(colour)];
        match self.clone() {
            Self::Brightness(factor) => one(Colour::Brightness(factor)),
            Self::Contrast(factor) => one(Colour::Contrast(factor)),
            Self::Saturation(factor) => one(Colour::Saturation(factor)),
            Self::Sharpness(factor) => one(Colour::Sharpness(factor)),
            Self::Hue(turns) => one(Colour::Hue(turns)),
            Self::Posterize(bits) => one(Colour::Posterize(bits)),
            Self::Solarize(threshold) => one(Colour::Solarize(threshold)),
            Self::Invert => one(Colour::Invert),
            Self::Autocontrast => one(Colour::Autocontrast),
            Self::Equalize => one(Colour::Equalize),
            Self::Grayscale(channels) => one(Colour::Grayscale(channels)),
            Self::Blur { kernel, sigma } => one(Colour::Blur { kernel, sigma }),
            Self::Erase { top, left, height, width, value } => {
                one(Colour::Erase { top, left, height, width, value })
            }
            Self::Resize { size: [height, width], interpolation, antialias } => {
                vec![Operation::Resize(Resizing { height, width, interpolation, antialias })]
            }
            Self::ResizedCrop { top, left, height, width, size } => vec![
                Operation::Crop { top, left, height, width, fill: [0; 3] },
                Operation::Resize(Resizing::to(size.into())),
            ],
            Self::Pad { edges, mode } => vec![Operation::Geometry(Geometry::Pad { edges, mode })],
            Self::Affine(done) => {
                let AffineDone { angle, translate, scale, shear, center, interpolation, fill } = done;
                let affine = Affine { angle, translate, scale, shear, ..Affine::about(center, size) };
                warp(Warp::affine(affine.inverse(), size, interpolation, fill))
            }
            Self::Rotate { angle, expand, interpolation, fill } => {
                rotated(angle, expand, interpolation, fill, size)
            }
            Self::Perspective { corners, interpolation, fill } => {
                warp(Warp::perspective(corners, size, interpolation, fill).unwrap())
            }
            Self::Elastic { .. } | Self::TenCrop { .. } | Self::FiveCrop { .. } => {
                unreachable!("are done otherwise")
            }
        }
    }

    fn apply(&self, image: &Image) -> Image {
        let (height, width) = (image.height(), image.width());
        if let Self::Elastic { interpolation, fill } = self {
            let place = |i: usize| (i % width, i / width);
            let field = |value: fn((usize, usize)) -> f32| -> Vec<f32> {
                (0..height * width).map(|i| value(place(i))).collect()
            };
            let dx = field(|(x, y)| ((7 * x + 13 * y) % 11) as f32 / 64.0 - 5.0 / 64.0);
            let dy = field(|(x, y)| ((5 * x + 3 * y) % 7) as f32 / 32.0 - 3.0 / 32.0);
            let fill = fill.map(|fill| match fill {
                Fill::One(all) => [all; 3],
                Fill::Each(each) => each,
            });
            let mut target = Image::default();
            elastic_by(image.view(), [&dx, &dy], *interpolation, fill, &mut target);
            return target;
        }
        match *self {
            Self::TenCrop { size, vertical_flip, view } => {
                let crops = TenCrop { size: Size::Two(size), vertical_flip };
                return view_of(crops.into(), size, view, image);
            }
            Self::FiveCrop { size, view } => {
                return view_of(FiveCrop { size: Size::Two(size) }.into(), size, view, image);
            }
            _ => {}
        }
        let operations = self.operations((height, width));
        operations.iter().fold(image.clone(), |image, operation| operation.apply(image.view()))
    }
}

/// One of the views that a list of this transform gives.
fn view_of(crops: Transform, [height, width]: [usize; 2], view: usize, image: &Image) -> Image {
    let channels = image.channels();
    let compiled = Compiled::new(&[crops], (height, width, channels)).unwrap();
    let len = height * width * channels;
    let mut out = vec![f32::NAN; compiled.views() * len];
    compiled.run(image.view(), Key::default(), &mut Workspace::default(), &mut out).unwrap();
    let bytes = out[view * len..][..len].iter().map(|value| (value * 255.0).round() as u8).collect();
    Image::new(height, width, channels, bytes)
}

fn warp(warp: Warp) -> Vec<Operation> {
    vec![Operation::Geometry(Geometry::Warp(warp))]
}

/// What `RandomRotation` draws of a range of one angle; without a fill, which it always has, what it would draw.
fn rotated(
    angle: f64,
    expand: bool,
    interpolation: Interpolation,
    fill: Option<Fill>,
    (height, width): (usize, usize),
) -> Vec<Operation> {
    let mut rotation = RandomRotation::new(Span::Two([angle, angle]));
    (rotation.expand, rotation.interpolation) = (expand, interpolation);
    rotation.fill = fill.unwrap_or_default();
    let mut operations = Transform::from(rotation).draw((height, width, 3), Key::default()).unwrap();
    if let [Operation::Geometry(Geometry::Warp(warp))] = operations.as_mut_slice()
        && fill.is_none()
    {
        warp.fill = None;
    }
    operations
}

fn read(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/augmentations").join(name);
    let bytes = fs::read(path).unwrap();
    if !name.ends_with(".gz") {
        return bytes;
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(&bytes[..]).read_to_end(&mut unpacked).unwrap();
    unpacked
}

fn parse<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_slice(&read(name)).unwrap()
}

fn image(bytes: &[u8], place: &Place) -> Image {
    let [height, width, channels] = place.shape;
    Image::new(height, width, channels, bytes[place.offset..][..height * width * channels].to_vec())
}

#[test]
fn pixels_are_torchvisions() {
    let bytes = read("images.bin.gz");
    let Cases { images, cases } = parse("cases.json.gz");
    // Fixtures that were made before an operation was added would say nothing of it.
    let kinds: HashSet<_> = cases.iter().map(|case| std::mem::discriminant(&case.operation)).collect();
    assert_eq!(kinds.len(), 22, "every operation has a case");
    let mut wrong = Vec::new();
    for case in &cases {
        let given = image(&bytes, &images[&case.image]);
        let expected = image(&bytes, &case.result);
        let made = case.operation.apply(&given);
        let shape = |image: &Image| [image.height(), image.width(), image.channels()];
        let what = format!("{} {:?}", case.image, case.operation);
        if shape(&made) != shape(&expected) {
            wrong.push(format!("{what}: {:?}, not {:?}", shape(&made), shape(&expected)));
            continue;
        }
        let apart: Vec<u8> =
            made.pixels().iter().zip(expected.pixels()).map(|(a, b)| a.abs_diff(*b)).collect();
        let largest = apart.iter().max().copied().unwrap_or(0);
        let other = apart.iter().filter(|apart| **apart > 0).count();
        if largest > case.tolerance || other as f64 > (case.share * apart.len() as f64).max(1.0) {
            wrong.push(format!("{what}: {other} of {} bytes by up to {largest}", apart.len()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() > 800, "only {} cases", cases.len());
}

#[derive(Deserialize)]
struct Sequences {
    transform: Transform,
    size: (usize, usize),
    drawn: Vec<Sequence>,
}

#[derive(Deserialize)]
struct Sequence {
    p: f64,
    operations: Vec<Done>,
}

/// Our numbers and theirs are rounded differently at the end.
fn alike(a: &[Operation], b: &[Operation]) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-5 * (1.0 + a.abs());
    let same = |(a, b): (&Operation, &Operation)| match (a, b) {
        (Operation::Colour(a), Operation::Colour(b)) => match (a, b) {
            (Colour::Brightness(a), Colour::Brightness(b))
            | (Colour::Contrast(a), Colour::Contrast(b))
            | (Colour::Saturation(a), Colour::Saturation(b))
            | (Colour::Sharpness(a), Colour::Sharpness(b)) => near(*a, *b),
            (Colour::Solarize(a), Colour::Solarize(b)) => near((*a).into(), (*b).into()),
            _ => a == b,
        },
        (Operation::Geometry(Geometry::Warp(a)), Operation::Geometry(Geometry::Warp(b))) => {
            let matrix = |warp: &Warp| match warp.map {
                ocelli_data::transforms::functional::Map::Affine(matrix) => matrix,
                ocelli_data::transforms::functional::Map::Perspective(_) => panic!("none is drawn"),
            };
            let numbers = matrix(a).into_iter().zip(matrix(b)).all(|(a, b)| near(a, b));
            numbers && (a.interpolation, a.fill) == (b.interpolation, b.fill)
        }
        _ => a == b,
    };
    a.len() == b.len() && a.iter().zip(b).all(same)
}

/// The operations that were drawn; those of AugMix are one chain's.
fn drawn(transform: &Transform, (height, width): (usize, usize), sample: u64) -> Vec<Operation> {
    let operations = transform.draw((height, width, 3), Key { sample, ..Key::default() }).unwrap();
    match operations.as_slice() {
        [Operation::Mix(mix)] => mix.chains[0].operations.clone(),
        _ => operations,
    }
}

#[test]
fn automatic_augmentations_draw_what_torchvisions_do_as_often() {
    const DRAWS: u32 = 10_000;
    for Sequences { transform, size, drawn: expected } in parse::<Vec<Sequences>>("sequences.json.gz") {
        // Of those that come to the same, such as a shift by −0 and by 0, one.
        let mut known: Vec<(Vec<Operation>, f64, u32)> = Vec::new();
        for Sequence { p, operations } in expected {
            let operations: Vec<_> = operations.iter().flat_map(|done| done.operations(size)).collect();
            match known.iter_mut().find(|known| alike(&known.0, &operations)) {
                Some(same) => same.1 += p,
                None => known.push((operations, p, 0)),
            }
        }
        let total: f64 = known.iter().map(|known| known.1).sum();
        assert!((total - 1.0).abs() < 1e-9, "{transform:?}: {total}");
        for sample in 0..DRAWS {
            let operations = drawn(&transform, size, sample.into());
            let found = known.iter_mut().find(|known| alike(&known.0, &operations));
            let found = found.unwrap_or_else(|| panic!("{transform:?} draws {operations:?}"));
            found.2 += 1;
        }
        for (operations, p, times) in known {
            let n = f64::from(DRAWS);
            // Five standard errors, and what a few draws make of the rarest.
            let error = 5.0 * (p * (1.0 - p) / n).sqrt() + 5.0 / n;
            let share = f64::from(times) / n;
            assert!((share - p).abs() < error, "{transform:?}: {operations:?} in {share} of draws, not {p}");
        }
    }
}

#[derive(Deserialize)]
struct Draws {
    transform: Transform,
    size: (usize, usize),
    draws: u32,
    quantiles: BTreeMap<String, Vec<f64>>,
}

/// The parameters in the operations that were drawn.
fn parameters(transform: &Transform, size: (usize, usize), sample: u64) -> BTreeMap<&'static str, f64> {
    let key = Key { sample, seed: 5, ..Key::default() };
    let operations = transform.draw((size.0, size.1, 3), key).unwrap();
    let mut found = BTreeMap::new();
    let number = |colour: &Operation| match colour {
        Operation::Colour(Colour::Brightness(_)) => 0.0,
        Operation::Colour(Colour::Contrast(_)) => 1.0,
        Operation::Colour(Colour::Saturation(_)) => 2.0,
        _ => 3.0,
    };
    match transform {
        Transform::ColorJitter(_) => found.extend([("first", number(&operations[0]))]),
        // An image that stays whole, as torchvision's fixture writes it.
        Transform::RandomErasing(_) => {
            found.extend([("top", -1.0), ("left", -1.0), ("height", -1.0), ("width", -1.0)]);
        }
        _ => {}
    }
    for operation in &operations {
        match operation {
            Operation::Crop { top, left, height, width, .. } => {
                found.extend([("top", *top as f64), ("left", *left as f64)]);
                found.extend([("height", *height as f64), ("width", *width as f64)]);
                found.extend([("area", (height * width) as f64), ("ratio", *width as f64 / *height as f64)]);
            }
            Operation::Colour(Colour::Erase { top, left, height, width, .. }) => {
                found.extend([("top", *top as f64), ("left", *left as f64)]);
                found.extend([("height", *height as f64), ("width", *width as f64)]);
            }
            Operation::Colour(Colour::Brightness(factor)) => found.extend([("brightness", *factor)]),
            Operation::Colour(Colour::Contrast(factor)) => found.extend([("contrast", *factor)]),
            Operation::Colour(Colour::Saturation(factor)) => found.extend([("saturation", *factor)]),
            Operation::Colour(Colour::Hue(turns)) => found.extend([("hue", *turns)]),
            Operation::Colour(Colour::Blur { sigma, .. }) => found.extend([("sigma", sigma[0])]),
            Operation::Geometry(Geometry::Warp(warp)) => found.extend(of_warp(warp, size)),
            _ => {}
        }
    }
    found
}

/// What an affine or perspective map was made of.
fn of_warp(warp: &Warp, (height, width): (usize, usize)) -> Vec<(&'static str, f64)> {
    use ocelli_data::transforms::functional::Map;
    match warp.map {
        Map::Affine([a, b, c, d, e, f]) => {
            // The inverse of [a, b; d, e] is scale · [p, q; r, s], where p = cos(angle − shear_y) / cos(shear_y),
            // r = sin(angle − shear_y) / cos(shear_y) and q = −p tan(shear_x) − sin(angle).
            let determinant = a * e - b * d;
            let [p, q, r, s] = [e, -b, -d, a].map(|value| value / determinant);
            let scale = (p * s - q * r).sqrt();
            let (x, y) = (-(p * c + q * f), -(r * c + s * f));
            let (angle, shear_x, shear_y) = angle_and_shears([p, q, r, s].map(|value| value / scale));
            let degrees = f64::to_degrees;
            vec![
                ("scale", scale),
                ("x", x.round()),
                ("y", y.round()),
                ("angle", degrees(angle)),
                ("shear_x", degrees(shear_x)),
                ("shear_y", degrees(shear_y)),
            ]
        }
        Map::Perspective(k) => {
            // Where the source's corners are in the result, by trying: the map's inverse at them.
            let [a, b, c, d, e, f, g, h] = k;
            let (right, bottom) = (width as f64 - 1.0, height as f64 - 1.0);
            let corners = [(0.0, 0.0), (right, 0.0), (right, bottom), (0.0, bottom)];
            let names = [("x0", "y0"), ("x1", "y1"), ("x2", "y2"), ("x3", "y3")];
            let at = |(u, v): (f64, f64)| {
                // (a − g u) x + (b − h u) y = u − c, and so for v.
                let [m, n, o, p] = [a - g * u, b - h * u, d - g * v, e - h * v];
                let determinant = m * p - n * o;
                (((u - c) * p - n * (v - f)) / determinant, (m * (v - f) - o * (u - c)) / determinant)
            };
            let found = corners.map(at).into_iter().zip(names);
            found.flat_map(|((x, y), (nx, ny))| [(nx, x.round()), (ny, y.round())]).collect()
        }
    }
}

/// Angle and shears, the one along y not below 0, of a matrix of determinant 1.
fn angle_and_shears([p, q, r, _]: [f64; 4]) -> (f64, f64, f64) {
    let less = r.atan2(p);
    let shear_y = (less.cos() / p).clamp(-1.0, 1.0).acos();
    let angle = less + shear_y;
    (angle, (-(q + angle.sin()) / p).atan(), shear_y)
}

#[test]
fn parameters_are_distributed_as_torchvisions() {
    const DRAWS: u32 = 10_000;
    for Draws { transform, size, draws, quantiles } in parse::<Vec<Draws>>("draws.json") {
        let drawn: Vec<_> = (0..DRAWS).map(|sample| parameters(&transform, size, sample.into())).collect();
        for (name, theirs) in quantiles {
            let mut ours: Vec<f64> = drawn.iter().map(|found| found[name.as_str()]).collect();
            ours.sort_by(f64::total_cmp);
            for (at, theirs) in theirs.into_iter().enumerate() {
                let q = f64::from(at as u32 + 1) / 20.0;
                // Five standard errors of our draws and of theirs. Many draws may be the quantile itself.
                let error = 5.0 * (q * (1.0 - q) * (1.0 / f64::from(DRAWS) + 1.0 / f64::from(draws))).sqrt();
                let slack = 1e-6 * (1.0 + theirs.abs());
                let share =
                    |limit: f64| ours.partition_point(|value| *value < limit) as f64 / f64::from(DRAWS);
                let (below, up_to) = (share(theirs - slack), share(theirs + slack));
                assert!(
                    below < q + error && up_to > q - error,
                    "{transform:?}: {name} is below {theirs} in {below} of draws and up to it in {up_to}, not {q}"
                );
            }
        }
    }
}
