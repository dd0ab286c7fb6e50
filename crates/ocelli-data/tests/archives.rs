//! Shards as webdataset writes them, Parquet files as pyarrow writes them in Hugging Face's layout, and what is wrong with others.

mod common;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::{encoded, epoch, picture, write};
use image::ImageFormat;
use ocelli_data::dataset::{Format, contract};
use ocelli_data::{Channels, Dataset, ErrorKind, OpenOptions, Undivided, open, open_undivided};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/archives").join(name)
}

fn opened(path: impl AsRef<Path>) -> Undivided {
    open_undivided(path, &OpenOptions::default()).unwrap()
}

/// The number and the label that an image's colour tells, and the label that the dataset tells.
fn told(dataset: &dyn Dataset) -> Vec<(u8, u8, u32)> {
    let one = |index| {
        let image = dataset.load(index).unwrap();
        assert_eq!((image.height(), image.width(), image.pixels()[2]), (5, 6, 7));
        (image.pixels()[0], image.pixels()[1], dataset.label(index))
    };
    (0..dataset.len()).map(one).collect()
}

fn numbered(range: std::ops::Range<u8>) -> Vec<(u8, u8, u32)> {
    range.map(|number| (number, number % 3, u32::from(number % 3))).collect()
}

#[test]
fn shards_are_of_the_split_that_their_name_says() {
    let found = opened(fixture("shards"));
    assert_eq!((found.format, found.names()), (Format::Shards, vec!["train", "val"]));
    assert_eq!(found.classes, ["0", "1", "2"]);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let (train, val) = (found.get("train").unwrap(), found.get("val").unwrap());
    contract::check(&*train);
    assert_eq!((told(&*train), told(&*val)), (numbered(0..12), numbered(12..15)));
    assert!(train.name(7).ends_with("train-001.tar/0007"), "{}", train.name(7));
    assert_eq!((train.extent().uniform, train.extent().channels), (true, 3));
    assert_eq!(train.stretches().len(), 2, "a stretch for each shard");
    let keys: HashSet<u128> = (0..12).map(|index| train.key(index).unwrap()).collect();
    assert_eq!(keys.len(), 12);
    let bytes = train.encoded(3).unwrap().unwrap();
    assert!(bytes.starts_with(b"\x89PNG") && bytes.len() < 200);

    // One shard alone, and classes named beside the shards.
    let folder = tempfile::tempdir().unwrap();
    fs::copy(fixture("shards/train-001.tar"), folder.path().join("a.TAR")).unwrap();
    assert_eq!(told(&*opened(folder.path().join("a.TAR")).get("train").unwrap()), numbered(6..12));
    write(&folder.path().join("classes.txt"), b"zebra\nant\ncat\n");
    assert_eq!(opened(folder.path()).classes, ["zebra", "ant", "cat"]);
    write(&folder.path().join("classes.txt"), b"zebra\nant\n");
    let error = open(folder.path(), &OpenOptions::default()).unwrap_err();
    assert!(error.kind() == ErrorKind::ClassMismatch && error.to_string().contains("label `2`"), "{error}");
}

#[test]
fn labels_may_be_names_and_names_may_be_long() {
    let found = opened(fixture("named.tar"));
    assert_eq!(found.classes, ["ant", "cat", "zebra"], "in the order of letters");
    let labels: Vec<(u8, u8, u32)> = (0..6).map(|n| (n, n % 3, [2, 0, 1][usize::from(n % 3)])).collect();
    assert_eq!(told(&*found.get("train").unwrap()), labels);
    for name in ["gnu.tar", "pax.tar"] {
        let found = opened(fixture(name));
        assert!(found.problems.is_empty(), "{:?}", found.problems);
        let train = found.get("train").unwrap();
        assert_eq!(told(&*train), numbered(0..3), "{name}");
        assert!(train.name(2).ends_with("long-long-ü2"), "{}", train.name(2));
    }
}

#[test]
fn a_shard_that_is_cut_keeps_what_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.tar");
    let whole = fs::read(fixture("shards/train-000.tar")).unwrap();
    for (len, samples, reason) in
        [(4096 + 100, 2, "within the header"), (4096 + 1024 + 520, 2, "are left"), (1024, 1, "")]
    {
        fs::write(&path, &whole[..len]).unwrap();
        let found = opened(folder.path());
        let read = found.get("train").map_or(0, |train| train.len());
        assert!(read <= samples, "{read} of {len} bytes");
        let told: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
        assert!(reason.is_empty() || told.iter().any(|told| told.contains(reason)), "{reason} in {told:?}");
    }
    // A header in the middle, and the first one.
    for (at, reason) in [(2048 + 3, "checksum of an entry"), (3, "is no tar file")] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let told = opened(folder.path()).problems.iter().map(ToString::to_string).collect::<String>();
        assert!(told.contains(reason) && told.contains("train.tar: byte "), "{reason} in {told}");
    }
}

