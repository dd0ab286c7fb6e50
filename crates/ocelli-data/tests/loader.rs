//! Batches: their order, their numbers, and what happens to samples that fail.

mod common;

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{encoded, picture, write, write_class};
use image::ImageFormat;
use ocelli_data::dataset::MemoryDataset;
use ocelli_data::{
    CacheOptions, Compiled, DataError, Dataset, ErrorKind, Extent, Image, Key, Loader, LoaderOptions,
    MeasureOptions, OpenOptions, Oversample, Pipeline, Sampler, Source, SourceOptions, Transform, Workspace,
    measure, open,
};

fn memory(count: usize, (height, width, channels): (usize, usize, usize)) -> Arc<dyn Dataset> {
    let classes = (0..10).map(|c| c.to_string()).collect();
    let labels = (0..count as u32).map(|i| i % 10).collect();
    let pixels = (0..count * height * width * channels).map(|i| (i * 31 % 251) as u8).collect();
    let dataset = MemoryDataset::new("made", classes, labels, (height, width, channels), pixels);
    Arc::new(dataset.unwrap())
}

fn augmented(side: usize) -> Vec<Transform> {
    vec![
        Transform::random_crop(side, 2),
        Transform::random_horizontal_flip(0.5),
        Transform::normalize_with(&[0.5; 3], &[0.25; 3]),
    ]
}

/// Everything that an epoch gives.
#[derive(PartialEq, Debug, Default)]
struct All {
    images: Vec<f32>,
    labels: Vec<u32>,
    samples: Vec<u64>,
    sizes: Vec<usize>,
}

fn run(loader: &mut Loader, epoch: u64, from: usize) -> All {
    let mut all = All::default();
    for batch in loader.epoch_from(epoch, from) {
        let batch = batch.unwrap();
        all.images.extend(batch.images());
        all.labels.extend(batch.labels());
        all.samples.extend(batch.samples());
        all.sizes.push(batch.len());
    }
    all
}

fn loader(dataset: &Arc<dyn Dataset>, transforms: &[Transform], options: &LoaderOptions) -> Loader {
    let source = Source::new(Arc::clone(dataset), transforms, &SourceOptions::default());
    Loader::new(Arc::new(source.unwrap()), transforms, options).unwrap()
}

fn options(workers: usize) -> LoaderOptions {
    LoaderOptions { batch_size: 7, seed: 3, workers, ..LoaderOptions::default() }
}

#[test]
fn batches_do_not_depend_on_threads_and_every_sample_comes_once() {
    let dataset = memory(100, (8, 8, 3));
    let transforms = augmented(8);
    let one = run(&mut loader(&dataset, &transforms, &options(1)), 5, 0);
    assert_eq!(one.sizes, [[7; 14].as_slice(), &[2]].concat());
    let mut samples = one.samples.clone();
    samples.sort_unstable();
    assert_eq!(samples, (0..100).collect::<Vec<_>>());
    for workers in [2, 5] {
        let mut loader = loader(&dataset, &transforms, &options(workers));
        run(&mut loader, 4, 0);
        assert_eq!(run(&mut loader, 5, 0), one, "{workers} workers");
        assert_ne!(run(&mut loader, 6, 0).samples, one.samples);
    }
}

#[test]
fn an_interrupted_epoch_goes_on_where_it_stopped() {
    let dataset = memory(50, (6, 6, 3));
    let mut loader = loader(&dataset, &augmented(6), &options(2));
    let whole = run(&mut loader, 1, 0);
    for batch in loader.epoch(1).take(3) {
        batch.unwrap();
    }
    let rest = run(&mut loader, 1, 3);
    assert_eq!(rest.samples, whole.samples[21..]);
    assert_eq!(rest.images, whole.images[21 * 108..]);
    assert!(run(&mut loader, 1, 99).samples.is_empty());
}

#[test]
fn samples_are_what_the_transforms_make_of_them() {
    let dataset = memory(20, (8, 8, 3));
    let transforms = augmented(8);
    let compiled = Compiled::new(&transforms, (8, 8, 3)).unwrap();
    let all = run(&mut loader(&dataset, &transforms, &options(2)), 2, 0);
    let mut workspace = Workspace::default();
    for (place, &sample) in all.samples.iter().enumerate() {
        let image = dataset.load(sample as usize).unwrap();
        let key = Key { seed: 3, epoch: 2, sample };
        let mut out = vec![0.0; 192];
        compiled.run(image.view(), key, &mut workspace, &mut out).unwrap();
        assert_eq!(out, all.images[place * 192..][..192]);
        assert_eq!(dataset.label(sample as usize), all.labels[place]);
    }
}

