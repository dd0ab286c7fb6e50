//! Every layout that datasets come in, whole and broken.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{encoded, flat_png, grey_picture, gz, idx, picture, write, write_class};
use image::ImageFormat;
use ocelli_data::dataset::{Format, MemoryDataset, Subset, contract};
use ocelli_data::{
    Channels, DataError, Dataset, Division, ErrorKind, OpenOptions, Splits, Undivided, open, open_undivided,
};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn at(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    fn open(&self) -> Result<Splits, DataError> {
        open(self.path(), &OpenOptions::default())
    }
}

fn check(splits: &Splits) {
    for part in [Some(&splits.train), splits.val.as_ref(), splits.test.as_ref()].into_iter().flatten() {
        contract::check(&**part);
        assert_eq!(part.classes(), splits.classes);
    }
}

fn names(dataset: &dyn Dataset) -> Vec<String> {
    (0..dataset.len()).map(|i| dataset.name(i).into_owned()).collect()
}

#[test]
fn one_tree_is_split_by_class_and_seed() {
    let folder = Folder::new();
    write_class(&folder.at("dog"), 20, 8, 9, 0);
    write_class(&folder.at("cat"), 10, 8, 9, 100);
    write(&folder.at("README.md"), b"about");
    write(&folder.at("dog/.hidden.png"), b"not looked at");
    write(&folder.at(".git/config"), b"not a class");
    let splits = folder.open().unwrap();
    check(&splits);
    assert_eq!(splits.format, Format::Folders);
    assert_eq!(splits.classes, ["cat", "dog"]);
    assert!(splits.problems.is_empty(), "{:?}", splits.problems);
    let (val, test) = (splits.val.unwrap(), splits.test.unwrap());
    assert_eq!((splits.train.len(), val.len(), test.len()), (24, 3, 3));
    assert_eq!(splits.train.extent().channels, 3);
    assert!(splits.train.extent().uniform);

    let again = folder.open().unwrap();
    assert_eq!(names(&*val), names(&*again.val.unwrap()));
    let options = OpenOptions { seed: 1, ..OpenOptions::default() };
    let other = open(folder.path(), &options).unwrap();
    assert_ne!(names(&*splits.train), names(&*other.train));
}

#[test]
fn split_folders_are_used_and_their_other_names_known() {
    let folder = Folder::new();
    for (split, count) in [("train", 6), ("valid", 3), ("test", 2)] {
        write_class(&folder.at(split).join("a"), count, 5, 5, 0);
        write_class(&folder.at(split).join("b/deeper"), count, 7, 6, 9);
    }
    let splits = folder.open().unwrap();
    check(&splits);
    let len = |name: &str| splits.get(name).unwrap().len();
    assert_eq!((len("train"), len("val"), len("validation"), len("test")), (12, 6, 6, 4));
    assert!(!splits.train.extent().uniform);
    let error = splits.get("tset").err().unwrap();
    assert!(error.to_string().contains("train, val, test"), "{error}");
}

#[test]
fn validation_is_taken_from_training_where_there_is_none() {
    let folder = Folder::new();
    for split in ["train", "test"] {
        write_class(&folder.at(split).join("a"), 10, 4, 4, 0);
        write_class(&folder.at(split).join("b"), 10, 4, 4, 50);
    }
    let splits = folder.open().unwrap();
    assert_eq!(splits.train.len(), 18);
    assert_eq!(splits.val.unwrap().len(), 2);
    assert_eq!(splits.test.unwrap().len(), 20);
}

#[test]
fn a_class_may_be_called_test() {
    let folder = Folder::new();
    write_class(&folder.at("test"), 4, 4, 4, 0);
    write_class(&folder.at("other"), 4, 4, 4, 0);
    assert_eq!(folder.open().unwrap().classes, ["other", "test"]);
}

#[test]
fn splits_with_other_classes_are_refused_by_name() {
    let folder = Folder::new();
    write_class(&folder.at("train/cat"), 2, 4, 4, 0);
    write_class(&folder.at("train/dog"), 2, 4, 4, 0);
    write_class(&folder.at("val/cat"), 2, 4, 4, 0);
    write_class(&folder.at("val/dgo"), 2, 4, 4, 0);
    let error = folder.open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ClassMismatch);
    let told = error.to_string();
    assert!(told.contains("`dog`") && told.contains("`dgo`") && !told.contains("`cat`"), "{told}");
}

