//! Files of each format of data sets, damaged one at a time beside the others that are whole.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::damage::{Random, cut, huge_numbers};
use crate::{fixture, new_folder, opened, write};

/// The files of a data set, with their names.
type Files = Vec<(&'static str, Vec<u8>)>;

pub(crate) fn damaged(folder: &Path) {
    let mut random = Random(2);
    for (what, files) in sets() {
        let root = new_folder(folder, what);
        files.iter().for_each(|(name, bytes)| write(&root.join(name), bytes));
        let size: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(opened(what, &root, size).is_ok(), "{what}");
        for (name, whole) in &files {
            let path = root.join(name);
            let look = |bytes: &[u8]| {
                write(&path, bytes);
                opened(what, &root, size + bytes.len())
                    .map_or(1, |data| usize::from(!data.problems.is_empty()))
            };
            let mut refused: usize = cut(whole, 60).map(look).sum();
            refused += (0..150).map(|_| look(&random.damage(whole))).sum::<usize>();
            refused += huge_numbers(whole, 30).map(|bytes| look(&bytes)).sum::<usize>();
            assert!(refused > 20, "{what}, {name}: {refused} were refused");
            write(&path, whole);
        }
    }
}

fn sets() -> [(&'static str, Files); 9] {
    let pixels: Vec<u8> = (0..12 * 12).collect();
    let labels: Vec<u8> = (0..12).map(|i| i % 3).collect();
    let cifar: Vec<u8> = (0..4_u8).flat_map(|label| [vec![label], vec![label; 3072]].concat()).collect();
    let hundred: Vec<u8> = (0..4_u8).flat_map(|label| [vec![0, label], vec![label; 3072]].concat()).collect();
    let csv = b"path,label,split,weight\n\"a.png\",b,train,1\nc,d,train,0.5\n";
    let jsonl = b"{\"path\": \"a.png\", \"label\": \"b\", \"weight\": 2}\n{\"path\": \"c\", \"label\": 7}\n";
    [
        (
            "idx",
            vec![
                ("train-images-idx3-ubyte", idx(&[12, 4, 3], &pixels)),
                ("train-labels-idx1-ubyte", idx(&[12], &labels)),
            ],
        ),
        (
            "packed-idx",
            vec![
                ("train-images-idx3-ubyte.gz", gzip(&idx(&[12, 4, 3], &pixels))),
                ("train-labels-idx1-ubyte.gz", gzip(&idx(&[12], &labels))),
            ],
        ),
        ("cifar-10", vec![("data_batch_1.bin", cifar)]),
        ("cifar-100", vec![("train.bin", hundred), ("fine_label_names.txt", b"a\nb\nc\nd\n".to_vec())]),
        ("csv", vec![("manifest.csv", csv.to_vec()), ("a.png", fixture("orientation-1.png"))]),
        ("tsv", vec![("manifest.tsv", csv.iter().map(|&b| if b == b',' { b'\t' } else { b }).collect())]),
        ("jsonl", vec![("manifest.jsonl", jsonl.to_vec())]),
        ("shards", vec![("train.tar", fixture("archives/pax.tar"))]),
        ("parquet", vec![("train.parquet", fixture("archives/hub/data/train-00000-of-00002.parquet"))]),
    ]
}

fn idx(dims: &[u32], data: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = dims.iter().flat_map(|d| d.to_be_bytes()).collect();
    [&[0, 0, 8, dims.len() as u8], &sizes[..], data].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(bytes).expect("memory takes all");
    packer.finish().expect("memory takes all")
}
