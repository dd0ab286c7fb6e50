//! Shards over HTTP, from a server on this machine that does as it is told.
#![cfg(feature = "remote")]

mod common;
#[path = "common/server.rs"]
mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::epoch;
use ocelli_data::check::{CheckOptions, check};
use ocelli_data::dataset::{Format, contract};
use ocelli_data::{
    CacheOptions, DataError, ErrorKind, Loader, LoaderOptions, MeasureOptions, OpenOptions, Source,
    SourceOptions, Transform, Undivided, measure, open_undivided,
};
use server::{Faults, Server};
use tempfile::TempDir;

const TRAIN: &str = "train-{000..001}.tar";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/archives").join(name)
}

/// A server with the shards of the fixtures, below `shards/`.
fn serve() -> Server {
    let server = Server::start();
    for name in ["train-000.tar", "train-001.tar", "val-000.tar"] {
        let bytes = std::fs::read(fixture("shards").join(name)).unwrap();
        server.put(&format!("shards/{name}"), bytes);
    }
    server
}

/// Options that keep nothing where other tests would find it.
fn options() -> (TempDir, OpenOptions) {
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions { indices: Some(folder.path().to_path_buf()), ..OpenOptions::default() };
    (folder, options)
}

fn try_open(address: &str) -> Result<Undivided, DataError> {
    let (_folder, options) = options();
    open_undivided(address, &options)
}

fn refused(address: &str) -> DataError {
    try_open(address).err().unwrap_or_else(|| panic!("{address} opens"))
}

#[test]
fn shards_over_http_are_what_they_are_here() {
    let server = serve();
    let here = open_undivided(fixture("shards"), &OpenOptions::default()).unwrap();
    let there = try_open(&server.url("shards/{train-{000..001},val-000}.tar")).unwrap();
    assert_eq!((there.format, there.names(), &there.classes), (Format::Shards, here.names(), &here.classes));
    assert!(there.problems.is_empty(), "{:?}", there.problems);
    assert_eq!(there.path, Path::new(&server.url("shards/{train-{000..001},val-000}.tar")));
    for split in ["train", "val"] {
        let (here, there) = (here.get(split).unwrap(), there.get(split).unwrap());
        contract::check(&*there);
        assert_eq!((there.extent(), there.stretches()), (here.extent(), here.stretches()));
        for number in 0..2 {
            assert_eq!(epoch(&there, 2, number), epoch(&here, 2, number), "{split}, epoch {number}");
        }
    }
    let train = there.get("train").unwrap();
    assert_eq!(train.name(7), server.url("shards/train-001.tar/0007"));
    assert!(train.key(0).is_some() && train.key(0) != train.key(1));
}

#[test]
fn classes_may_be_named_beside_the_shards() {
    let server = serve();
    server.put("shards/classes.txt", b"zebra\nant\n\ncat\n".to_vec());
    assert_eq!(try_open(&server.url(&format!("shards/{TRAIN}"))).unwrap().classes, ["zebra", "ant", "cat"]);
    server.put("shards/classes.txt", b"zebra".to_vec());
    assert_eq!(refused(&server.url(&format!("shards/{TRAIN}"))).kind(), ErrorKind::ClassMismatch);
    server.put("shards/classes.txt", vec![b'a'; 2 << 20]);
    assert_eq!(refused(&server.url(&format!("shards/{TRAIN}"))).kind(), ErrorKind::TooLarge);
}

#[test]
fn what_passes_is_tried_again() {
    let server = serve();
    let address = server.url(&format!("shards/{TRAIN}"));
    let right = epoch(&try_open(&address).unwrap().get("train").unwrap(), 2, 0);
    // While it is opened, and while it is read.
    server.set(Faults { statuses: vec![503, 500], ..Faults::default() });
    let train = try_open(&address).unwrap().get("train").unwrap();
    server.set(Faults { statuses: vec![503, 429], cut_bodies: 2, ..Faults::default() });
    assert_eq!(epoch(&train, 2, 0), right);
    // Without an ETag nobody but us goes on after a body that was cut.
    server.set(Faults { no_version: true, cut_bodies: 2, ..Faults::default() });
    let train = try_open(&address).unwrap().get("train").unwrap();
    assert_eq!(train.key(0), None, "nothing tells when it changes");
    server.set(Faults { no_version: true, cut_bodies: 1, ..Faults::default() });
    assert_eq!(epoch(&train, 2, 0), right);
}

