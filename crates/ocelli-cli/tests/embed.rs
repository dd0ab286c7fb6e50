//! `ocelli embed`: an array, its list and its drawing, of the same images in the same order.

mod common;

use common::{folder, images, ocelli, succeeds, train};
use std::fs;
use std::path::Path;

const MODEL: &str = "run/model.safetensors";

/// Rows and columns of an array, and its values.
fn array(path: &Path) -> ([usize; 2], Vec<f32>) {
    let bytes = fs::read(path).unwrap();
    let header = String::from_utf8_lossy(&bytes[10..128]).into_owned();
    let shape = header.split_once("'shape': (").unwrap().1.split_once(')').unwrap().0.to_owned();
    let [rows, columns] = shape.split(", ").map(|side| side.parse().unwrap()).collect::<Vec<usize>>()[..]
    else {
        panic!("{header}")
    };
    let values = bytes[128..].as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
    ([rows, columns], values)
}

#[test]
fn every_image_has_a_row_and_a_line() {
    let folder = folder(9);
    let folder = folder.path();
    assert_eq!(train(folder, "run", &[]).code, 0);
    let ran = succeeds(folder, &["embed", MODEL, "data", "--out", "all.npy"]);
    assert!(ran.out.contains("36 images × 512 numbers after layer 5"), "{}", ran.out);
    let ([rows, columns], values) = array(&folder.join("all.npy"));
    assert_eq!((rows, columns, values.len()), (36, 512, 36 * 512));
    let list = fs::read_to_string(folder.join("all.csv")).unwrap();
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!((lines[0], lines.len()), ("image,split,class", 37));
    for (split, count) in [("train", 24), ("val", 3), ("test", 9)] {
        assert_eq!(
            lines.iter().filter(|line| line.contains(&format!(",{split},"))).count(),
            count,
            "{split}"
        );
    }
    assert!(folder.join("all.svg").exists() && folder.join("all.png").exists());
    // A row is what `explain` says of its image.
    let place = lines.iter().position(|line| line.contains("test/dots/001.png")).unwrap() - 1;
    let image = lines[place + 1].split(',').next().unwrap();
    succeeds(folder, &["explain", MODEL, image, "--out", "why"]);
    let (_, one) = array(&folder.join("why/embedding.npy"));
    let row = &values[place * 512..][..512];
    assert!(row.iter().zip(&one).all(|(a, b)| (a - b).abs() < 1e-4), "the same image, the same vector");
    let threads = |threads: &str, out: &str| {
        succeeds(folder, &["embed", MODEL, "data", "--split", "test", "--threads", threads, "--out", out]);
        fs::read(folder.join(out)).unwrap()
    };
    assert_eq!(threads("1", "one.npy"), threads("2", "two.npy"));
    assert_eq!(array(&folder.join("one.npy")).0, [9, 512]);
}

#[test]
fn other_classes_will_do_and_other_layers_must_be_there() {
    let folder = folder(6);
    let folder = folder.path();
    assert_eq!(train(folder, "run", &[]).code, 0);
    images(&folder.join("other"), 2, 7);
    fs::rename(folder.join("other/dots"), folder.join("other/spots, many")).unwrap();
    succeeds(folder, &["embed", MODEL, "other", "--out", "vectors", "--layer", "3"]);
    assert_eq!(array(&folder.join("vectors.npy")).0, [6, 512]);
    let list = fs::read_to_string(folder.join("vectors.csv")).unwrap();
    assert!(list.contains(",all,\"spots, many\"\n"), "{list}");
    let ran = ocelli(folder, &["embed", MODEL, "other", "--out", "x", "--layer", "33"]);
    assert!(ran.code == 1 && ran.err.contains("layer 33: is none of the network's"), "{}", ran.err);
    assert!(!folder.join("x.npy").exists());
}

#[test]
fn only_what_an_earlier_run_left_is_replaced() {
    let folder = folder(6);
    let folder = folder.path();
    assert_eq!(train(folder, "run", &[]).code, 0);
    let manifest = "path,label\ndata/test/dots/000.png,dots\n";
    for list in ["own.csv", "kept.csv"] {
        fs::write(folder.join(list), manifest).unwrap();
    }
    // The data itself, another list, and a file beside no list.
    fs::write(folder.join("mine.npy"), "mine").unwrap();
    for (data, out, file) in
        [("own.csv", "own", "own.csv"), ("data", "kept", "kept.csv"), ("data", "mine", "mine.npy")]
    {
        let before = fs::read(folder.join(file)).unwrap();
        let ran = ocelli(folder, &["embed", MODEL, data, "--out", out]);
        assert!(ran.code == 2 && ran.err.contains(&format!("{file} is there already")), "{}", ran.err);
        assert_eq!(fs::read(folder.join(file)).unwrap(), before);
        assert!(!folder.join(out).with_extension("svg").exists());
    }
    let rows = |data: &str| {
        succeeds(folder, &["embed", MODEL, data, "--out", "twice"]);
        array(&folder.join("twice.npy")).0[0]
    };
    assert_eq!([rows("data"), rows("own.csv")], [24, 1]);
}