#[test]
fn a_class_without_images_need_not_be_in_every_split() {
    let folder = Folder::new();
    write_class(&folder.at("train/cat"), 2, 4, 4, 0);
    write_class(&folder.at("train/dog"), 2, 4, 4, 0);
    fs::create_dir_all(folder.at("train/emu")).unwrap();
    write_class(&folder.at("test/cat"), 2, 4, 4, 0);
    write_class(&folder.at("test/dog"), 2, 4, 4, 0);
    let splits = folder.open().unwrap();
    assert_eq!(splits.classes, ["cat", "dog"]);
    let [problem] = &splits.problems[..] else { panic!("{:?}", splits.problems) };
    assert_eq!(problem.kind(), ErrorKind::EmptyClass);
    assert!(problem.to_string().contains("emu"), "{problem}");
}

#[test]
fn an_empty_class_folder_in_any_split_is_named_and_the_rest_goes_on() {
    for split in ["train", "val", "test"] {
        let folder = Folder::new();
        for name in ["train", "val", "test"] {
            write_class(&folder.at(name).join("cat"), 2, 4, 4, 0);
            write_class(&folder.at(name).join("dog"), 2, 4, 4, 0);
        }
        fs::create_dir_all(folder.at(split).join("emu")).unwrap();
        write(&folder.at(split).join("gnu/text.png"), b"no image");
        let splits = folder.open().unwrap();
        check(&splits);
        assert_eq!(splits.classes, ["cat", "dog"]);
        for (end, kind) in [
            ("emu", ErrorKind::EmptyClass),
            ("gnu", ErrorKind::EmptyClass),
            ("text.png", ErrorKind::NotAnImage),
        ] {
            let found = splits.problems.iter().filter(|p| p.kind() == kind && p.subject().ends_with(end));
            assert_eq!(found.count(), 1, "{end} in {split}: {:?}", splits.problems);
        }
        assert_eq!(splits.problems.len(), 3, "{:?}", splits.problems);
    }
}

#[test]
fn a_class_whose_images_are_unusable_in_one_split_keeps_its_others() {
    let folder = Folder::new();
    for name in ["train", "test"] {
        write_class(&folder.at(name).join("cat"), 4, 4, 4, 0);
    }
    write_class(&folder.at("train/dog"), 4, 4, 4, 0);
    fs::create_dir_all(folder.at("test/dog")).unwrap();
    let splits = folder.open().unwrap();
    assert_eq!(splits.classes, ["cat", "dog"]);
    assert_eq!(splits.problems.len(), 1, "{:?}", splits.problems);
    assert_eq!(splits.get("test").unwrap().len(), 4);
}

#[test]
fn one_class_is_refused_and_the_folder_that_was_meant_named() {
    let told = |folder: &Folder| {
        let error = folder.open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownFormat, "{error}");
        error.to_string()
    };
    let folder = Folder::new();
    write_class(&folder.at("only"), 4, 4, 4, 0);
    let error = told(&folder);
    assert!(error.contains("one class, `only`") && error.contains("a folder of its own"), "{error}");
    write(&folder.at("other/text.png"), b"no image");
    assert!(told(&folder).contains("text.png"), "{}", told(&folder));

    for (root, meant) in [("", "a/PetImages"), ("train", "train/a/PetImages")] {
        let folder = Folder::new();
        write_class(&folder.at(root).join("a/PetImages/cat"), 4, 4, 4, 0);
        write_class(&folder.at(root).join("a/PetImages/dog"), 4, 4, 4, 0);
        let error = told(&folder);
        let meant = folder.at(meant).display().to_string();
        assert!(error.contains(&format!("name {meant} instead")), "{error}");
    }
}

#[test]
fn training_and_testing_are_splits() {
    let folder = Folder::new();
    for split in ["training", "Testing"] {
        write_class(&folder.at(split).join("cat"), 10, 4, 4, 0);
        write_class(&folder.at(split).join("dog"), 10, 4, 4, 0);
    }
    let splits = folder.open().unwrap();
    assert_eq!(splits.classes, ["cat", "dog"]);
    let len = |name: &str| splits.get(name).unwrap().len();
    assert_eq!((len("training"), len("val"), len("testing")), (18, 2, 20));
}

