//! What is done with the bytes that a fuzzer makes up, and the bytes that it begins with.
//!
//! `fuzz/` has a target for each of [`TARGETS`]; a test runs all of them on their seeds, so that they keep working.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ocelli_data::decode::{self, Limits};
use ocelli_data::{Channels, DataError, ErrorKind, Image, OpenOptions, open_undivided};
use ocelli_model::Classifier;
use ocelli_nn::Summary;

/// A reader of files from elsewhere.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which the target in `fuzz/` has too.
    pub name: &'static str,
    /// Reads bytes; panics where the reader does what it never may.
    pub run: fn(&[u8]),
    /// Files that it reads, below the fixtures of `ocelli-data`.
    files: &'static [&'static str],
    /// And texts.
    texts: &'static [&'static [u8]],
}

/// All of them.
pub const TARGETS: [Target; 8] = [
    Target {
        name: "decode",
        run: decode,
        files: &[
            "rgb.png",
            "palette.png",
            "grey-16.png",
            "orientation-6.png",
            "444.jpg",
            "420.jpg",
            "progressive.jpg",
            "orientation-6.jpg",
            "cmyk.jpg",
            "lossless.webp",
            "lossy.webp",
            "alpha.webp",
            "animated.webp",
            "orientation-6.webp",
            "rgb.bmp",
            "palette.bmp",
            "palette.gif",
            "animated.gif",
            "rgb.tiff",
            "lzw.tiff",
            "deflate.tiff",
            "orientation-6.tiff",
        ],
        texts: &[],
    },
    Target {
        name: "tar",
        run: tar,
        files: &["archives/pax.tar", "archives/gnu.tar", "archives/shards/train-000.tar"],
        texts: &[],
    },
    Target {
        name: "csv",
        run: csv,
        files: &[],
        texts: &[
            b"path,label,split,weight\n\"a.png\",b,train,1\nc,d,val,0.5\n",
            b"file_name,label\n\"a \"\"b\"\"\",1\n/dev/null,0\n",
        ],
    },
    Target {
        name: "jsonl",
        run: jsonl,
        files: &[],
        texts: &[
            b"{\"path\": \"a.png\", \"label\": \"b\", \"weight\": 2, \"x\": [null, {}]}\n{\"file_name\": \"c\", \"label\": 7}\n",
        ],
    },
    Target {
        name: "idx",
        run: idx,
        files: &[],
        texts: &[
            &IMAGES,
            &LABELS,
            b"\0\0\x08\x04\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x03abc",
            b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x63\x60\xe0\x60\x64\x60\x60\x60\x62\x60\x60\0\0\x6b\xd4\x4c\x7f\x0a\0\0\0",
        ],
    },
    Target {
        name: "model",
        run: model,
        files: &[
            "../../../../testing/fixtures/models/format-1.safetensors",
            "../../../../testing/fixtures/models/format-2.safetensors",
        ],
        texts: &[],
    },
    Target { name: "cifar", run: cifar, files: &[], texts: &[&[1; 3073], &[0; 2 * 3074]] },
    Target {
        name: "parquet",
        run: parquet,
        files: &[
            "archives/hub/data/train-00000-of-00002.parquet",
            "archives/hub/data/train-00001-of-00002.parquet",
            "archives/named.parquet",
            "archives/withheld.parquet",
        ],
        texts: &[],
    },
];

impl Target {
    /// The target of a name.
    ///
    /// # Panics
    /// If there is none.
    pub fn named(name: &str) -> Self {
        TARGETS.into_iter().find(|target| target.name == name).expect("a target of that name")
    }

    /// Whole files to begin with.
    ///
    /// # Panics
    /// If they cannot be read.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/ocelli-data/tests/fixtures");
        let read =
            |name: &&str| fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        self.files.iter().map(read).chain(self.texts.iter().map(|text| text.to_vec())).collect()
    }
}

/// Two images of 2×2 as an IDX file, and their labels.
const IMAGES: [u8; 24] = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 10, 20, 30, 40, 50, 60, 70, 80];
const LABELS: [u8; 10] = [0, 0, 8, 1, 0, 0, 0, 2, 0, 1];

