//! What the tests of the server share: a model, images, and questions over a real socket.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{Cursor, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use image::{ImageFormat, Rgb, RgbImage};
use ocelli_data::Transform;
use ocelli_model::Classifier;
use ocelli_nn::{Shape, zoo};
use ocelli_serve::{ModelSource, ServeOptions, Server};
use serde_json::{Value, json};

pub(crate) const CLASSES: [&str; 3] = ["ant", "bee", "cat"];

/// A classifier with weights by `seed`.
pub(crate) fn classifier(seed: u64) -> Classifier {
    let network = zoo::build("lesson", Shape::map(3, 32, 32), CLASSES.len()).expect("a network of the zoo");
    let weights = network.init(seed);
    let resize: Transform =
        serde_json::from_value(json!({ "type": "Resize", "size": [32, 32] })).expect("a transform");
    let classes = CLASSES.map(str::to_owned).to_vec();
    Classifier::new(network, weights, vec![resize], classes).expect("parts that fit")
}

/// Writes a model's file.
pub(crate) fn model(folder: &Path, name: &str, seed: u64) -> PathBuf {
    let path = folder.join(format!("{name}.safetensors"));
    classifier(seed).save(&path).expect("a file that can be written");
    path
}

/// A picture that differs with `seed`.
pub(crate) fn picture(width: u32, height: u32, seed: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let mixed = (x * 7 + y * 13 + seed * 31).wrapping_mul(2_654_435_761);
        Rgb([(mixed >> 24) as u8, (x * 5 + seed) as u8, (y * 3) as u8])
    })
}

/// It as a PNG file.
pub(crate) fn png(picture: &RgbImage) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png).expect("memory takes it");
    file.into_inner()
}

/// Options for one model, on a free port.
pub(crate) fn options(models: &[&Path]) -> ServeOptions {
    let source = |path: &&Path| path.to_str().expect("UTF-8").parse::<ModelSource>().expect("a source");
    ServeOptions {
        models: models.iter().map(source).collect(),
        address: "127.0.0.1:0".parse().expect("an address"),
        threads: 2,
        log: false,
        ..ServeOptions::default()
    }
}

/// A server with one model, called "first", and the folder where it lies.
pub(crate) fn served(change: impl FnOnce(&mut ServeOptions)) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut options = options(&[&model(folder.path(), "first", 1)]);
    change(&mut options);
    (Server::start(options).expect("a server"), folder)
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Said {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of a problem.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// A client that takes every status as an answer.
pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn said(mut response: ureq::http::Response<ureq::Body>) -> Said {
    let text = |value: &ureq::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    Said {
        status: response.status().as_u16(),
        headers: response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: response.body_mut().read_to_vec().expect("a body"),
    }
}

pub(crate) fn get(server: &Server, path: &str) -> Said {
    said(agent().get(format!("{}{path}", server.url())).call().expect("an answer"))
}

pub(crate) fn get_with(server: &Server, path: &str, header: (&str, &str)) -> Said {
    said(agent().get(format!("{}{path}", server.url())).header(header.0, header.1).call().expect("an answer"))
}

pub(crate) fn post(server: &Server, path: &str, kind: &str, body: &[u8]) -> Said {
    post_to(&format!("{}{path}", server.url()), kind, body)
}

pub(crate) fn post_to(url: &str, kind: &str, body: &[u8]) -> Said {
    said(agent().post(url).content_type(kind).send(body).expect("an answer"))
}

/// Sends bytes as they are; gives the [`rest`].
pub(crate) fn raw(address: SocketAddr, bytes: &[u8]) -> (String, bool) {
    let mut stream = connected(address);
    // A server that has heard enough may have closed already.
    let _ = stream.write_all(bytes);
    rest(&mut stream)
}

pub(crate) fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time");
    stream
}

/// All that comes, and whether the connection ended within ten seconds.
pub(crate) fn rest(stream: &mut TcpStream) -> (String, bool) {
    let mut bytes = Vec::new();
    let ended = match stream.read_to_end(&mut bytes) {
        Ok(_) => true,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    };
    (String::from_utf8_lossy(&bytes).into_owned(), ended)
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