#[test]
fn what_does_not_pass_is_told_with_what_mends_it() {
    let server = serve();
    let address = server.url(&format!("shards/{TRAIN}"));
    let told = |faults: Faults, address: &str, kind: ErrorKind, reasons: &[&str]| {
        server.set(faults);
        let error = refused(address);
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{text}");
        assert!(text.starts_with(address.split('{').next().unwrap()), "{text}");
        assert!(reasons.iter().all(|reason| text.contains(reason)), "{reasons:?} in {text}");
        assert!(text.len() < 700, "{text}");
    };
    let none = Faults::default;
    told(
        none(),
        &server.url("shards/none.tar"),
        ErrorKind::NotFound,
        &["is not there (the server answers 404"],
    );
    let status = |status: u16| Faults { statuses: vec![status; 40], ..none() };
    let said = "403 Forbidden, SomeCode: Some message";
    told(
        status(403),
        &address,
        ErrorKind::Unavailable,
        &["may not be read", said, "https://name:password@host"],
    );
    told(status(503), &address, ErrorKind::Unavailable, &["the server answers 503"]);
    let whole = Faults { no_ranges: true, ..none() };
    told(whole, &address, ErrorKind::Unavailable, &["whole files only", "`python -m http.server`", "nginx"]);
    server.set(Faults { endless_refusals: true, ..status(403) });
    let error = refused(&address).to_string();
    assert!(error.contains("length limit exceeded"), "not read to its end, which it has not: {error}");
    told(Faults { too_long: true, ..none() }, &address, ErrorKind::Unavailable, &["more than the 512 bytes"]);
    server.put("shards/empty.tar", Vec::new());
    told(none(), &server.url("shards/empty.tar"), ErrorKind::EmptyFile, &["is empty (0 bytes)"]);
    told(
        none(),
        "http://127.0.0.1:1/a.tar",
        ErrorKind::Unavailable,
        &["could not be reached", "HTTPS_PROXY"],
    );
    told(none(), "http://a b/", ErrorKind::Invalid, &["is no address"]);
    told(none(), "s3:///a.tar", ErrorKind::Invalid, &["the name of a bucket"]);
    let named = "train-{0000..0009}.tar";
    told(none(), &server.url("shards/"), ErrorKind::UnknownFormat, &["has no tar files", named]);
    told(status(405), &server.url("shards/"), ErrorKind::Unavailable, &["cannot be listed", named]);
    let endless = Faults { endless_refusals: true, ..status(206) };
    told(endless.clone(), &server.url("shards/"), ErrorKind::Unavailable, &["length limit exceeded", named]);
    told(endless, &address, ErrorKind::Unavailable, &["Content-Range", "copy the files here"]);
}

#[test]
fn a_server_may_point_elsewhere() {
    let (server, other) = (Server::start(), serve());
    let pointing_to = |place: String| Faults { elsewhere: Some(place), ..Faults::default() };
    server.set(pointing_to(format!("http://{}", other.host())));
    let found = try_open(&format!("http://me:secret@{}/shards/{TRAIN}", server.host())).unwrap();
    let train = found.get("train").unwrap();
    assert_eq!((train.len(), &*train.name(0)), (12, &*server.url("shards/train-000.tar/0000")));
    let signed = |server: &Server| {
        let requests = server.take_requests();
        assert!(!requests.is_empty());
        let signs = |header: &String| header.starts_with("authorization:");
        requests.iter().filter(|request| request.headers.iter().any(signs)).count()
    };
    assert!(
        signed(&server) > 0 && signed(&other) == 0,
        "names and passwords are for the server that is named"
    );
    for place in [format!("http://{}", server.host()), "file:///etc".to_owned()] {
        server.set(pointing_to(place));
        let error = refused(&server.url("shards/train-000.tar"));
        let (kind, text) = (error.kind(), error.to_string());
        assert!(text.starts_with(&server.url("shards/train-000.tar")), "{text}");
        assert!(
            kind == ErrorKind::Unavailable && text.contains("points elsewhere, which leads nowhere"),
            "{text}"
        );
    }
}

#[test]
fn files_are_not_longer_than_they_are() {
    let server = serve();
    let address = server.url("shards/train-000.tar");
    // Half of what the server says is not there: it says so first, and sends nothing then.
    server.set(Faults { length: Some(1 << 50), ..Faults::default() });
    let error = refused(&address);
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    // A shard that ends too early keeps what is whole.
    let whole = std::fs::read(fixture("shards/train-000.tar")).unwrap();
    server.set(Faults::default());
    server.put("shards/train-000.tar", whole[..4096 + 100].to_vec());
    let found = try_open(&address).unwrap();
    assert_eq!(found.get("train").unwrap().len(), 2);
    assert!(found.problems.iter().any(|problem| problem.to_string().contains("within the header")));
    server.put("shards/train-000.tar", vec![7; 10_000]);
    let problem = try_open(&address).unwrap().problems.remove(0);
    assert!(
        problem.kind() == ErrorKind::Corrupt && problem.to_string().contains("is no tar file"),
        "{problem}"
    );
}

