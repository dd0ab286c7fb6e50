//! How fast batches are made: images a second, one worker, everything else idle.
//!
//! `cargo bench -p ocelli-data`. Prints one line for each kind of dataset.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use ocelli_data::dataset::MemoryDataset;
use ocelli_data::{Dataset, Loader, LoaderOptions, OpenOptions, Source, SourceOptions, Transform, open};

const MIN_SECONDS: f64 = 1.0;

fn main() -> Result<(), ocelli_data::DataError> {
    in_memory("28×28 grey in memory", 60_000, (28, 28, 1))?;
    in_memory("32×32 RGB in memory", 50_000, (32, 32, 3))?;
    let folder = std::env::temp_dir().join(format!("ocelli-throughput-{}", std::process::id()));
    let result = files(&folder);
    // Left behind at worst: a few megabytes in the system's temporary folder.
    let _ = std::fs::remove_dir_all(&folder);
    result
}

fn in_memory(name: &str, count: usize, shape: (usize, usize, usize)) -> Result<(), ocelli_data::DataError> {
    let (height, width, channels) = shape;
    let classes = (0..10).map(|class| class.to_string()).collect();
    let labels = (0..count as u32).map(|i| i % 10).collect();
    let pixels = (0..count * height * width * channels).map(|i| (i * 31 % 251) as u8).collect();
    let dataset = Arc::new(MemoryDataset::new(name, classes, labels, shape, pixels)?);
    let transforms = [
        Transform::random_crop((height, width), height / 8),
        Transform::random_horizontal_flip(0.5),
        Transform::normalize_with(&vec![0.5; channels], &vec![0.25; channels]),
    ];
    measure(name, dataset, &transforms, SourceOptions::default(), 1)
}

/// Epochs until enough time has passed; the first is not counted when the cache is on.
fn measure(
    name: &str,
    dataset: Arc<dyn Dataset>,
    transforms: &[Transform],
    source: SourceOptions,
    workers: usize,
) -> Result<(), ocelli_data::DataError> {
    let source = Arc::new(Source::new(dataset, transforms, &source)?);
    let options = LoaderOptions { workers, ..LoaderOptions::default() };
    let mut loader = Loader::new(source, transforms, &options)?;
    let mut count = 0;
    for batch in loader.epoch(0) {
        batch?;
    }
    let started = Instant::now();
    let mut epoch = 1;
    while started.elapsed().as_secs_f64() < MIN_SECONDS {
        for batch in loader.epoch(epoch) {
            count += batch?.len();
        }
        epoch += 1;
    }
    let rate = count as f64 / started.elapsed().as_secs_f64();
    println!("{name}, {workers} worker(s): {rate:.0} images/s, {:.3} ms for 64", 64e3 / rate);
    Ok(())
}

/// Files of the test fixtures, many times over, resized to 32×32.
fn files(folder: &Path) -> Result<(), ocelli_data::DataError> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let photo = |name: &str, kind: &str| -> PathBuf {
        let path = folder.join(kind).join("a");
        std::fs::create_dir_all(&path).expect("the temporary folder can be written");
        let bytes = std::fs::read(fixtures.join(name)).expect("a fixture is there");
        for number in 0..500 {
            std::fs::write(path.join(format!("{number:04}")), &bytes).expect("a file is written");
        }
        folder.join(kind)
    };
    let transforms = [Transform::resize((32, 32)), Transform::random_horizontal_flip(0.5)];
    for (name, kind) in [("420.jpg", "JPEG 53×37"), ("rgb.png", "PNG 53×37"), ("lossy.webp", "WebP 53×37")]
    {
        measure_folder(kind, &photo(name, kind), &transforms)?;
    }
    // A folder of the reader's own.
    if let Some(own) = std::env::var_os("OCELLI_BENCH_FOLDER") {
        let transforms = [Transform::resize(256), Transform::random_crop(224, 0)];
        measure_folder("OCELLI_BENCH_FOLDER", Path::new(&own), &transforms)?;
    }
    Ok(())
}

fn measure_folder(kind: &str, path: &Path, transforms: &[Transform]) -> Result<(), ocelli_data::DataError> {
    let options = OpenOptions { validation: 0.0, test: 0.0, ..OpenOptions::default() };
    let started = Instant::now();
    let dataset = open(path, &options)?.train;
    let rate = dataset.len() as f64 / started.elapsed().as_secs_f64();
    println!("{kind} files opened: {rate:.0} files/s");
    let none = SourceOptions { cache_bytes: 0, ..SourceOptions::default() };
    for workers in [1, 2] {
        measure(&format!("{kind} files decoded"), Arc::clone(&dataset), transforms, none, workers)?;
    }
    measure(&format!("{kind} files kept"), dataset, transforms, SourceOptions::default(), 1)
}
