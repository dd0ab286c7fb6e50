//! Tar files that claim what is not so.

use std::fs;
use std::path::Path;

use crate::{fixture, new_folder, opened, refused as is_refused, write};

/// A tar header of 512 bytes with a checksum that is right.
fn header(name: &str, size: &[u8; 12], kind: u8) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..136].copy_from_slice(size);
    block[156] = kind;
    block[157..168].copy_from_slice(b"/etc/passwd");
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

fn octal(size: usize) -> [u8; 12] {
    format!("{size:011o}\0").as_bytes().try_into().expect("twelve bytes")
}

/// An entry, filled up to whole blocks.
fn entry(name: &str, contents: &[u8], kind: u8) -> Vec<u8> {
    let mut bytes = [header(name, &octal(contents.len()), kind), contents.to_vec()].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

pub(crate) fn refused(folder: &Path) {
    claims(folder);
    names(folder);
}

fn claims(folder: &Path) {
    let root = new_folder(folder, "forged");
    let huge = [0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let long = vec![b'a'; 2 << 20];
    let image = entry("a.png", &fixture("orientation-1.png"), b'0');
    let cases: [(&str, Vec<u8>, &str); 10] = [
        ("huge entry", header("a.png", &huge, b'0'), "are left"),
        ("largest entry", header("a.png", b"777777777777", b'0'), "are left"),
        ("no length", header("a.png", b"no number!!!", b'0'), "is no number"),
        ("huge name", entry("n", &long, b'L'), "a name or attributes of 2097152"),
        ("huge attributes", entry("n", &long, b'x'), "are the most"),
        ("no attributes", entry("n", &[b'9'; 512], b'x'), "extended attributes that are none"),
        (
            "huge length in attributes",
            entry("n", b"28 size=18446744073709551615\n", b'x'),
            "extended attributes",
        ),
        ("huge description", entry("a.cls", &long, b'0'), "a label of 2097152"),
        ("huge label", [image, entry("a.cls", &long[..1 << 20], b'0')].concat(), "a label of 1048576"),
        ("huge image", entry("a.png", &long, b'0'), "more than the limit"),
    ];
    for (what, bytes, reason) in cases {
        write(&root.join("train.tar"), &bytes);
        // Not in proportion to its length: a shard may be as long as a disk.
        is_refused(what, &root, 0, "train.tar", reason);
    }
    // An entry of no bytes, again and again.
    write(&root.join("train.tar"), header("a.png", &octal(0), b'0').repeat(20_000));
    assert!(opened("many", &root, 20_000 * 512 / 100).is_ok());
}

/// Names that lead out of the folder: nothing is ever written or read by them.
fn names(folder: &Path) {
    let root = new_folder(folder, "names");
    let image = fixture("orientation-1.png");
    let mut bytes = Vec::new();
    for name in ["../../escape", "/etc/escape", "a/../../../escape", "\u{1b}[2J"] {
        bytes.extend(entry(&format!("{name}.png"), &image, b'0'));
        bytes.extend(entry(&format!("{name}.cls"), b"escape", b'0'));
    }
    // Links to elsewhere, symbolic and hard, a device, a pipe, a folder.
    for kind in [b'2', b'1', b'3', b'6', b'5'] {
        bytes.extend(entry("link.png", &[], kind));
        bytes.extend(entry("link.cls", b"link", b'0'));
    }
    write(&root.join("train.tar"), &bytes);
    let before = listed(folder);
    let data = opened("names", &root, bytes.len()).expect("the images are whole");
    let images = data.get("train").expect("a split");
    assert_eq!((images.len(), data.classes.as_slice()), (4, &["escape".to_owned()][..]));
    assert_eq!(listed(folder), before);
}

fn listed(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    entries.map(|entry| entry.expect("an entry").path().display().to_string()).collect()
}
