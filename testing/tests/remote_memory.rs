//! Shards elsewhere take the memory of the blocks that are kept, not of all that is read.
#![cfg(feature = "remote")]

#[path = "../../crates/ocelli-data/tests/common/server.rs"]
mod server;

use std::ops::Range;
use std::sync::Arc;

use ocelli_data::{Loader, LoaderOptions, OpenOptions, Source, SourceOptions, Transform, open};
use ocelli_testing::Counting;
use server::{Served, Server};

#[global_allocator]
static COUNTING: Counting = Counting::new();

/// Samples of a shard, bytes of an image's file, and bytes of a sample: the image, its label, and their headers.
const SAMPLES: u64 = 340;
const IMAGE: u64 = 1536 * 512;
const SAMPLE: u64 = IMAGE + 3 * 512;
const SHARDS: u64 = 4;
/// Bytes of blocks that are kept.
const KEPT: usize = 512 << 20;

/// The header of a tar file's entry.
fn header(name: &str, len: u64) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name).expect("a short name");
    header.set_size(len);
    header.set_mode(0o644);
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// One sample as it lies in a shard: a BMP file of 8×8 pixels, with much behind it that no decoder looks at.
fn sample(number: u64) -> Vec<u8> {
    let mut bytes = header(&format!("{number:06}.bmp"), IMAGE);
    bytes.extend(b"BM");
    for field in [54 + 192_u32, 0, 54, 40, 8, 8, 1 | 24 << 16, 0, 0, 0, 0, 0, 0] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.resize(bytes.len() + 192, number as u8);
    bytes.resize(512 + IMAGE as usize, 0);
    bytes.extend(header(&format!("{number:06}.cls"), 1));
    bytes.push(b'0' + (number % 2) as u8);
    bytes.resize(SAMPLE as usize, 0);
    bytes
}

/// A part of a shard, made as it is asked for.
fn part(range: Range<u64>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity((range.end - range.start) as usize);
    for number in range.start / SAMPLE..range.end.div_ceil(SAMPLE) {
        let start = number * SAMPLE;
        let within = range.start.max(start) - start..range.end.min(start + SAMPLE) - start;
        bytes.extend_from_slice(&sample(number)[within.start as usize..within.end as usize]);
    }
    bytes
}

#[test]
fn a_gigabyte_elsewhere_takes_half_of_it_here() {
    let server = Server::start();
    for shard in 0..SHARDS {
        let served = Served { len: SAMPLES * SAMPLE, bytes: Arc::new(part) };
        server.put_made(&format!("train-{shard}.tar"), served);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (seen, peak) = COUNTING.watch(|| {
        let options = OpenOptions {
            validation: 0.0,
            test: 0.0,
            indices: Some(folder.path().to_path_buf()),
            ..OpenOptions::default()
        };
        let splits = open(server.url("train-{0..3}.tar"), &options).expect("a data set");
        assert!(splits.problems.is_empty(), "{:?}", splits.problems);
        let transforms = [Transform::resize((8, 8)), Transform::random_horizontal_flip(0.5)];
        let source = Source::new(
            splits.train,
            &transforms,
            &SourceOptions { cache_bytes: 0, ..SourceOptions::default() },
        );
        let source = Arc::new(source.expect("a source"));
        let options = LoaderOptions { batch_size: 32, workers: 2, ..LoaderOptions::default() };
        let mut loader = Loader::new(source, &transforms, &options).expect("a loader");
        loader.epoch(0).map(|batch| batch.expect("a batch").len() as u64).sum::<u64>()
    });
    assert_eq!(seen, SHARDS * SAMPLES);
    let all = (SHARDS * SAMPLES * SAMPLE) as usize;
    println!("{} MiB at most of {} MiB", peak >> 20, all >> 20);
    // Beside the blocks: what eight requests bring, and what the server, which is here too, sends.
    assert!(all > 2 * KEPT - (64 << 20) && peak < KEPT + (128 << 20), "{peak} bytes");
}