#[test]
fn samples_that_are_repeated_are_transformed_anew() {
    // Ten samples of class 0, one of class 1.
    let classes = vec!["many".to_owned(), "one".to_owned()];
    let labels = (0..11).map(|i| u32::from(i == 10)).collect();
    let pixels = (0..11 * 192).map(|i| (i * 31 % 251) as u8).collect();
    let dataset: Arc<dyn Dataset> =
        Arc::new(MemoryDataset::new("made", classes, labels, (8, 8, 3), pixels).unwrap());
    let sampler = Sampler::Oversample(Oversample::default());
    let options = |workers| LoaderOptions { sampler, ..options(workers) };
    let mut first = loader(&dataset, &augmented(8), &options(1));
    assert_eq!((first.samples(), first.batches()), (20, 3));
    let all = run(&mut first, 0, 0);
    assert_eq!(all.labels.iter().filter(|&&label| label == 1).count(), 10);
    let repeated = || (0..20).filter(|&i| all.samples[i] as u32 == 10);
    let mut pictures: Vec<Vec<u32>> =
        repeated().map(|i| all.images[i * 192..][..192].iter().map(|v| v.to_bits()).collect()).collect();
    pictures.sort();
    pictures.dedup();
    assert!(pictures.len() > 5, "{} pictures of one", pictures.len());
    let mut keys: Vec<u64> = repeated().map(|i| all.samples[i] >> 32).collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..10).collect::<Vec<_>>());
    assert_eq!(run(&mut loader(&dataset, &augmented(8), &options(3)), 0, 0), all);
    let indices: Vec<usize> =
        first.epoch(0).flat_map(|batch| batch.unwrap().indices().collect::<Vec<_>>()).collect();
    assert!(indices.iter().all(|&index| index < 11));
}

#[test]
fn in_order_and_without_the_last() {
    let dataset = memory(10, (4, 4, 1));
    let transforms = [Transform::normalize_with(&[0.0], &[1.0])];
    let mut ordered = loader(&dataset, &transforms, &LoaderOptions::in_order(4));
    assert_eq!(run(&mut ordered, 9, 0).samples, (0..10).collect::<Vec<_>>());
    let dropping = LoaderOptions { drop_last: true, ..LoaderOptions::in_order(4) };
    let mut dropping = loader(&dataset, &transforms, &dropping);
    assert_eq!((dropping.batches(), run(&mut dropping, 0, 0).sizes), (2, vec![4, 4]));
}

/// Counts what is decoded; some samples fail, one may panic.
struct Counting {
    classes: Vec<String>,
    loads: AtomicUsize,
    fails: fn(usize) -> bool,
    panics: fn(usize) -> bool,
}

impl Counting {
    fn new(fails: fn(usize) -> bool, panics: fn(usize) -> bool) -> Arc<Self> {
        Arc::new(Self { classes: vec!["only".to_owned()], loads: AtomicUsize::new(0), fails, panics })
    }
}

impl Dataset for Counting {
    fn len(&self) -> usize {
        30
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn label(&self, _: usize) -> u32 {
        0
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        format!("number {index}").into()
    }

    fn key(&self, index: usize) -> Option<u128> {
        Some(index as u128)
    }

    fn load(&self, index: usize) -> Result<Image, DataError> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        assert!(!(self.panics)(index), "told to");
        if (self.fails)(index) {
            let name = self.name(index);
            return Err(DataError::about(ErrorKind::Corrupt, name, "told to fail"));
        }
        Ok(Image::new(8, 8, 3, vec![index as u8; 192]))
    }

    fn extent(&self) -> Extent {
        Extent { channels: 3, height: 8, width: 8, uniform: true }
    }
}

fn resized() -> Vec<Transform> {
    [vec![Transform::resize((6, 6))], augmented(6)].concat()
}

fn over(dataset: Arc<Counting>, cache_bytes: u64, options: &LoaderOptions) -> Loader {
    let source =
        Source::new(dataset, &resized(), &SourceOptions { cache_bytes, ..SourceOptions::default() }).unwrap();
    Loader::new(Arc::new(source), &resized(), options).unwrap()
}

