//! Manifests: what they may say, and what is said of those that are wrong.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{encoded, picture, write};
use image::ImageFormat;
use ocelli_data::dataset::manifest::{self, Entry};
use ocelli_data::dataset::{Format, Fractions, class_names, contract};
use ocelli_data::{DataError, Dataset, ErrorKind, OpenOptions, Undivided, open, open_undivided};
use proptest::prelude::*;

/// A folder with pictures `0.png`, `1.png`, … below `images/` and a manifest beside them.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(pictures: u8) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for number in 0..pictures {
            let bytes = encoded(&picture(4, 5, number), ImageFormat::Png);
            write(&folder.at(&format!("images/{number}.png")), &bytes);
        }
        folder
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn open(&self, name: &str, text: impl AsRef<[u8]>) -> Result<Undivided, DataError> {
        write(&self.at(name), text.as_ref());
        open_undivided(self.at(name), &OpenOptions::default())
    }

    fn refused(&self, name: &str, text: impl AsRef<[u8]>) -> DataError {
        let error = self.open(name, text).expect_err("a manifest that is wrong");
        assert!(error.path().is_some_and(|path| path.ends_with(name)), "{error}");
        error
    }
}

fn labels(dataset: &dyn Dataset) -> Vec<u32> {
    (0..dataset.len()).map(|i| dataset.label(i)).collect()
}

#[test]
fn csv_and_json_lines_say_the_same() {
    let csv = "\u{feff}Label,path,weight,split,note\n\
        dog,images/0.png,,train,\"a \"\"good\"\"\none\"\n\
        cat,images/1.png,2.5,training,\n\
        cat,images/2.png,0,Test,\n\
        dog,images/3.png,,testing,x\n";
    let tsv = csv.replace(',', "\t");
    let jsonl = r#"{"path": "images/0.png", "label": "dog", "split": "train", "note": ["a", {"b": 1}]}

{"file_name": "images/1.png", "label": "cat", "split": "train", "weight": 2.5}
{"path": "images/2.png", "label": "cat", "split": "test", "weight": 0}
{"path": "images/3.png", "label": "dog", "split": "test", "weight": null}"#;
    let folder = Folder::new(4);
    for (name, text) in [("list.csv", csv), ("list.TSV", &tsv), ("list.jsonl", jsonl)] {
        let found = folder.open(name, text).unwrap();
        assert_eq!((found.format, found.names()), (Format::Manifest, vec!["train", "test"]), "{name}");
        assert_eq!(found.classes, ["cat", "dog"]);
        let (train, test) = (found.get("train").unwrap(), found.get("test").unwrap());
        contract::check(&*train);
        assert_eq!((labels(&*train), labels(&*test)), (vec![1, 0], vec![0, 1]));
        assert_eq!([train.weight(0), train.weight(1), test.weight(0)], [1.0, 2.5, 0.0]);
        assert_eq!(train.load(1).unwrap().pixels()[2], 1, "relative to the manifest");
        let bytes = train.encoded(1).unwrap();
        assert_eq!(bytes, Some(fs::read(folder.at("images/1.png")).unwrap()));
    }
}

#[test]
fn a_folder_with_a_manifest_is_what_the_manifest_says() {
    let folder = Folder::new(4);
    let absolute = folder.at("images/3.png").display().to_string();
    let text =
        format!("path,label\nimages/0.png,10\n./images/1.png,9\nimages/../images/2.png,9\n{absolute},10\n");
    write(&folder.at("manifest.csv"), text.as_bytes());
    let splits = open(folder.0.path(), &OpenOptions { test: 0.0, ..OpenOptions::default() }).unwrap();
    assert_eq!(splits.classes, ["9", "10"], "numbers are ordered by value");
    assert_eq!(splits.train.len() + splits.val.unwrap().len(), 4);
}

