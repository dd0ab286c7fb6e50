//! What a check finds, and what it does not.

mod common;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use common::{encoded, flat_png, write};
use image::{DynamicImage, GenericImageView, ImageFormat, RgbImage};
use ocelli_data::check::{CheckOptions, Group, Kind, Progress, Report, Severity, check, groups};
use ocelli_data::{OpenOptions, Undivided, open_undivided};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn image(&self, path: &str, picture: &DynamicImage) {
        let format = ImageFormat::from_path(path).unwrap();
        write(&self.at(path), &encoded(picture, format));
    }

    fn open(&self) -> Undivided {
        let options = OpenOptions { allow_class_mismatch: true, ..OpenOptions::default() };
        open_undivided(self.0.path(), &options).unwrap()
    }

    fn check(&self) -> Report {
        check(&self.open(), &CheckOptions::default(), &|_| {}).unwrap()
    }
}

/// A picture of soft blobs, another for each seed: as unlike each other as photographs are.
fn scene(seed: u32, height: u32, width: u32) -> DynamicImage {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12345);
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let blobs: Vec<[f32; 6]> =
        (0..12).map(|_| [draw(), draw(), 0.03 + 0.1 * draw(), draw(), draw(), draw()]).collect();
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
        let mut colour = [40.0; 3];
        for [cx, cy, size, r, g, b] in &blobs {
            let near = (-((u - cx).powi(2) + (v - cy).powi(2)) / (size * size)).exp();
            [r, g, b]
                .iter()
                .zip(&mut colour)
                .for_each(|(tint, value)| *value += 200.0 * near * (*tint - 0.2));
        }
        image::Rgb(colour.map(|value| value.clamp(0.0, 255.0) as u8))
    }))
}

fn kinds(report: &Report, severity: Severity) -> HashSet<Kind> {
    report.findings.iter().filter(|f| f.severity == severity).map(|f| f.kind).collect()
}

/// The file names of a group's images.
fn names(group: &Group) -> Vec<String> {
    let name = |name: &str| Path::new(name).file_name().unwrap().to_string_lossy().into_owned();
    group.images.iter().map(|member| name(&member.name)).collect()
}

#[test]
fn a_sound_dataset_has_no_finding() {
    let folder = Folder::new();
    for number in 0..60 {
        let (split, class) = (["train", "val", "test"][number % 3], ["a", "b"][number / 3 % 2]);
        folder.image(&format!("{split}/{class}/{number}.png"), &scene(number as u32, 40, 50));
    }
    let report = folder.check();
    assert_eq!(report.findings, [], "ten training images of each class");
    assert!(report.is_sound());
    assert_eq!(
        report.splits.iter().map(|s| (s.name, s.images)).collect::<Vec<_>>(),
        [("train", 20), ("val", 20), ("test", 20)]
    );
    assert_eq!(report.splits[0].classes.0, [10, 10]);
    assert_eq!((report.formats["png"], report.channels["colour"]), (60, 60));
    assert_eq!((report.sizes.height, report.sizes.width, report.sizes.uniform), ([40; 3], [50; 3], true));
    let statistics = report.splits[0].statistics.as_ref().unwrap();
    assert!(statistics.images == 20 && statistics.mean.len() == 3 && statistics.mean[0] > 0.1);
}