#[test]
fn later_epochs_decode_nothing_that_the_cache_holds() {
    let image = 6 * 6 * 3;
    let mut results = Vec::new();
    for (cache_bytes, second_epoch) in [(1 << 20, 0), (0, 30), (10 * image + 5, 20)] {
        let dataset = Counting::new(|_| false, |_| false);
        let mut loader = over(Arc::clone(&dataset), cache_bytes, &options(2));
        run(&mut loader, 0, 0);
        assert_eq!(dataset.loads.swap(0, Ordering::Relaxed), 30);
        results.push(run(&mut loader, 1, 0));
        assert_eq!(dataset.loads.load(Ordering::Relaxed), second_epoch);
    }
    assert_eq!(results[0], results[1], "the cache changes no number");
    assert_eq!(results[0], results[2], "the cache changes no number");
}

#[test]
fn later_runs_decode_nothing_that_the_disk_holds() {
    let folder = tempfile::tempdir().unwrap();
    let run_once = |max_bytes: u64, workers: usize| {
        let dataset = Counting::new(|_| false, |_| false);
        let cache = CacheOptions { max_bytes, ..CacheOptions::new(folder.path().join("cache")) };
        let source = Source::new(
            Arc::clone(&dataset) as _,
            &resized(),
            &SourceOptions { cache_bytes: 0, ..SourceOptions::default() },
        )
        .unwrap();
        let source = source.with_cache(&cache).unwrap();
        let kept = source.cache().unwrap().clone();
        assert_eq!((kept.bytes, kept.max_bytes), (30 * 6 * 6 * 3, max_bytes), "the size is announced");
        let mut loader = Loader::new(Arc::new(source), &resized(), &options(workers)).unwrap();
        let epochs = [run(&mut loader, 0, 0), run(&mut loader, 1, 0)];
        assert!(loader.take_problems().is_empty());
        (epochs, dataset.loads.load(Ordering::Relaxed), kept.images)
    };
    // An image, and the checksum of its rows.
    let small = run_once(10 * (108 + 8), 2);
    assert_eq!((small.1, small.2), (50, 0), "ten images are kept, the rest is decoded each time");
    let first = run_once(1 << 20, 2);
    assert_eq!((first.1, first.2), (20, 10));
    let later = run_once(1 << 20, 3);
    assert_eq!((later.1, later.2), (0, 30));
    assert!(small.0 == first.0 && first.0 == later.0, "the cache changes no number");
    std::fs::remove_dir_all(folder.path().join("cache")).unwrap();
    assert_eq!(run_once(1 << 20, 1).1, 30);
}

#[test]
fn samples_that_fail_are_told_once_and_left_out() {
    for workers in [1, 3] {
        let dataset = Counting::new(|i| i % 10 == 4, |_| false);
        let mut loader = over(dataset, 1 << 20, &options(workers));
        let all = run(&mut loader, 0, 0);
        assert_eq!(all.samples.len(), 27);
        assert!(!all.samples.contains(&14));
        let problems = loader.take_problems();
        let told: Vec<&str> = problems.iter().map(|p| p.subject()).collect();
        assert_eq!(told, ["number 4", "number 14", "number 24"]);
        run(&mut loader, 1, 0);
        assert!(loader.take_problems().is_empty());
    }
}

#[test]
fn strict_ends_the_epoch_with_the_sample_that_fails() {
    let strict = LoaderOptions { strict: true, shuffle: false, ..options(2) };
    let mut loader = over(Counting::new(|i| i == 20, |_| false), 0, &strict);
    let results: Vec<_> = loader.epoch(0).collect();
    assert_eq!(results.len(), 3);
    let error = results[2].as_ref().unwrap_err();
    assert!(error.to_string().contains("number 20"), "{error}");
}

#[test]
fn an_epoch_without_one_good_sample_is_an_error() {
    let mut loader = over(Counting::new(|_| true, |_| false), 0, &options(1));
    let results: Vec<_> = loader.epoch(0).collect();
    assert_eq!(results.len(), 1);
    assert!(results[0].is_err());
}

#[test]
fn a_dataset_that_panics_is_an_error_not_a_deadlock() {
    let mut loader = over(Counting::new(|_| false, |i| i == 3), 0, &options(1));
    let results: Vec<_> = loader.epoch(0).collect();
    let error = results.last().unwrap().as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    drop(loader);
}