/// Small ones, so that time goes into formats and not into pixels.
const LIMITS: Limits = Limits { max_pixels: 1 << 16, max_file_bytes: 1 << 20 };

/// Where files are written: a folder of this process, in memory where the system has one there.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a temporary folder")
});

fn checked(error: &DataError) {
    assert_ne!(error.kind(), ErrorKind::Panicked, "{error}");
    assert!(!error.reason().is_empty() && error.to_string().len() < 20_000, "{error}");
}

fn decode(bytes: &[u8]) {
    for channels in [Channels::Rgb, Channels::Grey] {
        match decode::decode(bytes, "it", channels, &LIMITS) {
            Ok(image) => assert!((image.height() * image.width()) as u64 <= LIMITS.max_pixels),
            Err(error) => checked(&error),
        }
    }
    if let Err(error) = decode::header_of(bytes, "it", &LIMITS) {
        checked(&error);
    }
}

fn tar(bytes: &[u8]) {
    opened("tar", &[("train.tar", bytes)]);
    opened("tar", &[("train.tar", &with_checksums(bytes))]);
}

/// The bytes with a checksum that is right where each entry's header is: no change would get beyond one that is wrong.
fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(header) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<512>()) {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        let digits = header[124..136].iter().filter(|byte| (b'0'..=b'7').contains(byte));
        let len = digits.fold(0_usize, |len, digit| len << 3 | usize::from(digit - b'0'));
        at = at.saturating_add(512).saturating_add(len.next_multiple_of(512));
    }
    bytes
}

fn csv(bytes: &[u8]) {
    opened("csv", &[("manifest.csv", bytes)]);
    opened("tsv", &[("manifest.tsv", bytes)]);
}

fn jsonl(bytes: &[u8]) {
    opened("jsonl", &[("manifest.jsonl", bytes)]);
}

fn idx(bytes: &[u8]) {
    opened("idx", &[("train-images-idx3-ubyte", bytes), ("train-labels-idx1-ubyte", &LABELS)]);
    opened("idx", &[("train-images-idx3-ubyte", &IMAGES), ("train-labels-idx1-ubyte", bytes)]);
}

fn cifar(bytes: &[u8]) {
    opened("cifar-10", &[("data_batch_1.bin", bytes)]);
    opened("cifar-100", &[("train.bin", bytes), ("fine_label_names.txt", b"a\nb\nc\n")]);
}

fn parquet(bytes: &[u8]) {
    opened("parquet", &[("train.parquet", bytes)]);
}

/// Loads a model and runs what could be loaded, if it is small.
fn model(bytes: &[u8]) {
    let path = FOLDER.path().join("model.safetensors");
    fs::write(&path, bytes).expect("a file");
    let classifier = match Classifier::load(&path) {
        Ok(classifier) => classifier,
        Err(error) => {
            let said = error.to_string();
            assert!(said.contains("model.safetensors") && said.len() < 20_000, "{said}");
            return;
        }
    };
    if Summary::new(classifier.network()).total.multiply_adds > 1 << 20 {
        return;
    }
    let Ok(channels) = classifier.image_channels() else { return };
    let image = Image::new(3, 5, channels.count(), vec![7; 15 * channels.count()]);
    for answer in classifier.predict(&[image]).into_iter().flatten() {
        assert!(classifier.classes().contains(&answer.label));
    }
}

/// Opens a data set of these files and loads what it has.
fn opened(name: &str, files: &[(&str, &[u8])]) {
    let folder: PathBuf = FOLDER.path().join(name);
    fs::create_dir_all(&folder).expect("a folder");
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).expect("a file");
    }
    let options = OpenOptions { limits: LIMITS, threads: 1, ..OpenOptions::default() };
    let data = match open_undivided(&folder, &options) {
        Ok(data) => data,
        Err(error) => return checked(&error),
    };
    data.problems.iter().for_each(|problem| checked(&problem.clone().into()));
    for split in data.names() {
        let images = data.get(split).expect("a split that it names");
        for index in 0..images.len().min(100) {
            assert!((images.label(index) as usize) < images.classes().len());
            if let Err(error) = images.load(index) {
                checked(&error);
            }
        }
    }
}