#[test]
fn classes_are_in_the_order_of_the_file_that_names_them() {
    let folder = Folder::new(3);
    write(&folder.at("classes.txt"), b"zebra\nant\nemu\n");
    let found =
        folder.open("m.csv", "path,label\nimages/0.png,ant\nimages/1.png,0\nimages/2.png,zebra\n").unwrap();
    assert_eq!(found.classes, ["zebra", "ant", "emu"]);
    assert_eq!(labels(&*found.get("train").unwrap()), [1, 0, 0]);
    let [problem] = &found.problems[..] else { panic!("{:?}", found.problems) };
    assert!(problem.to_string().contains("class `emu` has no sample in the train split"), "{problem}");
    let error = folder.refused("m.csv", "path,label\nimages/0.png,ant\nimages/1.png,3\n");
    assert_eq!(error.kind(), ErrorKind::ClassMismatch);
    assert!(error.reason().contains("line 3: label `3` is not among the 3"), "{error}");
}

#[test]
fn splits_with_other_classes_are_refused_by_name() {
    let folder = Folder::new(4);
    let text = "path,label,split\nimages/0.png,cat,train\nimages/1.png,dog,train\nimages/2.png,cat,test\nimages/3.png,emu,test\n";
    let error = folder.open("m.csv", text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ClassMismatch);
    let told = error.to_string();
    assert!(told.contains("split test: has no `dog`") && told.contains("has `emu`"), "{told}");
    let options = OpenOptions { allow_class_mismatch: true, ..OpenOptions::default() };
    let found = open_undivided(folder.at("m.csv"), &options).unwrap();
    assert_eq!(found.classes, ["cat", "dog", "emu"]);
    assert_eq!(found.problems.iter().filter(|p| p.kind() == ErrorKind::ClassMismatch).count(), 1);
}

#[test]
fn images_that_cannot_be_used_are_named_with_their_line() {
    let folder = Folder::new(2);
    write(&folder.at("images/text.png"), b"no image");
    let text = "path,label\nimages/0.png,a\nimages/none.png,a\nimages/1.png,b\nimages/text.png,b\n";
    let found = folder.open("m.csv", text).unwrap();
    assert_eq!(found.get("train").unwrap().len(), 2);
    let told: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("none.png: ") && told[0].contains("line 3 of m.csv"), "{told:?}");
    assert!(told[1].contains("is text") && told[1].contains("line 5 of m.csv"), "{told:?}");
}

#[test]
fn what_is_wrong_with_a_line_is_said_with_its_number() {
    let folder = Folder::new(1);
    let long = format!("path,label\n\"{}", "a\n".repeat(600_000));
    let cases: [(&str, &[u8], &str); 20] = [
        ("m.csv", b"", "line 1: has no column `path`"),
        ("m.csv", b"path,label\n", "lists no image"),
        ("m.csv", b"file,class\na,b\n", "has no column `path`, only `file`, `class`"),
        ("m.csv", b"path,class\na,b\n", "has no column `label`"),
        ("m.csv", b"path,label\na,b\nc\n", "line 3: has 1 columns, the first line has 2"),
        ("m.csv", b"path,label\na,b\n,d\n", "line 3: its path is empty"),
        ("m.csv", b"path,label\na, \n", "line 2: its label is empty"),
        ("m.csv", b"path,label\n\xff,b\n", "line 2: is not UTF-8"),
        ("m.csv", b"path,label\na\0,b\n", "line 2: its path has a zero byte"),
        ("m.csv", b"path,label,split\na,b,tset\n", "line 2: split `tset` is none of train"),
        ("m.csv", b"path,label,split\na,b,train\nc,d,\n", "line 2 has a split and line 3 has none"),
        ("m.csv", b"path,label,weight\na,b,heavy\n", "line 2: weight `heavy` is not a number"),
        ("m.csv", b"path,label,weight\na,b,-1\n", "line 2: weight -1 is not a number of at least 0"),
        ("m.csv", b"path,label,weight\na,b,nan\n", "line 2: weight NaN"),
        ("m.csv", long.as_bytes(), "has a record of more than 1048576 bytes"),
        ("m.jsonl", b"\n\n", "lists no image"),
        ("m.jsonl", b"{\"path\": \"a\"}\n", "line 1: missing field `label`"),
        ("m.jsonl", b"{\"path\": \"a\", \"label\": \"b\"}\n[1]\n", "line 2: "),
        (
            "m.jsonl",
            b"{\"path\": \"a\", \"label\": 1.5}\n",
            "line 1: its label is neither a name, nor a number, nor a list",
        ),
        ("m.jsonl", &[b'['; 2 << 20], "line 1: has more than 1048576 bytes"),
    ];
    for (name, text, reason) in cases {
        let error = folder.refused(name, text);
        assert!(error.reason().contains(reason), "{reason} in {error}");
        assert!(error.to_string().len() < 600, "{error}");
    }
}