#[test]
fn pictures_that_were_saved_again_are_found_and_others_are_not() {
    let folder = Folder::new();
    for seed in 0..40 {
        folder.image(&format!("{}/{seed:02}.png", ["a", "b"][seed as usize % 2]), &scene(seed, 90, 120));
    }
    let original = scene(4, 90, 120);
    let copies: [(&str, DynamicImage); 5] = [
        ("a/04-same.bmp", original.clone()),
        ("a/04-small.png", original.resize_exact(60, 45, image::imageops::FilterType::Triangle)),
        ("a/04-large.png", original.resize_exact(240, 180, image::imageops::FilterType::Triangle)),
        ("a/04-bright.png", original.brighten(20)),
        ("a/04-cropped.png", original.crop_imm(2, 1, 117, 88)),
    ];
    for (name, copy) in &copies {
        folder.image(name, copy);
    }
    // As lossy as a photograph that was sent around: every value in steps of 16.
    let coarse = |x: u32, y: u32| {
        image::Rgb(original.get_pixel(x, y).0[..3].try_into().map(|p: [u8; 3]| p.map(|v| v & 0xf0)).unwrap())
    };
    folder.image("b/04-coarse.png", &DynamicImage::ImageRgb8(RgbImage::from_fn(120, 90, coarse)));
    let report = folder.check();
    let [exact] = &report.exact_duplicates[..] else { panic!("{:?}", report.exact_duplicates) };
    assert_eq!(names(exact), ["04-same.bmp", "04.png"]);
    let [near] = &report.near_duplicates[..] else { panic!("{:?}", report.near_duplicates) };
    let mut found = names(near);
    found.sort();
    let all = [
        "04-bright.png",
        "04-coarse.png",
        "04-cropped.png",
        "04-large.png",
        "04-same.bmp",
        "04-small.png",
        "04.png",
    ];
    assert_eq!(found, all);
    assert!(near.labels_differ && !near.across_splits && !exact.labels_differ);
    assert_eq!(kinds(&report, Severity::Warning), HashSet::from([Kind::Duplicates, Kind::NearDuplicates]));

    let together = groups(&folder.open(), &CheckOptions::default(), &|_| {}).unwrap();
    let [train] = &together[..] else { panic!("one split") };
    let distinct: HashSet<u32> = train.iter().copied().collect();
    assert_eq!((train.len(), distinct.len()), (46, 40), "seven pictures are one group");
}

#[test]
fn what_leaks_between_splits_is_serious() {
    let folder = Folder::new();
    for seed in 0..24 {
        let (split, class) = (["train", "test"][seed as usize / 20], ["a", "b"][seed as usize % 2]);
        folder.image(&format!("{split}/{class}/{seed}.png"), &scene(seed, 64, 64));
    }
    folder.image("test/a/leak.png", &scene(2, 64, 64));
    let report = folder.check();
    assert_eq!(kinds(&report, Severity::Serious), HashSet::from([Kind::Leakage]));
    assert!(!report.is_sound());
    assert!(report.exact_duplicates[0].across_splits);
    let leak = &report.findings[0];
    assert!(
        leak.examples[0].contains("2.png (train, a) = ") && leak.examples[0].contains("leak.png (test, a)")
    );

    folder.image("test/a/leak.png", &scene(2, 64, 64).brighten(9));
    assert_eq!(kinds(&folder.check(), Severity::Serious), HashSet::from([Kind::NearLeakage]));
    // The same picture under another label.
    folder.image("train/b/2-too.png", &scene(2, 64, 64));
    let serious = kinds(&folder.check(), Severity::Serious);
    assert_eq!(serious, HashSet::from([Kind::NearLeakage, Kind::LabelsDiffer]));
}

#[test]
fn broken_files_and_missing_classes_are_serious() {
    let folder = Folder::new();
    for seed in 0..40 {
        let class = ["a", "b"][seed as usize % 2];
        folder.image(&format!("train/{class}/{seed}.png"), &scene(seed, 30, 30));
        folder.image(&format!("test/{class}/{seed}.png"), &scene(100 + seed, 30, 30));
    }
    folder.image("test/c/1.png", &scene(999, 30, 30));
    write(&folder.at("train/a/text.png"), b"no image");
    write(&folder.at("train/a/huge.png"), &flat_png(30_000, 30_000));
    // Whole at both ends, broken in between: only decoding shows it.
    let mut bytes = encoded(&scene(7, 80, 80), ImageFormat::Png);
    let middle = bytes.len() / 2;
    bytes[middle..middle + 40].fill(0);
    write(&folder.at("train/b/middle.png"), &bytes);
    write(&folder.at("train/loose.png"), b"");
    let report = folder.check();
    assert_eq!(kinds(&report, Severity::Serious), HashSet::from([Kind::Unusable, Kind::ClassMismatch]));
    assert!(kinds(&report, Severity::Warning).contains(&Kind::Unlabelled));
    let unusable = report.findings.iter().find(|f| f.kind == Kind::Unusable).unwrap();
    assert_eq!(unusable.text, "3 files cannot be used");
    for name in ["text.png", "huge.png", "middle.png"] {
        assert!(unusable.examples.iter().any(|example| example.contains(name)), "{:?}", unusable.examples);
    }
    let mismatch = report.findings.iter().find(|f| f.kind == Kind::ClassMismatch).unwrap();
    assert!(mismatch.examples[0].contains("has `c`"), "{:?}", mismatch.examples);
}

