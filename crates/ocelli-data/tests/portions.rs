//! Samples that need a part of their image: what is not needed is not decoded, and nobody sees a difference.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ocelli_data::{
    CacheOptions, Dataset, Loader, LoaderOptions, MeasureOptions, OpenOptions, Source, SourceOptions,
    Transform, measure, open,
};

/// All numbers of an epoch.
fn run(loader: &mut Loader, epoch: u64) -> Vec<f32> {
    loader.epoch(epoch).flat_map(|batch| batch.unwrap().images().to_vec()).collect()
}

fn options(workers: usize) -> LoaderOptions {
    LoaderOptions { batch_size: 7, seed: 3, workers, ..LoaderOptions::default() }
}

/// Two classes of the photograph and of a small JPEG.
fn photographs(folder: &Path) -> Arc<dyn Dataset> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for class in ["a", "b"] {
        fs::create_dir_all(folder.join(class)).unwrap();
        for file in ["photograph.jpg", "420.jpg", "restarts.jpg", "rgb.png", "orientation-6.jpg"] {
            fs::copy(fixtures.join(file), folder.join(class).join(file)).unwrap();
        }
    }
    open(folder, &OpenOptions { validation: 0.0, test: 0.0, ..OpenOptions::default() }).unwrap().train
}

fn cropped(side: usize) -> Vec<Transform> {
    serde_json::from_value(serde_json::json!([
        { "type": "RandomResizedCrop", "size": side }, { "type": "RandomHorizontalFlip" },
        { "type": "ColorJitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1 },
    ]))
    .unwrap()
}

#[test]
fn parts_of_images_become_what_whole_ones_do() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = photographs(folder.path());
    let cache = CacheOptions::new(folder.path().join("cache"));
    for transforms in
        [cropped(24), vec![Transform::random_crop((6, 6), 0)], vec![Transform::random_crop((9, 12), 2)]]
    {
        let epochs = |cache_bytes: u64, on_disk: bool| {
            let kept = SourceOptions { cache_bytes, reduced_jpeg: false };
            let source = Source::new(Arc::clone(&dataset), &transforms, &kept).unwrap();
            let source = if on_disk { source.with_cache(&cache).unwrap() } else { source };
            let mut loader = Loader::new(Arc::new(source), &transforms, &options(2)).unwrap();
            [0, 1, 2].map(|epoch| run(&mut loader, epoch))
        };
        let whole = epochs(1 << 30, false);
        // The photograph finds no room, the others do.
        for (cache_bytes, on_disk) in [(0, false), (30_000, false), (0, true), (0, true), (30_000, true)] {
            assert!(
                epochs(cache_bytes, on_disk) == whole,
                "{cache_bytes} bytes in memory, on disk: {on_disk}"
            );
        }
    }
}

#[test]
fn reduced_images_look_as_whole_ones_do() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = photographs(folder.path());
    let epochs = |reduced_jpeg: bool, cache_bytes: u64, workers: usize| {
        let kept = SourceOptions { cache_bytes, reduced_jpeg };
        let source = Source::new(Arc::clone(&dataset), &cropped(16), &kept).unwrap();
        let mut loader = Loader::new(Arc::new(source), &cropped(16), &options(workers)).unwrap();
        [0, 1, 2].map(|epoch| run(&mut loader, epoch))
    };
    let whole = epochs(false, 0, 1);
    let reduced = epochs(true, 0, 1);
    assert!(reduced == epochs(true, 0, 3) && reduced == epochs(true, 30_000, 2), "nothing else decides");
    assert!(epochs(true, 1 << 30, 2) == whole, "what fits in memory is not reduced");
    let (whole, reduced) = (whole.concat(), reduced.concat());
    assert!(whole != reduced);
    let apart: f32 = whole.iter().zip(&reduced).map(|(a, b)| (a - b).abs()).sum::<f32>() / whole.len() as f32;
    assert!(apart < 2.0 / 255.0, "{} levels apart on average", apart * 255.0);
}

/// As training does for Normalize: whole images are decoded before the first epoch, and some would find room.
#[test]
fn what_was_measured_does_not_decide_what_is_reduced() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = photographs(folder.path());
    let [measured, plain] = [true, false].map(|is_measured| {
        let kept = SourceOptions { cache_bytes: 50_000, reduced_jpeg: true };
        let source = Source::new(Arc::clone(&dataset), &cropped(8), &kept).unwrap();
        if is_measured {
            measure(&source, &MeasureOptions::default()).unwrap();
        }
        let mut loader = Loader::new(Arc::new(source), &cropped(8), &options(2)).unwrap();
        [0, 1, 2].map(|epoch| run(&mut loader, epoch))
    });
    assert!(measured == plain);
}