/// A tar file of these entries.
fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn samples_that_are_not_whole_are_named() {
    let png = encoded(&picture(4, 4, 0), ImageFormat::Png);
    let folder = tempfile::tempdir().unwrap();
    let long = vec![b'1'; (1 << 20) + 1];
    let bytes = tar(&[
        ("a.png", &png),
        ("a.cls", b"cat\n"),
        ("b.png", &png),
        ("c.cls", b"cat"),
        ("d.png", b"no image"),
        ("d.cls", b"dog"),
        ("e.png", &png),
        ("e.json", b"{\"label\": [1]}"),
        ("f.png", &png),
        ("f.cls", b"\xff"),
        ("g.png", &png),
        ("g.cls", &long),
        (".h.png", &png),
        ("i", &png),
        ("j.png", &png),
        ("j.json", b"{\"cls\": 4}"),
        ("j.txt", b"a caption"),
    ]);
    write(&folder.path().join("s.tar"), &bytes);
    let found = opened(folder.path());
    assert_eq!(
        found.classes.iter().map(String::as_str).collect::<HashSet<_>>(),
        HashSet::from(["4", "cat", "dog"])
    );
    assert_eq!(found.get("train").unwrap().len(), 2);
    let told: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
    for said in [
        "s.tar/b.png: has no label",
        "s.tar/d: is text, not an image",
        "s.tar/e.json: is not a JSON object with a label",
        "s.tar/f.cls: is not UTF-8 text",
        "s.tar/g.cls: a label of 1048577 bytes",
        "class `dog` has no sample",
    ] {
        assert!(told.iter().any(|told| told.contains(said)), "{said} in {told:#?}");
    }
}

#[test]
fn parquet_files_as_hugging_face_has_them() {
    let found = opened(fixture("hub/data"));
    assert_eq!((found.format, found.names()), (Format::Parquet, vec!["train", "test"]));
    assert_eq!(found.classes, ["zebra", "ant", "cat"], "in the order of the schema");
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let (train, test) = (found.get("train").unwrap(), found.get("test").unwrap());
    contract::check(&*train);
    assert_eq!((told(&*train), told(&*test)), (numbered(0..14), numbered(14..20)));
    assert_eq!(train.stretches().len(), 4, "a stretch for each row group");
    assert!(train.name(12).ends_with("train-00001-of-00002.parquet#2"), "{}", train.name(12));
    assert_eq!(told(&*opened(fixture("hub")).get("test").unwrap()), numbered(14..20), "the folder above");

    let found = opened(fixture("named.parquet"));
    assert_eq!(found.classes, ["ant", "cat", "zebra"]);
    assert_eq!(found.get("train").unwrap().label(0), 2);
}

#[test]
fn rows_without_image_or_label_are_named() {
    let found = opened(fixture("withheld.parquet"));
    assert_eq!(told(&*found.get("train").unwrap()), numbered(2..6));
    let told: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|told| told.contains("withheld.parquet#0: has no label")), "{told:?}");
    assert!(told.iter().any(|told| told.contains("withheld.parquet#1: has no image")), "{told:?}");
    let error = open_undivided(fixture("zstd.parquet"), &OpenOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("zstd.parquet"), "{error}");
}

#[test]
fn epochs_over_shards_and_row_groups_depend_on_no_thread() {
    for data in ["shards", "hub"] {
        let train = opened(fixture(data)).get("train").unwrap();
        let one = epoch(&train, 1, 0);
        assert_eq!(one, epoch(&train, 3, 0), "{data}");
        assert_ne!(one.0, epoch(&train, 1, 1).0, "{data}");
        let mut samples = one.0;
        samples.sort_unstable();
        assert_eq!(samples, (0..train.len() as u64).collect::<Vec<_>>(), "{data}");
    }
}

#[test]
fn a_part_of_shards_has_their_stretches_and_grey_can_be_asked_for() {
    let options = OpenOptions { channels: Some(Channels::Grey), validation: 0.3, ..OpenOptions::default() };
    let splits = open(fixture("hub"), &options).unwrap();
    contract::check(&*splits.train);
    assert!(!splits.train.stretches().is_empty() && splits.train.extent().channels == 1);
}
