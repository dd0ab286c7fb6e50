//! What Pillow decodes and torchvision transforms, we do too.
//!
//! The fixtures are made by `testing/fixtures/transforms.py`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ocelli_data::decode::{self, Limits};
use ocelli_data::{
    Channels, Compiled, Dataset, Image, Key, OpenOptions, Portion, Transform, Wanted, Workspace, open,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Cases {
    decode: Vec<Case>,
    reduce: Vec<Case>,
    transform: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    file: String,
    #[serde(default)]
    channels: Option<Channels>,
    #[serde(default)]
    steps: Vec<Transform>,
    shape: Vec<usize>,
    offset: usize,
    #[serde(default)]
    reduction: usize,
    tolerance: f32,
}

impl Case {
    /// Height, width, channels.
    fn shape(&self) -> (usize, usize, usize) {
        let channels = self.shape.get(2).copied().unwrap_or(1);
        (self.shape[0], self.shape[1], channels)
    }

    fn bytes<'a>(&self, pixels: &'a [u8], size: usize) -> &'a [u8] {
        let len: usize = self.shape.iter().product();
        &pixels[self.offset..][..len * size]
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn fixtures() -> (Cases, Vec<u8>) {
    let cases = fs::read_to_string(folder().join("cases.json")).unwrap();
    let pixels = fs::read(folder().join("pixels.bin")).unwrap();
    (serde_json::from_str(&cases).unwrap(), pixels)
}

fn largest_difference(ours: &[u8], theirs: &[u8]) -> u8 {
    assert_eq!(ours.len(), theirs.len());
    let differences = ours.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b));
    differences.max().unwrap_or(0)
}

#[test]
fn files_decode_to_what_pillow_makes_of_them() {
    let (cases, pixels) = fixtures();
    let mut wrong = Vec::new();
    for case in &cases.decode {
        let channels = case.channels.unwrap();
        let path = folder().join(&case.file);
        let image = decode::read(&path, channels, &Limits::default()).unwrap();
        let (height, width, _) = case.shape();
        assert_eq!((image.height(), image.width()), (height, width), "{}", case.file);
        let apart = largest_difference(image.pixels(), case.bytes(&pixels, 1));
        if f32::from(apart) > case.tolerance {
            wrong.push(format!("{} {channels:?}: {apart} levels apart", case.file));
        }
        let header = decode::header(&path, &Limits::default()).unwrap();
        assert_eq!((header.height, header.width), (height, width), "header of {}", case.file);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The fixtures that are JPEG files, as a dataset.
fn jpegs() -> (tempfile::TempDir, Arc<dyn Dataset>) {
    let copies = tempfile::tempdir().unwrap();
    for file in fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|extension| extension == "jpg") {
            for class in ["a", "b"] {
                fs::create_dir_all(copies.path().join(class)).unwrap();
                fs::copy(&file, copies.path().join(class).join(file.file_name().unwrap())).unwrap();
            }
        }
    }
    let options = OpenOptions { validation: 0.0, test: 0.0, ..OpenOptions::default() };
    let dataset = open(copies.path(), &options).unwrap().train;
    (copies, dataset)
}

#[test]
fn parts_of_jpegs_are_parts_of_the_whole() {
    let (_copies, dataset) = jpegs();
    let mut smaller = 0;
    for index in 0..dataset.len() {
        let whole = dataset.load(index).unwrap();
        let (height, width) = (whole.height(), whole.width());
        for (rows, columns) in [
            (0..3, 0..3),
            (height / 3..height / 2, width / 2..width),
            (0..height, 17..width.saturating_sub(20)),
        ] {
            let Some(columns) = (columns.start < columns.end).then_some(columns) else { continue };
            let wanted = Wanted {
                top: rows.start,
                left: columns.start,
                height: rows.len(),
                width: columns.len(),
                reduction: 1,
            };
            let Portion { image, place } = dataset.load_part(index, &mut |_| Some(wanted)).unwrap();
            assert_eq!((place.whole, place.reduction), ((height, width), 1));
            smaller += usize::from(image.pixels().len() < whole.pixels().len());
            let row = |image: &Image, row: usize, left: usize| {
                let from = (row * image.width() + left) * 3;
                image.pixels()[from..from + 3 * columns.len()].to_vec()
            };
            for at in rows {
                let here = row(&image, at - place.top, columns.start - place.left);
                assert_eq!(here, row(&whole, at, columns.start), "{}, row {at}", dataset.name(index));
            }
        }
    }
    assert!(smaller > dataset.len(), "of {smaller} only what was wanted was decoded");
}