#[test]
fn odd_images_and_small_classes_are_told() {
    let folder = Folder::new();
    for seed in 0..60 {
        folder.image(&format!("big/{seed}.png"), &scene(seed, 40, 50));
    }
    for seed in 60..65 {
        folder.image(&format!("small/{seed}.png"), &scene(seed, 40, 50));
    }
    folder.image("big/tiny.png", &scene(70, 6, 7));
    folder.image("big/strip.png", &scene(71, 10, 199));
    folder.image("big/grey.png", &scene(72, 40, 50).grayscale());
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    write(&folder.at("big/turned.png"), &std::fs::read(fixtures.join("orientation-6.png")).unwrap());
    let report = folder.check();
    let warned = HashSet::from([Kind::Imbalance, Kind::SmallClasses, Kind::OddSizes]);
    assert_eq!(kinds(&report, Severity::Warning), warned, "{:?}", report.findings);
    assert_eq!(kinds(&report, Severity::Note), HashSet::from([Kind::MixedChannels, Kind::Orientation]));
    assert!(report.is_sound(), "nothing of this is serious");
    let told = |kind| report.findings.iter().find(|f| f.kind == kind).unwrap().examples.join("\n");
    assert!(
        told(Kind::OddSizes).contains("tiny.png: 7×6") && told(Kind::OddSizes).contains("strip.png: 199×10")
    );
    assert!(
        told(Kind::Orientation).contains("turned.png: 6") && told(Kind::SmallClasses).contains("small: 5")
    );
    assert!(told(Kind::MixedChannels).contains("grey.png"));
    assert_eq!(report.orientations[&6], 1);
}

#[test]
fn the_report_does_not_depend_on_threads_and_progress_is_told() {
    let folder = Folder::new();
    for seed in 0..30 {
        folder.image(&format!("{}/{seed}.png", ["a", "b"][seed as usize % 2]), &scene(seed / 2 * 2, 30, 30));
    }
    let data = folder.open();
    let report = |threads| {
        let told = Mutex::new(Vec::new());
        let options = CheckOptions { threads, ..CheckOptions::default() };
        let report =
            check(&data, &options, &|progress: Progress| told.lock().unwrap().push(progress)).unwrap();
        let told = told.into_inner().unwrap();
        let looked = told.iter().filter(|p| p.step == "looking at images").map(|p| p.done).max();
        assert_eq!(looked, Some(30));
        serde_json::to_string(&report).unwrap()
    };
    let one = report(1);
    assert_eq!(one, report(2));
    assert_eq!(one, report(7));
    assert!(one.contains("\"labels-differ\""));
}

#[test]
fn images_in_memory_are_checked_as_well() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/fashion-mnist-sample");
    let data = open_undivided(sample, &OpenOptions::default()).unwrap();
    let report = check(&data, &CheckOptions::default(), &|_| {}).unwrap();
    assert_eq!(report.splits.iter().map(|s| s.images).sum::<usize>(), 7000);
    assert!(report.formats.is_empty() && report.channels["grey"] == 7000);
    let wrong = CheckOptions { similarity: 1.5, ..CheckOptions::default() };
    assert!(check(&data, &wrong, &|_| {}).is_err());
}
