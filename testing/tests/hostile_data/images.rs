//! Every format of images, cut everywhere, damaged, and with huge numbers in its headers.

use std::fs;
use std::path::Path;

use ocelli_data::Channels;
use ocelli_data::decode;

use crate::damage::{Random, cut, huge_numbers};
use crate::{LIMITS, OF_IMAGES, TIMES, checked, fixture, watched, write};

const FILES: [&str; 20] = [
    "rgb.png",
    "palette.png",
    "rgba-16.png",
    "orientation-6.png",
    "444.jpg",
    "420.jpg",
    "progressive.jpg",
    "orientation-6.jpg",
    "lossless.webp",
    "lossy.webp",
    "alpha.webp",
    "animated.webp",
    "orientation-6.webp",
    "rgb.bmp",
    "palette.bmp",
    "palette.gif",
    "rgb.tiff",
    "lzw.tiff",
    "deflate.tiff",
    "orientation-6.tiff",
];

pub(crate) fn damaged(folder: &Path) {
    let mut random = Random(1);
    for name in FILES {
        let whole = fixture(name);
        assert!(is_image(name, &whole), "{name}");
        // Of an animation the first frame may be whole where the file is cut; of other files the last bytes may not count.
        let cut = cut(&whole[..whole.len() * 9 / 10], 60);
        cut.for_each(|cut| {
            assert!(!is_image(name, cut) || name.starts_with("animated"), "{name}, {} bytes", cut.len())
        });
        let refused = (0..150).filter(|_| !is_image(name, &random.damage(&whole))).count();
        assert!(refused > 15, "{refused} of 150 of {name} were refused");
        let refused = huge_numbers(&whole, 40).filter(|bytes| !is_image(name, bytes)).count();
        assert!(refused > 50, "{refused} of {name} with huge numbers were refused");
        // As a file, header first.
        let path = folder.join(name);
        for _ in 0..20 {
            write(&path, random.damage(&whole));
            let header = watched(name, OF_IMAGES + TIMES * whole.len(), || decode::header(&path, &LIMITS));
            if let Err(error) = header {
                checked(name, &error, name);
            }
        }
        fs::remove_file(&path).expect("the file is there");
    }
}

/// Whether bytes are decoded: within the limits, or an error that names them.
pub(crate) fn is_image(name: &str, bytes: &[u8]) -> bool {
    let decoded = watched(name, OF_IMAGES + TIMES * bytes.len(), || {
        decode::decode(bytes, name, Channels::Rgb, &LIMITS)
    });
    match decoded {
        Ok(image) => {
            assert!(image.height() * image.width() <= 1 << 16, "{name}");
            true
        }
        Err(error) => {
            checked(name, &error, name);
            false
        }
    }
}