#[test]
fn images_beside_the_class_folders_are_named() {
    let folder = Folder::new();
    for class in ["cat", "dog"] {
        write_class(&folder.at("train").join(class), 4, 4, 4, 0);
        write_class(&folder.at("test").join(class), 4, 4, 4, 0);
    }
    let loose = ["loose.png", "train/loose.JPG", "test/loose.tiff"];
    loose.iter().for_each(|name| write(&folder.at(name), b"not looked at"));
    write(&folder.at("labels.csv"), b"no image");
    let splits = folder.open().unwrap();
    for name in loose {
        let path = folder.at(name).display().to_string();
        let problem = splits.problems.iter().find(|p| p.subject() == path);
        assert_eq!(problem.map(|p| p.kind()), Some(ErrorKind::Unlabelled), "{:?}", splits.problems);
    }
    assert_eq!(splits.problems.len(), loose.len(), "{:?}", splits.problems);
}

#[test]
fn problems_are_told_of_the_split_that_has_them() {
    let folder = Folder::new();
    for split in ["train", "test"] {
        write_class(&folder.at(split).join("cat"), 2, 4, 4, 0);
        write_class(&folder.at(split).join("dog"), 2, 4, 4, 0);
        write(&folder.at(split).join("cat/bad.png"), b"no image");
    }
    let found = undivided(&folder);
    for (split, from) in [("train", "train"), ("val", "train"), ("test", "test")] {
        let told: Vec<&str> = found.problems_of(split).iter().map(|problem| problem.subject()).collect();
        assert_eq!(told, [folder.at(from).join("cat/bad.png").display().to_string()], "{split}");
    }
    assert_eq!(found.problems_of("all").len(), 2);
}

fn undivided(folder: &Folder) -> Undivided {
    open_undivided(folder.path(), &OpenOptions::default()).unwrap()
}

#[test]
fn a_split_that_is_alone_can_be_opened() {
    let folder = Folder::new();
    write_class(&folder.at("test/cat"), 3, 4, 4, 0);
    write_class(&folder.at("test/dog"), 2, 4, 4, 0);
    let found = undivided(&folder);
    assert_eq!((found.names(), found.classes.len()), (vec!["test"], 2));
    assert_eq!((found.get("test").unwrap().len(), found.whole().unwrap().len()), (5, 5));
    let error = found.get("val").err().unwrap().to_string();
    assert!(error.contains("it has test"), "{error}");
    assert!(folder.open().unwrap_err().to_string().contains("no train folder"));

    let folder = Folder::new();
    write_idx(&folder, "t10k", true);
    assert_eq!(undivided(&folder).get("test").unwrap().len(), 12);
    let error = folder.open().unwrap_err().to_string();
    assert!(error.contains("has test images alone"), "{error}");

    let folder = Folder::new();
    write_class(&folder.at("cat"), 3, 4, 4, 0);
    let found = undivided(&folder);
    assert_eq!(found.whole().unwrap().len(), 3, "one class can be looked at, if not trained on");
}

#[test]
fn a_division_can_be_made_again_of_the_same_images_only() {
    let folder = Folder::new();
    write_class(&folder.at("cat"), 20, 4, 4, 0);
    write_class(&folder.at("dog"), 20, 4, 4, 0);
    let options = OpenOptions { seed: 7, test: 0.2, ..OpenOptions::default() };
    let first = open(folder.path(), &options).unwrap();
    let written = serde_json::to_string(&first.division).unwrap();
    assert_eq!(serde_json::from_str::<Division>(&written).unwrap(), first.division);
    let again = undivided(&folder).divide_again(&first.division).unwrap();
    for split in ["train", "val", "test"] {
        assert_eq!(names(&*again.get(split).unwrap()), names(&*first.get(split).unwrap()), "{split}");
    }
    let moved = Folder::new();
    fs::rename(folder.at("cat"), moved.at("cat")).unwrap();
    assert!(undivided(&folder).divide_again(&first.division).is_none());
    fs::rename(folder.at("dog"), moved.at("dog")).unwrap();
    assert!(
        undivided(&moved).divide_again(&first.division).is_some(),
        "the folder's own name is no part of it"
    );
    fs::rename(moved.at("dog/003.png"), moved.at("dog/0031.png")).unwrap();
    assert!(undivided(&moved).divide_again(&first.division).is_none());
}