#[test]
fn dropping_early_ends_the_threads() {
    let dataset = memory(500, (8, 8, 3));
    for workers in [1, 4] {
        let mut loader = loader(&dataset, &augmented(8), &options(workers));
        let mut epoch = loader.epoch(0);
        let held = epoch.next().unwrap().unwrap();
        drop(epoch);
        drop(loader);
        assert_eq!(held.len(), 7, "a batch outlives its loader");
    }
    drop(loader(&dataset, &augmented(8), &options(2)));
}

#[test]
fn a_file_that_breaks_after_opening_is_told_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    write_class(&folder.path().join("a"), 10, 8, 8, 0);
    write_class(&folder.path().join("b"), 10, 8, 8, 50);
    let whole = OpenOptions { validation: 0.0, test: 0.0, ..OpenOptions::default() };
    let splits = open(folder.path(), &whole).unwrap();
    assert_eq!(splits.train.len(), 20);
    let broken = folder.path().join("b/003.png");
    let bytes = encoded(&picture(8, 8, 0), ImageFormat::Png);
    write(&broken, &bytes[..bytes.len() / 2]);
    let mut loader = loader(&splits.train, &resized(), &options(2));
    assert_eq!(run(&mut loader, 0, 0).samples.len(), 19);
    let problems = loader.take_problems();
    assert_eq!(problems.len(), 1);
    assert_eq!(Path::new(problems[0].subject()), broken);
    assert_eq!(problems[0].kind(), ErrorKind::Truncated);
}

#[test]
fn wrong_settings_are_refused_with_their_mending() {
    let dataset = memory(10, (8, 8, 3));
    let source = |transforms: &[Transform]| {
        let source = Source::new(Arc::clone(&dataset), transforms, &SourceOptions::default());
        Arc::new(source.unwrap())
    };
    let refuse = |made: Result<Loader, DataError>, word: &str| {
        let error = made.err().expect(word).to_string();
        assert!(error.contains(word), "{error}");
    };
    let none = LoaderOptions { batch_size: 0, ..LoaderOptions::default() };
    let all = LoaderOptions::default();
    refuse(Loader::new(source(&[]), &[], &none), "batch_size");
    refuse(Loader::new(source(&[]), &[Transform::normalize()], &all), "measure");
    let grey = [Transform::normalize_with(&[0.5], &[0.5])];
    refuse(Loader::new(source(&[]), &grey, &all), "channels");
    refuse(Loader::new(source(&[]), &resized(), &all), "source");
    let misplaced = [Transform::normalize(), Transform::resize(3)];
    assert!(Source::new(Arc::clone(&dataset), &misplaced, &SourceOptions::default()).is_err());

    let big = [Transform::random_crop(20, 0)];
    let mut loader = Loader::new(source(&big), &big, &all).unwrap();
    let error = loader.epoch(0).next().unwrap().unwrap_err();
    assert!(error.to_string().contains("not one sample"), "{error}");
    assert!(loader.take_problems()[0].reason().contains("Resize first"));
}

#[test]
fn statistics_are_measured_once_and_filled_in() {
    let dataset = memory(300, (8, 8, 3));
    let mut pipeline = Pipeline {
        train: vec![Transform::random_horizontal_flip(0.5), Transform::normalize()],
        eval: vec![Transform::normalize()],
    };
    let source = Source::new(Arc::clone(&dataset), &pipeline.train, &SourceOptions::default()).unwrap();
    let measured = measure(&source, &MeasureOptions::default()).unwrap();
    for threads in [1, 3] {
        let options = MeasureOptions { threads, ..MeasureOptions::default() };
        assert_eq!(measure(&source, &options).unwrap(), measured);
    }
    for channel in 0..3 {
        let values: Vec<f64> = (0..300)
            .flat_map(|i| dataset.load(i).unwrap().into_pixels())
            .skip(channel)
            .step_by(3)
            .map(|byte| f64::from(byte) / 255.0)
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
        let std = (square / values.len() as f64).sqrt();
        assert!((f64::from(measured.mean[channel]) - mean).abs() < 1e-6);
        assert!((f64::from(measured.std[channel]) - std).abs() < 1e-6);
    }
    assert!(pipeline.needs_measuring());
    pipeline.resolve(&source, &MeasureOptions::default()).unwrap();
    assert!(!pipeline.needs_measuring());
    assert_eq!(pipeline.eval, [Transform::normalize_with(&measured.mean, &measured.std)]);
}

