//! The workloads that make batches of images, of `peers/loader.py`. A step is an epoch.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use ocelli_data::dataset::MemoryDataset;
use ocelli_data::{
    CacheOptions, Dataset, Loader, LoaderOptions, OpenOptions, Source, SourceOptions, Transform, open,
};
use serde_json::{Value, json};

use crate::workload::{Step, Workload};

const BATCH: usize = 64;
/// How many images of 32 × 32 there are.
const SMALL: usize = 4096;

/// The workload of this name, with as many threads; `folder` has the photographs.
pub(crate) fn named(name: &str, threads: usize, folder: &Path) -> Result<Workload, Box<dyn Error>> {
    // But for L2, nothing is kept in memory: what is measured is decoding, or the cache on disk.
    let nothing = SourceOptions { cache_bytes: 0, ..SourceOptions::default() };
    let kept = if name == "L2" { SourceOptions::default() } else { nothing };
    let (source, transforms) = match name {
        "L1" | "L2" | "L2-disk" => {
            let (dataset, transforms) = (photographs(folder)?, photograph()?);
            let source = Source::new(dataset, &transforms, &kept)?;
            let cache = CacheOptions::new(folder.join("cache"));
            (if name.starts_with("L2") { source.with_cache(&cache)? } else { source }, transforms)
        }
        "L3" => {
            let transforms = tiny()?;
            (Source::new(small()?, &transforms, &kept)?, transforms)
        }
        unknown => return Err(format!("no workload `{unknown}`").into()),
    };
    let options = LoaderOptions { batch_size: BATCH, workers: threads, ..LoaderOptions::default() };
    let loader = Loader::new(Arc::new(source), &transforms, &options)?;
    let batch = loader.samples();
    Ok(Workload { batch, flops_per_image: None, step: Box::new(Epochs { loader, epoch: 0 }) })
}

/// Class folders of JPEG files, all for training.
fn photographs(folder: &Path) -> Result<Arc<dyn Dataset>, Box<dyn Error>> {
    let options = OpenOptions { validation: 0.0, test: 0.0, ..OpenOptions::default() };
    Ok(open(folder.join("photographs"), &options)?.train)
}

fn small() -> Result<Arc<dyn Dataset>, Box<dyn Error>> {
    let classes = (0..10).map(|class| class.to_string()).collect();
    let labels = (0..SMALL as u32).map(|i| i % 10).collect();
    let pixels = (0..SMALL * 32 * 32 * 3).map(|i| (i * 31 % 251) as u8).collect();
    Ok(Arc::new(MemoryDataset::new("small", classes, labels, (32, 32, 3), pixels)?))
}

fn photograph() -> serde_json::Result<Vec<Transform>> {
    transforms(json!([
        { "type": "RandomResizedCrop", "size": 224 }, { "type": "RandomHorizontalFlip" },
        { "type": "ColorJitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4 },
        { "type": "Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225] }
    ]))
}

fn tiny() -> serde_json::Result<Vec<Transform>> {
    transforms(json!([
        { "type": "RandomCrop", "size": 32, "padding": 4 }, { "type": "RandomHorizontalFlip" }, { "type": "RandAugment" },
        { "type": "Normalize", "mean": [0.49, 0.48, 0.45], "std": [0.25, 0.24, 0.26] }
    ]))
}

fn transforms(list: Value) -> serde_json::Result<Vec<Transform>> {
    serde_json::from_value(list)
}

struct Epochs {
    loader: Loader,
    epoch: u64,
}

impl Step for Epochs {
    fn step(&mut self) {
        for batch in self.loader.epoch(self.epoch) {
            let batch = batch.expect("what was loaded once can be loaded again");
            std::hint::black_box(batch.images());
        }
        self.epoch += 1;
    }
}