#[test]
fn only_splits_that_are_missing_are_divided_off() {
    let folder = Folder::new();
    for class in ["cat", "dog"] {
        write_class(&folder.at("train").join(class), 10, 4, 4, 0);
        write_class(&folder.at("test").join(class), 10, 4, 4, 0);
    }
    let division = folder.open().unwrap().division;
    assert_eq!((division.validation, division.test), (0.1, 0.0));
    // The training folder alone holds the images that were divided.
    let train = open_undivided(folder.at("train"), &OpenOptions::default()).unwrap();
    let again = train.divide_again(&division).unwrap();
    assert_eq!((again.train.len(), again.val.unwrap().len(), again.test.is_none()), (18, 2, true));
}

#[test]
fn a_missing_sample_says_where_it_is() {
    let folder = Folder::new();
    let error = open(folder.at("sample"), &OpenOptions::default()).unwrap_err();
    assert!(!error.to_string().contains("repository"), "{error}");
    // The tests run where no `data` folder is.
    let error = open("sample", &OpenOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().contains("repository") && error.to_string().contains("--data FOLDER"),
        "{error}"
    );
}

#[test]
fn names_do_not_reach_the_terminal_raw() {
    let error = DataError::at(ErrorKind::NotFound, "a\u{1b}[31m\nb", "is not there");
    assert_eq!(error.to_string(), "a\\u{1b}[31m\\nb: is not there");
}

/// A tree with everything wrong that a tree can have.
fn broken_tree() -> Folder {
    let folder = Folder::new();
    write_class(&folder.at("cat"), 10, 6, 6, 0);
    write_class(&folder.at("dog"), 10, 6, 6, 50);
    fs::create_dir_all(folder.at("empty")).unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let jpeg = fs::read(fixtures.join("444.jpg")).unwrap();
    write(&folder.at("cat/truncated.jpg"), &jpeg[..jpeg.len() / 2]);
    write(&folder.at("cat/text.png"), b"This is no image.");
    write(&folder.at("dog/huge.png"), &flat_png(30_000, 30_000));
    write(&folder.at("dog/zero.png"), b"");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/nowhere/at/all", folder.at("dog/gone.png")).unwrap();
    folder
}

#[test]
fn every_problem_of_a_tree_is_named_and_the_rest_goes_on() {
    let folder = broken_tree();
    let splits = folder.open().unwrap();
    check(&splits);
    assert_eq!(splits.classes, ["cat", "dog"]);
    let mut expected = vec![
        ("cat/truncated.jpg", ErrorKind::Truncated),
        ("cat/text.png", ErrorKind::NotAnImage),
        ("dog/huge.png", ErrorKind::TooLarge),
        ("dog/zero.png", ErrorKind::EmptyFile),
        ("empty", ErrorKind::EmptyClass),
    ];
    if cfg!(unix) {
        expected.push(("dog/gone.png", ErrorKind::NotFound));
    }
    for (name, kind) in &expected {
        let problem = splits.problems.iter().find(|p| p.subject().ends_with(name));
        let problem = problem.unwrap_or_else(|| panic!("{name} is not told: {:?}", splits.problems));
        assert_eq!(problem.kind(), *kind, "{problem}");
        assert!(!problem.reason().is_empty());
    }
    assert_eq!(splits.problems.len(), expected.len(), "{:?}", splits.problems);
    let total = splits.train.len() + splits.val.unwrap().len() + splits.test.unwrap().len();
    assert_eq!(total, 20);
}

#[test]
fn strict_refuses_a_tree_with_a_problem() {
    let folder = broken_tree();
    let options = OpenOptions { strict: true, ..OpenOptions::default() };
    let error = open(folder.path(), &options).unwrap_err();
    assert!(error.path().is_some(), "{error}");
}

