//! Files that tests make.
#![allow(dead_code, unreachable_pub)]

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use ocelli_data::{Dataset, Loader, LoaderOptions, Source, SourceOptions, Transform};

/// An RGB picture in which every pixel is another.
pub fn picture(height: u32, width: u32, shade: u8) -> DynamicImage {
    let pixel = |x: u32, y: u32| image::Rgb([(x * 7) as u8, (y * 5) as u8, shade]);
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, pixel))
}

/// A grey picture.
pub fn grey_picture(height: u32, width: u32, shade: u8) -> DynamicImage {
    let pixel = |x: u32, y: u32| image::Luma([(x * 3 + y * 5) as u8 ^ shade]);
    DynamicImage::ImageLuma8(GrayImage::from_fn(width, height, pixel))
}

/// A picture as a file's bytes.
pub fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Writes a file, with the folders that it lies in.
pub fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Writes `count` PNG pictures of `height × width` to `folder`.
pub fn write_class(folder: &Path, count: u32, height: u32, width: u32, shade: u8) {
    for number in 0..count {
        let bytes = encoded(&picture(height, width, shade + number as u8), ImageFormat::Png);
        write(&folder.join(format!("{number:03}.png")), &bytes);
    }
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    let mut checked = flate2::Crc::new();
    checked.update(kind);
    checked.update(data);
    file.extend(kind);
    file.extend(data);
    file.extend(checked.sum().to_be_bytes());
}

/// A whole and valid PNG of one grey level: small as a file, `width × height` bytes when decoded.
pub fn flat_png(width: u32, height: u32) -> Vec<u8> {
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::fast());
    let row = vec![0; width as usize + 1];
    for _ in 0..height {
        rows.write_all(&row).unwrap();
    }
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 0, 0, 0, 0]);
    chunk(&mut file, b"IHDR", &header);
    chunk(&mut file, b"IDAT", &rows.finish().unwrap());
    chunk(&mut file, b"IEND", &[]);
    file
}

/// An IDX file of bytes.
pub fn idx(dims: &[u32], data: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dims.len() as u8];
    file.extend(dims.iter().flat_map(|d| d.to_be_bytes()));
    file.extend(data);
    file
}

/// Gzipped.
pub fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// All that an epoch gives: which samples, and their pixels.
pub fn epoch(dataset: &Arc<dyn Dataset>, workers: usize, number: u64) -> (Vec<u64>, Vec<f32>) {
    let transforms = [Transform::resize((6, 6)), Transform::random_horizontal_flip(0.5)];
    let source = Source::new(
        Arc::clone(dataset),
        &transforms,
        &SourceOptions { cache_bytes: 0, ..SourceOptions::default() },
    )
    .unwrap();
    let options = LoaderOptions { batch_size: 3, workers, shuffle_bytes: 300, ..LoaderOptions::default() };
    let mut loader = Loader::new(Arc::new(source), &transforms, &options).unwrap();
    let mut all = (Vec::new(), Vec::new());
    for batch in loader.epoch(number) {
        let batch = batch.unwrap();
        all.0.extend(batch.samples());
        all.1.extend(batch.images());
    }
    all
}
