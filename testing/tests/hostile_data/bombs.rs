//! Little files that would become large ones.

use std::io::{Cursor, Write};
use std::path::Path;

use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::{Compression, Crc};
use image::{GrayImage, ImageFormat};
use ocelli_data::Channels;
use ocelli_data::decode;

use crate::images::is_image;
use crate::{LIMITS, checked, fixture, new_folder, refused, watched, write};

/// What is unpacked if nobody stops it.
const LARGE: usize = 192 << 20;

pub(crate) fn images(_: &Path) {
    too_many_pixels();
    let packed = zlib(LARGE);
    // What follows the pixels of an image of 16×16.
    let small = [png_chunk(b"IHDR", &[0, 0, 0, 16, 0, 0, 0, 16, 8, 0, 0, 0, 0]), png_chunk(b"IDAT", &packed)];
    is_image("pixels.png", &png(&small));
    for (kind, text) in [(b"iCCP", &b"a\0\0"[..]), (b"zTXt", b"a\0\0"), (b"iTXt", b"a\0\x01\0a\0a\0")] {
        let chunk = png_chunk(kind, &[text, &packed].concat());
        let whole = fixture("rgb.png");
        // After the first chunk, which has the sizes.
        is_image("chunk.png", &[&whole[..33], &chunk, &whole[33..]].concat());
    }
    // A canvas of 16×16, and on it a picture of 16,384×16,384.
    let mut large = b"\x2f\xff\xff\xff\x0f".to_vec();
    large.resize(200, 0x5a);
    let canvas = riff(b"VP8X", &[0, 0, 0, 0, 15, 0, 0, 15, 0, 0]);
    for chunks in [riff(b"VP8L", &large), [canvas, riff(b"VP8L", &large)].concat()] {
        let file = riff(b"RIFF", &[b"WEBP", &chunks[..]].concat());
        assert!(!is_image("canvas.webp", &file));
    }
}

/// Images of each format that are flat, small as files, and of 2,048×2,048 pixels: refused by their header.
fn too_many_pixels() {
    let flat = GrayImage::new(2048, 2048);
    for (name, format) in [
        ("large.png", ImageFormat::Png),
        ("large.gif", ImageFormat::Gif),
        ("large.bmp", ImageFormat::Bmp),
        ("large.tiff", ImageFormat::Tiff),
        ("large.webp", ImageFormat::WebP),
    ] {
        let mut file = Cursor::new(Vec::new());
        match format {
            ImageFormat::Gif | ImageFormat::WebP => {
                image::DynamicImage::from(flat.clone()).to_rgba8().write_to(&mut file, format)
            }
            _ => flat.write_to(&mut file, format),
        }
        .expect("memory takes any image");
        let bytes = file.into_inner();
        let limits = decode::Limits { max_file_bytes: 1 << 30, ..LIMITS };
        let decoded = watched(name, 1 << 20, || decode::decode(&bytes, name, Channels::Rgb, &limits));
        let error = decoded.expect_err(name);
        checked(name, &error, name);
        assert!(error.reason().contains("2048×2048 pixels are more than the limit of 65536"), "{error}");
    }
    // A JPEG has its size behind the marker of its frame.
    let mut jpeg = fixture("444.jpg");
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a frame");
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    assert!(!is_image("large.jpg", &jpeg));
}

/// IDX files that unpack to what their header says, or to more.
pub(crate) fn sets(folder: &Path) {
    let root = new_folder(folder, "idx");
    let count = (LARGE / 16) as u32;
    let header = |count: u32| {
        let sizes: Vec<u8> = [count, 4, 4].iter().flat_map(|size| size.to_be_bytes()).collect();
        [&[0, 0, 8, 3], &sizes[..]].concat()
    };
    write(&root.join("train-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 2, 0, 1]);
    let images = root.join("train-images-idx3-ubyte.gz");
    for (count, reason) in
        [(count, "unpacks to so much more than it has"), (2, "has more bytes than its header says")]
    {
        let bomb = gzip(&header(count), LARGE);
        write(&images, &bomb);
        // What it may unpack to, and a vector that grows has up to three times that while it is copied.
        let allowed = 3 * ((64 << 20) + 128 * bomb.len());
        refused("a packed IDX file", &root, allowed / crate::TIMES, "train-images-idx3-ubyte.gz", reason);
    }
}

/// So many zeros, packed.
fn zlib(zeros: usize) -> Vec<u8> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::fast());
    write_zeros(&mut packer, zeros);
    packer.finish().expect("memory takes all")
}

/// Some bytes and so many zeros, packed.
pub(crate) fn gzip(begin: &[u8], zeros: usize) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(begin).expect("memory takes all");
    write_zeros(&mut packer, zeros);
    packer.finish().expect("memory takes all")
}

fn write_zeros(to: &mut impl Write, zeros: usize) {
    let block = [0; 1 << 16];
    (0..zeros / block.len()).for_each(|_| to.write_all(&block).expect("memory takes all"));
}

fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [&b"\x89PNG\r\n\x1a\n"[..], &chunks.concat(), &png_chunk(b"IEND", &[])].concat()
}

fn png_chunk(kind: &[u8; 4], contents: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(contents);
    let len = (contents.len() as u32).to_be_bytes();
    [&len[..], kind, contents, &crc.sum().to_be_bytes()].concat()
}

/// A chunk of a WebP file.
fn riff(kind: &[u8; 4], contents: &[u8]) -> Vec<u8> {
    [&kind[..], &(contents.len() as u32).to_le_bytes(), contents].concat()
}