#[test]
fn what_is_written_reads_back() {
    let folder = Folder::new(3);
    let classes = ["odd, \"named\"".to_owned(), "a".to_owned()];
    let entry = |path: &str, label: &str, split, weight| Entry {
        path: path.into(),
        labels: vec![label.into()],
        split,
        weight,
    };
    let entries = [
        entry("images/0.png", &classes[0], "train", 1.0),
        entry("images/1.png", "a", "train", 0.25),
        entry("images/2.png", "a", "val", 1.0),
    ];
    manifest::write(&folder.at("manifest.csv"), &classes, &entries, false).unwrap();
    let found = open_undivided(folder.0.path(), &OpenOptions::default()).unwrap();
    assert_eq!(found.classes, classes);
    let train = found.get("train").unwrap();
    assert_eq!((labels(&*train), train.weight(1), found.get("val").unwrap().label(0)), (vec![0, 1], 0.25, 1));
    assert!(!folder.at("manifest.csv.part").exists());
    let error = manifest::write(Path::new("/nowhere/at/all/m.csv"), &classes, &entries, false).unwrap_err();
    assert!(error.to_string().contains("could not be written"), "{error}");
}

/// The labels of every image.
fn sets(dataset: &dyn Dataset) -> Vec<Vec<u32>> {
    (0..dataset.len()).map(|index| dataset.labels(index).into_owned()).collect()
}

#[test]
fn images_may_have_several_labels() {
    let folder = Folder::new(4);
    let lines =
        "path,labels\nimages/0.png,dog|cat\nimages/1.png,\nimages/2.png, cat |\nimages/3.png,dog|emu|dog\n";
    let found = folder.open("m.csv", lines).unwrap();
    let train = found.get("train").unwrap();
    assert_eq!(found.classes, ["cat", "dog", "emu"]);
    assert!(train.is_multi_label());
    let expected = [vec![0, 1], vec![], vec![0], vec![1, 2]];
    assert_eq!(sets(&*train), expected);
    assert_eq!(class_names(&*train, 0), "cat, dog");
    assert_eq!(class_names(&*train, 1), "none");
    contract::check(&*train);
    let json = r#"{"path": "images/0.png", "labels": ["dog", "cat"]}
{"path": "images/1.png", "label": []}
{"path": "images/2.png", "labels": ["cat"]}
{"path": "images/3.png", "labels": ["dog", "emu", "dog"]}"#;
    assert_eq!(sets(&*folder.open("m.jsonl", json).unwrap().get("train").unwrap()), expected);
    let other = folder.at("other.csv");
    fs::write(&other, lines.replace('|', "; ")).unwrap();
    let options = OpenOptions { label_separator: ';', ..OpenOptions::default() };
    assert_eq!(sets(&*open_undivided(&other, &options).unwrap().get("train").unwrap()), expected);
}