#[cfg(unix)]
#[test]
fn links_that_go_in_circles_end() {
    let folder = Folder::new();
    write_class(&folder.at("a"), 3, 4, 4, 0);
    write_class(&folder.at("b"), 3, 4, 4, 0);
    std::os::unix::fs::symlink(folder.at("a"), folder.at("a/again")).unwrap();
    let splits = folder.open().unwrap();
    assert_eq!(splits.train.len() + splits.val.unwrap().len() + splits.test.unwrap().len(), 6);
}

#[cfg(unix)]
#[test]
fn links_up_to_the_tree_bring_no_images_of_other_classes() {
    let folder = Folder::new();
    write_class(&folder.at("tree/a"), 3, 4, 4, 0);
    write_class(&folder.at("tree/b"), 4, 4, 4, 0);
    write_class(&folder.at("elsewhere/more"), 2, 4, 4, 0);
    std::os::unix::fs::symlink("..", folder.at("tree/a/up")).unwrap();
    std::os::unix::fs::symlink("../../elsewhere", folder.at("tree/a/out")).unwrap();
    std::os::unix::fs::symlink("../b/000.png", folder.at("tree/b/link.png")).unwrap();
    let found = open_undivided(folder.at("tree"), &OpenOptions::default()).unwrap();
    let train = found.get("train").unwrap();
    let of = |class| (0..train.len()).filter(|&i| train.label(i) == class).count();
    assert_eq!((of(0), of(1)), (5, 5), "{:?}", names(&*train));
}

#[test]
fn endings_in_any_case_and_hidden_folders() {
    let folder = Folder::new();
    let bytes = encoded(&picture(4, 4, 0), ImageFormat::Png);
    for name in ["a/1.PNG", "a/deep/2.Jpg", "b/3.jpeg", "b/none", "a/.cache/4.png", "b/Thumbs.db"] {
        write(&folder.at(name), &bytes);
    }
    let found = undivided(&folder);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    assert_eq!(found.get("train").unwrap().len(), 4);
}

#[test]
fn grey_trees_are_grey_unless_asked_otherwise() {
    let folder = Folder::new();
    for number in 0..4 {
        let bytes = encoded(&grey_picture(5, 6, number), ImageFormat::Png);
        write(&folder.at(&format!("{}/{number}.png", number % 2)), &bytes);
    }
    let channels = |splits: Splits| splits.train.extent().channels;
    assert_eq!(channels(folder.open().unwrap()), 1);
    let rgb = OpenOptions { channels: Some(Channels::Rgb), ..OpenOptions::default() };
    assert_eq!(channels(open(folder.path(), &rgb).unwrap()), 3);
    write(&folder.at("0/colour.png"), &encoded(&picture(5, 6, 0), ImageFormat::Png));
    assert_eq!(channels(folder.open().unwrap()), 3);
}

#[test]
fn what_is_no_dataset_says_so() {
    let folder = Folder::new();
    assert_eq!(folder.open().unwrap_err().kind(), ErrorKind::UnknownFormat);
    write(&folder.at("a.png"), b"");
    let kind = |path: &Path| open(path, &OpenOptions::default()).unwrap_err().kind();
    assert_eq!(kind(folder.path()), ErrorKind::UnknownFormat);
    assert_eq!(kind(&folder.at("a.png")), ErrorKind::UnknownFormat);
    let error = open("no-such-set", &OpenOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("OCELLI_DATA"), "{error}");
    fs::create_dir_all(folder.at("a-class")).unwrap();
    assert_eq!(kind(folder.path()), ErrorKind::UnknownFormat, "no image at all");
}

/// Twelve 4×3 images of three classes, as IDX files.
fn write_idx(folder: &Folder, prefix: &str, packed: bool) {
    let pixels: Vec<u8> = (0..12 * 12).map(|i| i as u8).collect();
    let labels: Vec<u8> = (0..12).map(|i| i % 3).collect();
    let pack = |bytes: Vec<u8>| if packed { gz(&bytes) } else { bytes };
    let end = if packed { ".gz" } else { "" };
    let images = folder.at(&format!("{prefix}-images-idx3-ubyte{end}"));
    write(&images, &pack(idx(&[12, 4, 3], &pixels)));
    let labels_path = folder.at(&format!("{prefix}-labels-idx1-ubyte{end}"));
    write(&labels_path, &pack(idx(&[12], &labels)));
}

