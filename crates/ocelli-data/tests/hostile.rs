//! Files that are broken or made to harm become errors that name them.

mod common;

use std::path::{Path, PathBuf};

use common::{encoded, flat_png, picture, write};
use image::{ImageEncoder, ImageFormat};
use ocelli_data::decode::{self, Limits};
use ocelli_data::{Channels, DataError, ErrorKind};
use proptest::prelude::*;

fn decode(bytes: &[u8]) -> Result<ocelli_data::Image, DataError> {
    decode::decode(bytes, "file", Channels::Rgb, &Limits::default())
}

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::read(folder.join(name)).unwrap()
}

/// One whole file of every format.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    [
        "rgb.png",
        "palette.png",
        "444.jpg",
        "420.jpg",
        "progressive.jpg",
        "grey.jpg",
        "lossless.webp",
        "alpha.webp",
        "lossy.webp",
        "rgb.bmp",
        "palette.bmp",
        "palette.gif",
        "rgb.tiff",
        "lzw.tiff",
        "deflate.tiff",
    ]
    .map(|name| (name, fixture(name)))
    .to_vec()
}

#[test]
fn files_that_end_early_are_errors_never_half_pictures() {
    for (name, bytes) in files() {
        assert!(decode(&bytes).is_ok(), "{name}");
        for tenths in 1..=9 {
            let cut = &bytes[..bytes.len() * tenths / 10];
            let error = decode(cut).err();
            let error = error.unwrap_or_else(|| panic!("{name} decodes from {tenths}/10 of its bytes"));
            assert!(
                matches!(error.kind(), ErrorKind::Truncated | ErrorKind::Corrupt),
                "{name} at {tenths}/10: {:?} {error}",
                error.kind()
            );
        }
    }
}

#[test]
fn a_truncated_jpeg_with_an_embedded_thumbnail_is_an_error() {
    // The thumbnail in the EXIF segment has an end-of-image marker of its own.
    let whole = fixture("444.jpg");
    let mut exif = b"Exif\0\0".to_vec();
    exif.extend(&whole);
    let mut file = whole[..2].to_vec();
    file.extend([0xff, 0xe1]);
    file.extend((exif.len() as u16 + 2).to_be_bytes());
    file.extend(exif);
    file.extend(&whole[2..]);
    assert!(decode(&file).is_ok());
    let error = decode(&file[..file.len() - whole.len() / 3]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated, "{error}");
}

#[test]
fn a_jpeg_without_its_last_marker_is_whole() {
    let whole = fixture("444.jpg");
    let cut = &whole[..whole.len() - 2];
    assert_eq!(decode(cut).unwrap(), decode(&whole).unwrap());
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        write(&path, bytes);
        path
    }
}

fn both(path: &Path) -> (DataError, DataError) {
    let limits = Limits::default();
    let read = decode::read(path, Channels::Rgb, &limits).unwrap_err();
    let header = decode::header(path, &limits).unwrap_err();
    assert_eq!(read.path(), Some(path));
    assert_eq!(header.path(), Some(path));
    assert!(read.to_string().contains(&*path.to_string_lossy()));
    (read, header)
}

#[test]
fn what_is_no_image_is_named_with_its_reason() {
    let folder = Folder::new();
    let cases: [(&str, &[u8], ErrorKind, &str); 6] = [
        ("text.png", b"hello, I am a text file\n", ErrorKind::NotAnImage, "is text"),
        ("empty.jpg", b"", ErrorKind::EmptyFile, "empty"),
        ("zeros.gif", &[0; 100], ErrorKind::NotAnImage, "not an image"),
        ("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0", ErrorKind::Unsupported, "HEIC"),
        ("photo.avif", b"\0\0\0\x18ftypavif\0\0\0\0", ErrorKind::Unsupported, "AVIF"),
        ("short.png", b"\x89PNG\r\n\x1a\n", ErrorKind::Truncated, "PNG"),
    ];
    for (name, bytes, kind, reason) in cases {
        let (read, header) = both(&folder.file(name, bytes));
        for error in [read, header] {
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.reason().contains(reason), "{error}");
        }
    }
}