#[test]
fn of_label_and_labels_the_first_counts() {
    let folder = Folder::new(2);
    let csv = "path,labels,label\nimages/0.png,a|b,cat\nimages/1.png,,dog\n";
    let json = r#"{"path": "images/0.png", "labels": ["a", "b"], "label": "cat"}
{"path": "images/1.png", "label": "dog", "labels": {"x": 1}}"#;
    for (name, text) in [("m.csv", csv), ("m.jsonl", json)] {
        let found = folder.open(name, text).unwrap();
        let train = found.get("train").unwrap();
        assert!(!train.is_multi_label(), "{name}");
        assert_eq!(
            (&found.classes[..], labels(&*train)),
            (&["cat", "dog"].map(String::from)[..], vec![0, 1])
        );
    }
    let other = manifest::column(&folder.at("m.jsonl"), "labels").unwrap();
    assert_eq!(other[&folder.at("images/0.png")], r#"["a","b"]"#);
    let said = folder.refused("m.jsonl", r#"{"path": "images/0.png"}"#);
    assert!(said.reason().starts_with("line 1: missing field `label`, or `labels` where"), "{said}");
    let said = folder.refused("m.jsonl", r#"{"path": "images/0.png", "labels": 1.5}"#);
    assert!(said.reason().contains("neither a name, nor a number, nor a list"), "{said}");
}

#[test]
fn lists_of_labels_that_cannot_be_are_refused() {
    let folder = Folder::new(2);
    let refused = |name: &str, text: &str| folder.refused(name, text).reason().to_owned();
    let mixed =
        "{\"path\": \"images/0.png\", \"label\": [\"a\"]}\n{\"path\": \"images/1.png\", \"label\": \"a\"}";
    let said = refused("m.jsonl", mixed);
    assert!(said.contains("line 2: has one label and line 1 has a list of labels"), "{said}");
    let said = refused("m.csv", "path,labels\nimages/0.png,\n");
    assert!(said.contains("no image has a label"), "{said}");
    let said = refused("m.jsonl", "{\"path\": \"images/0.png\", \"label\": [\"\"]}");
    assert!(said.contains("one of its labels is empty"), "{said}");
}

#[test]
fn several_labels_are_divided_and_written() {
    let folder = Folder::new(40);
    let line = |image: usize| {
        let labels = if image.is_multiple_of(4) { "common|rare" } else { "common" };
        format!("images/{image}.png,{labels}\n")
    };
    let lines: String = (0..40).map(line).collect();
    let found = folder.open("m.csv", "path,labels\n".to_owned() + &lines).unwrap();
    let splits = found.divide(Fractions { validation: 0.2, test: 0.0 }, 1).unwrap();
    let val = splits.val.unwrap();
    let rare = sets(&*val).iter().filter(|labels| labels.len() == 2).count();
    assert_eq!((val.len(), rare), (8, 2), "a fifth of the images, and of those with the rare label");
    let entry = |path: &str, labels: &[&str]| Entry {
        path: path.into(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        split: "train",
        weight: 1.0,
    };
    let entries = [entry("../images/0.png", &["a", "b"]), entry("../images/1.png", &[])];
    let classes = ["a".to_owned(), "b".to_owned()];
    let path = folder.at("written/manifest.csv");
    fs::create_dir(path.parent().unwrap()).unwrap();
    manifest::write(&path, &classes, &entries, true).unwrap();
    let found = open_undivided(&path, &OpenOptions::default()).unwrap();
    assert_eq!(sets(&*found.get("train").unwrap()), [vec![0, 1], vec![]]);
    let odd = manifest::write(&path, &["a|b".to_owned()], &entries, true).unwrap_err();
    assert!(odd.to_string().contains("stands between labels"), "{odd}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the bytes: an error that names the file, or a dataset.
    #[test]
    fn no_manifest_does_harm(
        json: bool,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let folder = Folder::new(0);
        let (name, text) = if json {
            ("m.jsonl", "{\"path\": \"a.png\", \"label\": \"b\", \"weight\": 2}\n{\"path\": \"c\", \"label\": 7}\n")
        } else {
            ("m.csv", "path,label,split,weight\n\"a\",b,train,1\nc,d,train,0.5\n")
        };
        let mut bytes = text.as_bytes().to_vec();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        match folder.open(name, &bytes) {
            Ok(found) => prop_assert!(!found.problems.is_empty(), "the images are not there"),
            Err(error) => prop_assert!(error.path().is_some(), "{}", error),
        }
    }
}