#[test]
fn idx_files_packed_or_not() {
    for packed in [true, false] {
        let folder = Folder::new();
        write_idx(&folder, "train", packed);
        write_idx(&folder, "t10k", packed);
        write(&folder.at("classes.txt"), b"shirt\ncoat\n\nbag\n");
        let splits = folder.open().unwrap();
        check(&splits);
        assert_eq!(splits.format, Format::Idx);
        assert_eq!(splits.classes, ["shirt", "coat", "bag"]);
        assert_eq!(splits.train.len(), 9);
        assert_eq!(splits.val.as_ref().unwrap().len(), 3);
        let test = splits.test.unwrap();
        assert_eq!(test.len(), 12);
        assert_eq!(test.label(5), 2);
        let image = test.load(1).unwrap();
        assert_eq!((image.height(), image.width(), image.channels()), (4, 3, 1));
        assert_eq!(image.pixels(), (12..24).collect::<Vec<u8>>());
    }
}

#[test]
fn idx_files_become_rgb_where_a_network_takes_that() {
    let folder = Folder::new();
    write_idx(&folder, "train", true);
    let options = OpenOptions { channels: Some(Channels::Rgb), ..OpenOptions::default() };
    let splits = open(folder.path(), &options).unwrap();
    check(&splits);
    let image = splits.train.load(0).unwrap();
    assert_eq!(image.channels(), 3);
    let (pixels, _) = image.pixels().as_chunks::<3>();
    assert!(pixels.iter().all(|[r, g, b]| r == g && g == b));
}

#[test]
fn broken_idx_files_are_errors_with_bounds_checked() {
    let images = "train-images-idx3-ubyte";
    let labels = "train-labels-idx1-ubyte";
    let cases: [(&str, Vec<u8>, ErrorKind); 10] = [
        (images, vec![], ErrorKind::Truncated),
        (images, b"\x89PNG1234567890".to_vec(), ErrorKind::Corrupt),
        (images, idx(&[12, 4, 3], &[0; 100]), ErrorKind::Truncated),
        (images, idx(&[12, 4, 3], &[0; 200]), ErrorKind::Corrupt),
        (images, idx(&[11, 4, 3], &[0; 132]), ErrorKind::Corrupt),
        (images, idx(&[u32::MAX, u32::MAX, 3], &[0; 20]), ErrorKind::Corrupt),
        (images, idx(&[u32::MAX, 1000, 100], &[0; 20]), ErrorKind::Truncated),
        (images, idx(&[12, 0, 3], &[]), ErrorKind::Corrupt),
        (images, gz(&idx(&[12, 4, 3], &[0; 144]))[..40].to_vec(), ErrorKind::Truncated),
        (labels, idx(&[12, 1], &[0; 12]), ErrorKind::Unsupported),
    ];
    for (number, (name, bytes, kind)) in cases.into_iter().enumerate() {
        let folder = Folder::new();
        write_idx(&folder, "train", false);
        write(&folder.at(name), &bytes);
        let error = folder.open().unwrap_err();
        assert_eq!(error.kind(), kind, "case {number}: {error}");
        assert!(error.path().is_some(), "{error}");
    }
    let folder = Folder::new();
    write_idx(&folder, "train", false);
    write(&folder.at("classes.txt"), b"one\ntwo\n");
    assert!(folder.open().unwrap_err().to_string().contains("label 2 of 2 classes"));
    fs::remove_file(folder.at(labels)).unwrap();
    assert!(folder.open().unwrap_err().to_string().contains(labels));
}