#[test]
fn a_30_000_by_30_000_png_is_refused_from_its_header() {
    let folder = Folder::new();
    let bytes = flat_png(30_000, 30_000);
    // Deflate packs 1,032 bytes into one at best: all rows are there.
    assert!((850_000..8_000_000).contains(&bytes.len()), "{}", bytes.len());
    let started = std::time::Instant::now();
    let (read, header) = both(&folder.file("huge.png", &bytes));
    assert!(started.elapsed().as_millis() < 500, "its pixels were decoded");
    for error in [read, header] {
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
        assert!(error.reason().contains("30000×30000"), "{error}");
    }
}

#[test]
fn limits_are_the_callers() {
    let bytes = encoded(&picture(10, 20, 0), ImageFormat::Png);
    let decode = |limits: &Limits| decode::decode(&bytes, "it", Channels::Rgb, limits);
    let limits = Limits { max_pixels: 199, ..Limits::default() };
    assert_eq!(decode(&limits).unwrap_err().kind(), ErrorKind::TooLarge);
    let limits = Limits { max_pixels: 200, ..Limits::default() };
    assert!(decode(&limits).is_ok());
    let limits = Limits { max_file_bytes: bytes.len() as u64 - 1, ..Limits::default() };
    assert_eq!(decode(&limits).unwrap_err().kind(), ErrorKind::TooLarge);
}

#[test]
fn huge_headers_of_every_format_are_refused() {
    // Sizes written into whole files, where each format keeps them.
    let patched = |name: &str, at: usize, bytes: &[u8]| {
        let mut file = fixture(name);
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let frame = fixture("444.jpg").windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    let cases = [
        patched("444.jpg", frame + 5, &[0xff, 0xff, 0xff, 0xff]),
        patched("palette.gif", 6, &[0xff, 0xff, 0xff, 0xff]),
        patched("rgb.bmp", 18, &[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0]),
    ];
    for bytes in cases {
        let error = decode(&bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    }
}

#[test]
fn what_is_no_file_is_unreadable() {
    let folder = Folder::new();
    let (read, _) = both(folder.0.path());
    assert_eq!(read.kind(), ErrorKind::Unreadable);
    let (read, _) = both(&folder.0.path().join("nothing.png"));
    assert_eq!(read.kind(), ErrorKind::NotFound);
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.file("secret.png", &encoded(&picture(4, 4, 0), ImageFormat::Png));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        // The superuser may read everything.
        return;
    }
    let (read, header) = both(&path);
    for error in [read, header] {
        assert_eq!(error.kind(), ErrorKind::Unreadable);
        assert!(error.reason().contains("permission denied"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_does_not_block() {
    let folder = Folder::new();
    let path = folder.0.path().join("pipe.png");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    if made.is_ok_and(|status| status.success()) {
        let (read, _) = both(&path);
        assert_eq!(read.kind(), ErrorKind::Unreadable);
    }
}

#[test]
fn numbers_without_an_8_bit_meaning_are_refused() {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let pixels: Vec<u8> = [0.5f32; 12].iter().flat_map(|v| v.to_ne_bytes()).collect();
    image::codecs::tiff::TiffEncoder::new(&mut bytes)
        .write_image(&pixels, 2, 2, image::ExtendedColorType::Rgb32F)
        .unwrap();
    let error = decode(&bytes.into_inner()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Whatever the bytes, decoding ends without a panic of its own and within the limits.
    #[test]
    fn damaged_files_are_decoded_or_refused(
        which in 0usize..15,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (name, mut bytes) = files().swap_remove(which);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let limits = Limits { max_pixels: 1 << 20, ..Limits::default() };
        match decode::decode(&bytes, name, Channels::Rgb, &limits) {
            Ok(image) => prop_assert!(image.height() * image.width() <= 1 << 20),
            Err(error) => prop_assert_ne!(error.kind(), ErrorKind::Panicked, "{}", error),
        }
    }
}
