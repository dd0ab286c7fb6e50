//! Data sets that are damaged, or made to do harm: each file is an error or a problem that names it and says why, nothing
//! panics, and no file makes a reader allocate more than the limits and its length justify.

mod bombs;
mod damage;
mod forged_parquet;
mod forged_shards;
mod images;
mod places;
mod sets;

use std::fs;
use std::io::Write;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ocelli_data::decode::Limits;
use ocelli_data::{DataError, ErrorKind, OpenOptions, Undivided, open_undivided};
use ocelli_testing::Counting;

#[global_allocator]
static COUNTING: Counting = Counting::new();

/// The limits in force: images of 256×256 pixels, files of a mebibyte.
const LIMITS: Limits = Limits { max_pixels: 1 << 16, max_file_bytes: 1 << 20 };

/// What an image may make a decoder allocate beside some times its length: sixteen bytes a pixel, and its own tables.
const OF_IMAGES: usize = 16 * (1 << 16) + (32 << 20);
/// What a file of a data set may beside some times its length: records of a mebibyte, in several forms.
const OF_SETS: usize = 24 << 20;
/// How many times a file's length may be allocated.
const TIMES: usize = 64;

/// Where something panicked, be it caught or not.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// One test: the counts are those of the whole process.
#[test]
fn nothing_in_a_data_set_does_harm() {
    panic::set_hook(Box::new(|info| {
        if let Ok(mut panics) = PANICS.lock() {
            panics.push(info.to_string());
        }
    }));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let done = panic::catch_unwind(|| everything(folder.path()));
    let _ = panic::take_hook();
    let panics = PANICS.lock().expect("no thread is left");
    assert!(done.is_ok() && panics.is_empty(), "{}", panics.join("\n"));
}

fn everything(folder: &Path) {
    for part in [
        images::damaged,
        bombs::images,
        sets::damaged,
        bombs::sets,
        forged_shards::refused,
        forged_parquet::refused,
        places::refused,
    ] {
        let folder = tempfile::tempdir_in(folder).expect("a temporary folder");
        part(folder.path());
    }
}

/// Does something; checks how much was allocated at once for it.
fn watched<T>(what: &str, allowed: usize, work: impl FnOnce() -> T) -> T {
    let (done, most) = COUNTING.watch(work);
    assert!(most <= allowed, "{what}: {most} bytes were allocated, {allowed} are allowed");
    done
}

/// A file of those that the data sets' own tests read.
fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/ocelli-data/tests/fixtures");
    let path = folder.join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Checks that an error names the file and gives a reason, which a terminal can show, and is no panic that was caught.
fn checked(what: &str, error: &DataError, name: &str) {
    let said = error.to_string();
    assert!(said.contains(name) && error.reason().len() > 5, "{what}: {said}");
    assert!(error.reason().len() < 5000 && !said.contains(char::is_control), "{what}: {said}");
    assert_ne!(error.kind(), ErrorKind::Panicked, "{what}: {said}");
}

/// Opens a data set of so many bytes and loads all of it; what is wrong with it names a path below the folder that it lies in.
fn opened(what: &str, path: &Path, bytes: usize) -> Result<Undivided, DataError> {
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    let options = OpenOptions { limits: LIMITS, threads: 1, ..OpenOptions::default() };
    let open = || {
        let data = open_undivided(path, &options)?;
        for problem in &data.problems {
            // What a manifest lists may lie elsewhere: then its line is named.
            let name = if problem.reason().contains("(line ") { "" } else { &name };
            checked(what, &problem.clone().into(), name);
        }
        for split in data.names() {
            let images = data.get(split)?;
            for index in 0..images.len() {
                if let Err(error) = images.load(index) {
                    checked(what, &error, &name);
                }
            }
        }
        Ok(data)
    };
    let data = watched(what, OF_SETS + OF_IMAGES + TIMES * bytes, open);
    if let Err(error) = &data {
        checked(what, error, &name);
    }
    data
}

/// Checks that a data set is refused, or a part of it is told to be wrong, for this reason and with this name.
fn refused(what: &str, path: &Path, bytes: usize, name: &str, reason: &str) {
    let told = match opened(what, path, bytes) {
        Ok(data) => data.problems.iter().map(ToString::to_string).collect(),
        Err(error) => vec![error.to_string()],
    };
    assert!(
        told.iter().any(|told| told.contains(reason) && told.contains(name)),
        "{what}: {reason} in {told:?}"
    );
}

/// A new folder.
fn new_folder(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path
}

/// Writes a file, over what was there: some file systems wait for the disk where a file is emptied first.
fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    let open = fs::File::options().write(true).create(true).truncate(false).open(path);
    let written = open.and_then(|mut file| {
        file.write_all(bytes)?;
        file.set_len(bytes.len() as u64)
    });
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