#[test]
fn shards_that_change_while_they_are_read_end_the_reading() {
    let server = serve();
    let (folder, options) = options();
    let found = open_undivided(server.url(&format!("shards/{TRAIN}")), &options).unwrap();
    // What is known of its samples is known from the last time: nothing is in memory yet.
    let again = || open_undivided(server.url(&format!("shards/{TRAIN}")), &options).unwrap();
    let train = again().get("train").unwrap();
    server.change();
    let transforms = [Transform::resize((6, 6))];
    let source = Arc::new(Source::new(Arc::clone(&train), &transforms, &SourceOptions::default()).unwrap());
    let mut loader = Loader::new(Arc::clone(&source), &transforms, &LoaderOptions::default()).unwrap();
    let error = loader.epoch(0).find_map(Result::err).expect("no batch can be made");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("has changed since it was opened"), "{error}");
    assert!(measure(&source, &MeasureOptions::default()).is_err());
    assert!(check(&found, &CheckOptions::default(), &|_| ()).is_ok(), "what is in memory has not changed");
    // Opened again, it is another data set, which is looked through again.
    let changed = again().get("train").unwrap();
    assert_ne!(changed.key(0), train.key(0));
    assert_eq!(epoch(&changed, 2, 0).0.len(), 12);
    drop(folder);
}

#[test]
fn a_server_that_goes_away_ends_the_reading_and_may_come_back() {
    let server = serve();
    let (_folder, options) = options();
    let address = server.url(&format!("shards/{TRAIN}"));
    open_undivided(&address, &options).unwrap();
    let found = open_undivided(&address, &options).unwrap();
    let transforms = [Transform::resize((6, 6))];
    let source = Source::new(found.get("train").unwrap(), &transforms, &SourceOptions::default()).unwrap();
    let mut loader = Loader::new(Arc::new(source), &transforms, &LoaderOptions::default()).unwrap();
    server.set(Faults { statuses: vec![403; 100], ..Faults::default() });
    let error = loader.epoch(0).find_map(Result::err).expect("no batch can be made");
    assert!(
        error.kind() == ErrorKind::Unavailable && error.to_string().contains("may not be read"),
        "{error}"
    );
    let checked = check(&found, &CheckOptions::default(), &|_| ());
    assert_eq!(checked.err().map(|error| error.kind()), Some(ErrorKind::Unavailable));
    server.set(Faults::default());
    let images: usize = loader.epoch(0).map(|batch| batch.unwrap().len()).sum();
    assert_eq!(images, 12, "nothing was held against the samples");
    assert!(loader.take_problems().is_empty());
}

#[test]
fn shards_are_looked_through_once() {
    let server = serve();
    let (folder, options) = options();
    let address = server.url(&format!("shards/{TRAIN}"));
    let open = || {
        let found = open_undivided(&address, &options).unwrap();
        let requests = server.take_requests();
        (
            found.get("train").unwrap().len(),
            requests.iter().filter_map(|request| request.range.clone()).collect::<Vec<_>>(),
        )
    };
    let (samples, first) = open();
    assert!(samples == 12 && first.iter().any(|range| range.end > 512), "{first:?}");
    assert_eq!(open(), (12, vec![0..512, 0..512]), "only whether they are what they were");
    server.change();
    assert!(open().1.len() > 2);
    // What is damaged counts as not there.
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).unwrap();
    }
    let (samples, again) = open();
    assert!(samples == 12 && again.len() > 2);
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        2,
        "a file for each shard, and nothing left behind"
    );
}

#[test]
fn what_is_cached_is_not_asked_for() {
    let server = serve();
    let folder = tempfile::tempdir().unwrap();
    let found = try_open(&server.url(&format!("shards/{TRAIN}"))).unwrap();
    let transforms = [Transform::resize((6, 6)), Transform::random_horizontal_flip(0.5)];
    let run = || {
        let source = Source::new(
            found.get("train").unwrap(),
            &transforms,
            &SourceOptions { cache_bytes: 0, ..SourceOptions::default() },
        );
        let source = source.unwrap().with_cache(&CacheOptions::new(folder.path())).unwrap();
        let mut loader = Loader::new(Arc::new(source), &transforms, &LoaderOptions::default()).unwrap();
        loader.epoch(0).map(|batch| batch.unwrap().images().to_vec()).collect::<Vec<_>>()
    };
    let first = run();
    server.take_requests();
    server.set(Faults { statuses: vec![403; 100], ..Faults::default() });
    assert_eq!(run(), first);
    assert!(server.take_requests().is_empty());
}

