//! Memory is bounded by configuration, not by how many images there are.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use ocelli_data::{Loader, LoaderOptions, OpenOptions, Source, SourceOptions, Transform, open};
use ocelli_testing::Counting;

#[global_allocator]
static COUNTING: Counting = Counting::new();

/// The side of the images; each has 12 KiB when it is decoded.
const SIDE: usize = 64;
/// Decoded images that may be kept.
const CACHE: u64 = 2 << 20;

/// Images of a batch: how many batches are under way at once depends on the moment, and so few weigh little beside a list.
const BATCH: usize = 4;

/// A BMP file of one colour.
fn bmp(shade: u8) -> Vec<u8> {
    let (side, size) = (SIDE as u32, (SIDE * SIDE * 3) as u32);
    let mut bytes = b"BM".to_vec();
    for number in [54 + size, 0, 54, 40, side, side, 1 | 24 << 16, 0, 0, 0, 0, 0, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.resize(54 + size as usize, shade);
    bytes
}

/// The most bytes that were allocated at once while so many images were opened and two epochs of batches made of them.
fn peak(images: usize) -> usize {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut manifest = "path,label\n".to_owned();
    for shade in 0..100_u8 {
        fs::write(folder.path().join(format!("{shade}.bmp")), bmp(shade)).expect("a file");
    }
    // A hundred files, listed again and again: what counts is how many are loaded.
    (0..images)
        .for_each(|image| writeln!(manifest, "{}.bmp,{}", image % 100, image % 10).expect("a text grows"));
    fs::write(folder.path().join("manifest.csv"), manifest).expect("a file");
    let (seen, peak) = COUNTING.watch(|| {
        let options = OpenOptions { validation: 0.0, test: 0.0, ..OpenOptions::default() };
        let splits = open(folder.path(), &options).expect("a data set");
        let transforms = [Transform::resize((SIDE, SIDE)), Transform::random_horizontal_flip(0.5)];
        let source = Source::new(
            splits.train,
            &transforms,
            &SourceOptions { cache_bytes: CACHE, ..SourceOptions::default() },
        );
        let source = Arc::new(source.expect("a source"));
        let options = LoaderOptions { batch_size: BATCH, workers: 2, ..LoaderOptions::default() };
        let mut loader = Loader::new(source, &transforms, &options).expect("a loader");
        let mut seen = 0;
        for epoch in 0..2 {
            seen += loader.epoch(epoch).map(|batch| batch.expect("a batch").len()).sum::<usize>();
        }
        seen
    });
    assert_eq!(seen, 2 * images);
    peak
}

/// What so many images take in bytes beside what 1,000 take, for each image more.
fn each(images: usize) -> usize {
    let (few, many) = (peak(1_000), peak(images));
    // Kept images, images being decoded, and batches of 4 × 48 KiB made ahead and in use.
    assert!(few < CACHE as usize + (6 << 20), "{few} bytes for 1,000 images");
    println!("{few} bytes at most for 1,000 images, {many} for {images}");
    many.saturating_sub(few) / (images - 1_000)
}

/// One test at a time: the counts are those of the whole process.
#[test]
fn more_images_take_what_their_list_takes_and_no_more() {
    let each = each(10_000);
    assert!(each < 600, "{each} bytes more for each image, which has 12,288 when it is decoded");
}

#[test]
#[ignore = "takes half a minute, and must run alone"]
fn a_hundred_thousand_images_too() {
    let each = each(100_000);
    assert!(each < 600, "{each} bytes more for each image, which has 12,288 when it is decoded");
}