#[test]
fn pipelines_are_written_with_torchvisions_names() {
    let text = r#"
train = [
  { type = "Resize", size = 256 },
  { type = "RandomCrop", size = [224, 200], padding = [1, 2], fill = 7 },
  { type = "RandomHorizontalFlip" },
  { type = "Normalize" },
]
eval = [{ type = "Resize", size = [64, 48] }, { type = "CenterCrop", size = 32 }]
"#;
    let pipeline: Pipeline = toml::from_str(text).unwrap();
    pipeline.check().unwrap();
    assert_eq!(pipeline.train[2], Transform::random_horizontal_flip(0.5));
    assert_eq!(pipeline.eval[0], Transform::resize((64, 48)));
    let again: Pipeline = toml::from_str(&toml::to_string(&pipeline).unwrap()).unwrap();
    assert_eq!(again, pipeline);
    let json = serde_json::to_string(&pipeline).unwrap();
    assert_eq!(serde_json::from_str::<Pipeline>(&json).unwrap(), pipeline);

    for wrong in [
        r#"train = [{ type = "Resize", size = 3, sise = 4 }]"#,
        r#"train = [{ type = "Rezise", size = 3 }]"#,
        r#"train = [{ type = "CenterCrop" }]"#,
        r#"trian = []"#,
    ] {
        assert!(toml::from_str::<Pipeline>(wrong).is_err(), "{wrong}");
    }
    let random: Pipeline = toml::from_str(r#"eval = [{ type = "RandomCrop", size = 3 }]"#).unwrap();
    assert!(random.check().is_err());
    let sizeless: Pipeline = toml::from_str(r#"train = [{ type = "Resize" }]"#).unwrap();
    assert!(sizeless.check().is_err());
    let flip = [Transform::random_horizontal_flip(1.5)];
    assert!(Compiled::new(&flip, (3, 3, 1)).is_err());
    assert!(Compiled::new(&[Transform::resize(0)], (3, 3, 1)).is_err());
}

/// Images with no label, one, or several.
struct Several(Arc<dyn Dataset>);

impl Dataset for Several {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn classes(&self) -> &[String] {
        self.0.classes()
    }

    fn label(&self, index: usize) -> u32 {
        self.labels(index).first().copied().unwrap_or(0)
    }

    fn is_multi_label(&self) -> bool {
        true
    }

    fn labels(&self, index: usize) -> Cow<'_, [u32]> {
        Cow::Owned((0..10).filter(|label| (index as u32 % 16) & (1 << (label % 4)) != 0).collect())
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        self.0.name(index)
    }

    fn load(&self, index: usize) -> Result<Image, DataError> {
        self.0.load(index)
    }

    fn extent(&self) -> Extent {
        self.0.extent()
    }
}

#[test]
fn batches_of_several_labels_have_targets() {
    let dataset: Arc<dyn Dataset> = Arc::new(Several(memory(40, (4, 4, 3))));
    ocelli_data::dataset::contract::check(&*dataset);
    let options = LoaderOptions { batch_size: 16, seed: 3, ..LoaderOptions::default() };
    let mut plain = loader(&dataset, &augmented(4), &options);
    let mix = serde_json::from_str(r#"{ "type": "MixUp", "alpha": 1.0 }"#).unwrap();
    let mut mixed = loader(&dataset, &augmented(4), &LoaderOptions { batch: Some(mix), ..options.clone() });
    for (plain, mixed) in plain.epoch(0).zip(mixed.epoch(0)) {
        let (plain, mixed) = (plain.unwrap(), mixed.unwrap());
        let targets = plain.targets().unwrap();
        for (row, index) in targets.chunks_exact(10).zip(plain.indices()) {
            let has: Vec<u32> = (0..10).filter(|class| row[*class as usize] == 1.0).collect();
            assert_eq!(dataset.labels(index), has);
        }
        let share = mixed.mixing().unwrap().share;
        for (place, target) in mixed.targets().unwrap().iter().enumerate() {
            let before = targets[(place + targets.len() - 10) % targets.len()];
            assert_eq!(*target, share * targets[place] + (1.0 - share) * before);
        }
    }
    let one = loader(&memory(4, (4, 4, 3)), &augmented(4), &options).epoch(0).next().unwrap().unwrap();
    assert!(one.targets().is_none());
    let source = Source::new(dataset, &augmented(4), &SourceOptions::default()).unwrap();
    let balanced = LoaderOptions { sampler: Sampler::Balanced, ..options };
    let error = Loader::new(Arc::new(source), &augmented(4), &balanced).err().unwrap().to_string();
    assert!(error.contains("images have several labels"), "{error}");
}