#[test]
fn reduced_jpegs_are_libjpegs() {
    let (cases, pixels) = fixtures();
    let (_copies, dataset) = jpegs();
    assert_eq!(cases.reduce.len(), 3);
    for case in &cases.reduce {
        let index = (0..dataset.len()).find(|index| dataset.name(*index).ends_with(&case.file)).unwrap();
        let mut wanted =
            |(height, width)| Some(Wanted { top: 0, left: 0, height, width, reduction: case.reduction });
        let Portion { image, place } = dataset.load_part(index, &mut wanted).unwrap();
        assert_eq!(((image.height(), image.width(), 3), place.reduction), (case.shape(), case.reduction));
        assert_eq!(image.pixels(), case.bytes(&pixels, 1));
    }
}

#[test]
fn headers_tell_grey_from_colour() {
    let header = |file: &str| decode::header(folder().join(file), &Limits::default()).unwrap();
    for file in ["grey.png", "grey-alpha.png", "grey-16.png", "grey.jpg", "grey-16.tiff"] {
        assert_eq!(header(file).channels, Channels::Grey, "{file}");
    }
    for file in ["rgb.png", "palette.png", "444.jpg", "cmyk.jpg", "lossy.webp", "rgb.bmp"] {
        assert_eq!(header(file).channels, Channels::Rgb, "{file}");
    }
}

fn source(case: &Case) -> Image {
    let channels = Channels::from_count(case.shape().2).unwrap();
    decode::read(folder().join(&case.file), channels, &Limits::default()).unwrap()
}

/// Runs one transform alone, as a pure function.
fn alone(transform: &Transform, image: &Image) -> Image {
    let shape = (image.height(), image.width(), image.channels());
    let operations = transform.draw(shape, Key::default()).unwrap();
    operations.iter().fold(image.clone(), |image, operation| operation.apply(image.view()))
}

#[test]
fn single_transforms_are_torchvisions() {
    let (cases, pixels) = fixtures();
    let bytes = |case: &&Case| case.steps.len() == 1 && !matches!(case.steps[0], Transform::Normalize(_));
    let mut count = 0;
    for case in cases.transform.iter().filter(bytes) {
        let out = alone(&case.steps[0], &source(case));
        let shape = (out.height(), out.width(), out.channels());
        assert_eq!(shape, case.shape(), "{:?}", case.steps);
        let apart = largest_difference(out.pixels(), case.bytes(&pixels, 1));
        assert!(f32::from(apart) <= case.tolerance, "{:?}: {apart} levels", case.steps);
        count += 1;
    }
    assert!(count > 20, "only {count} cases");
}

#[test]
fn compiled_transforms_are_torchvisions() {
    let (cases, pixels) = fixtures();
    let mut workspace = Workspace::default();
    for case in &cases.transform {
        let compiled = Compiled::new(&case.steps, case.shape()).unwrap();
        let mut out = vec![f32::NAN; case.shape.iter().product()];
        let image = source(case);
        compiled.run(image.view(), Key::default(), &mut workspace, &mut out).unwrap();
        let ends_in_numbers = !matches!(case.steps.last(), Some(t) if !matches!(t, Transform::Normalize(_)));
        let (expected, tolerance): (Vec<f32>, f32) = if ends_in_numbers {
            let (words, _) = case.bytes(&pixels, 4).as_chunks::<4>();
            (words.iter().map(|&w| f32::from_le_bytes(w)).collect(), case.tolerance)
        } else {
            let levels = case.bytes(&pixels, 1).iter();
            let near = if case.tolerance > 0.0 { 1.01 * case.tolerance / 255.0 } else { 0.0 };
            (levels.map(|&b| f32::from(b) / 255.0).collect(), near)
        };
        let apart = out.iter().zip(&expected).map(|(a, b)| (a - b).abs());
        let apart = apart.fold(0.0, f32::max);
        assert!(apart <= tolerance, "{:?}: {apart} apart, {tolerance} allowed", case.steps);
    }
}