#[test]
fn cifar_10_binary_files() {
    let folder = Folder::new();
    let record = |label: u8| -> Vec<u8> {
        let planes = [10u8, 20, 30].map(|value| vec![value + label; 1024]);
        [vec![label], planes.concat()].concat()
    };
    let batch: Vec<u8> = (0..10).flat_map(record).collect();
    for name in ["data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"] {
        write(&folder.at("cifar-10-batches-bin").join(name), &batch);
    }
    let meta = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n";
    write(&folder.at("cifar-10-batches-bin/batches.meta.txt"), meta.as_bytes());
    let splits = folder.open().unwrap();
    check(&splits);
    assert_eq!(splits.format, Format::Cifar10);
    assert_eq!(splits.classes.len(), 10);
    assert_eq!(splits.train.len() + splits.val.as_ref().unwrap().len(), 20);
    let test = splits.get("test").unwrap();
    assert_eq!(test.load(3).unwrap().pixels()[..6], [13, 23, 33, 13, 23, 33]);

    write(&folder.at("cifar-10-batches-bin/data_batch_2.bin"), &batch[..5000]);
    assert_eq!(folder.open().unwrap_err().kind(), ErrorKind::Truncated);
    let unknown = [vec![10], vec![0; 3072]].concat();
    write(&folder.at("cifar-10-batches-bin/data_batch_2.bin"), &unknown);
    let error = folder.open().unwrap_err();
    assert!(error.to_string().contains("record 0 has label 10"), "{error}");
}

#[test]
fn cifar_100_binary_files_with_fine_or_coarse_labels() {
    let folder = Folder::new();
    let record = |fine: u8| [vec![fine / 5, fine], vec![fine; 3072]].concat();
    let names = |count: usize| (0..count).map(|n| format!("class {n}\n")).collect::<String>();
    for (name, count) in [("train.bin", 100), ("test.bin", 20)] {
        let bytes: Vec<u8> = (0..count).flat_map(record).collect();
        write(&folder.at("cifar-100-binary").join(name), &bytes);
    }
    write(&folder.at("cifar-100-binary/fine_label_names.txt"), names(100).as_bytes());
    write(&folder.at("cifar-100-binary/coarse_label_names.txt"), names(20).as_bytes());
    for (coarse_labels, classes, label) in [(false, 100, 19), (true, 20, 3)] {
        let options = OpenOptions { coarse_labels, ..OpenOptions::default() };
        let found = open_undivided(folder.path(), &options).unwrap();
        assert_eq!((found.format, found.classes.len()), (Format::Cifar100, classes));
        let test = found.get("test").unwrap();
        contract::check(&*test);
        assert_eq!((test.label(19), test.load(19).unwrap().pixels()[0]), (label, 19));
        assert_eq!(found.get("train").unwrap().len(), 100);
    }
    write(&folder.at("cifar-100-binary/test.bin"), &[0; 3073]);
    assert_eq!(folder.open().unwrap_err().kind(), ErrorKind::Truncated);
    write(&folder.at("cifar-100-binary/test.bin"), &[vec![0, 100], vec![0; 3072]].concat());
    assert!(folder.open().unwrap_err().to_string().contains("record 0 has label 100"));
}

#[test]
fn the_sample_ships_whole_and_balanced() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/fashion-mnist-sample");
    let options = OpenOptions { strict: true, ..OpenOptions::default() };
    let splits = open(path, &options).unwrap();
    assert_eq!(splits.classes[9], "Ankle boot");
    let (train, val) = (splits.get("train").unwrap(), splits.get("val").unwrap());
    let test = splits.get("test").unwrap();
    assert_eq!((train.len(), val.len(), test.len()), (5400, 600, 1000));
    for (part, each) in [(train, 540), (val, 60), (test, 100)] {
        for class in 0..10 {
            let count = (0..part.len()).filter(|&i| part.label(i) == class).count();
            assert_eq!(count, each);
        }
    }
}

#[test]
fn memory_datasets_and_subsets_keep_the_contract() {
    let classes = vec!["a".to_owned(), "b".to_owned()];
    let dataset = MemoryDataset::new("made", classes.clone(), vec![0, 1, 1], (2, 2, 1), vec![5; 12]);
    let dataset = std::sync::Arc::new(dataset.unwrap());
    contract::check(&*dataset);
    contract::check(&Subset::new(dataset, vec![2, 0]));
    let wrong = MemoryDataset::new("made", classes.clone(), vec![0, 2], (1, 1, 1), vec![0; 2]);
    assert!(wrong.unwrap_err().to_string().contains("made#1"));
    assert!(MemoryDataset::new("made", classes, vec![0], (1, 1, 1), vec![0; 2]).is_err());
}