/// A tar file of BMP images of 64×64 pixels, so many, each of its number's shade, with labels.
fn tar(images: u32) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: String, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, bytes).unwrap();
    };
    for number in 0..images {
        let picture = image::RgbImage::from_pixel(64, 64, image::Rgb([number as u8, (number >> 8) as u8, 1]));
        let bytes = common::encoded(&picture.into(), image::ImageFormat::Bmp);
        add(format!("{number:06}.bmp"), &bytes);
        add(format!("{number:06}.cls"), (number % 3).to_string().as_bytes());
    }
    builder.into_inner().unwrap()
}

#[test]
fn epochs_are_read_in_long_parts() {
    let server = Server::start();
    let bytes = tar(1500);
    let blocks = bytes.len().div_ceil(4 << 20);
    server.put("a/train-0.tar", bytes.clone());
    server.put("a/train-1.tar", bytes);
    let (_folder, options) = options();
    let open = || open_undivided(server.url("a/train-{0..1}.tar"), &options).unwrap().get("train").unwrap();
    open();
    let parts = |server: &Server| {
        server.take_requests().into_iter().filter_map(|request| request.range).collect::<Vec<_>>()
    };
    let first = parts(&server);
    assert!(first.len() <= 2 * (blocks + 2), "{first:?}");
    for (shuffle, shuffle_bytes) in [(true, 2 << 20), (true, 128 << 20), (false, 4 << 20)] {
        let train = open();
        parts(&server);
        let transforms = [Transform::resize((8, 8))];
        let source =
            Source::new(train, &transforms, &SourceOptions { cache_bytes: 0, ..SourceOptions::default() })
                .unwrap();
        let options = LoaderOptions { shuffle, shuffle_bytes, ..LoaderOptions::default() };
        let mut loader = Loader::new(Arc::new(source), &transforms, &options).unwrap();
        let images: usize = loader.epoch(0).map(|batch| batch.unwrap().len()).sum();
        let asked = parts(&server);
        assert_eq!((images, asked.len()), (3000, 2 * blocks), "each block once: {asked:?}");
    }
    // Single samples out of order are read alone.
    let train = open();
    parts(&server);
    for index in [700, 20, 2900] {
        train.load(index).unwrap();
    }
    let lengths: Vec<u64> = parts(&server).into_iter().map(|range| range.end - range.start).collect();
    assert_eq!(lengths, [12_342; 3]);
}

#[test]
fn names_passwords_and_signatures_are_used_and_not_shown() {
    let server = serve();
    server.set(Faults { needed: Some("authorization: Basic bWU6czpjQHI=".to_owned()), ..Faults::default() });
    let with = |what: &str| format!("http://{what}{}/shards/{TRAIN}", server.host());
    let found = try_open(&with("me:s%3Ac%40r@")).unwrap();
    assert!(!found.path.to_string_lossy().contains("me"), "{:?}", found.path);
    let error = refused(&with("me:wrong-secret@")).to_string();
    assert!(error.contains("may not be read") && !error.contains("wrong-secret"), "{error}");

    server.set(Faults::default());
    server.take_requests();
    let signed = server.url("shards/train-000.tar?X-Signature=secret&b=1");
    let found = try_open(&signed).unwrap();
    assert_eq!(found.get("train").unwrap().name(0), server.url("shards/train-000.tar?…/0000"));
    let requests = server.take_requests();
    assert!(
        !requests.is_empty()
            && requests.iter().all(|request| request.path.ends_with("?X-Signature=secret&b=1"))
    );
    assert!(requests.iter().all(|request| request.method == "GET"), "a signature is for one method");
    for faults in [
        Faults { statuses: vec![403], ..Faults::default() },
        Faults { statuses: vec![500; 9], ..Faults::default() },
        Faults { no_ranges: true, ..Faults::default() },
        Faults { too_long: true, ..Faults::default() },
    ] {
        server.set(faults);
        let error = refused(&signed).to_string();
        assert!(!error.contains("secret") && error.contains("train-000.tar?…"), "{error}");
    }
}
