//! Requests that are wrong, each with what it must be told.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat};

use crate::http::{Said, post, request};
use crate::random::Random;
use crate::right::{binary, lengths_first};
use crate::samples::Known;

/// A request that cannot be answered.
pub(crate) struct Wrong {
    what: &'static str,
    pub(crate) bytes: Vec<u8>,
    status: u16,
    /// The code of the problem; empty where only a text is told.
    code: &'static str,
    /// Whether the server may end the connection without a word, as it does to what is no HTTP.
    pub(crate) may_end: bool,
}

impl Wrong {
    /// All that there are.
    pub(crate) fn all(known: &Known) -> Vec<Self> {
        let mut all = bodies(known);
        all.extend(forms());
        all.extend(addresses(known));
        all.extend(no_http());
        all
    }

    /// Any of these.
    pub(crate) fn draw<'a>(all: &'a [Self], random: &mut Random) -> &'a Self {
        &all[random.below(all.len())]
    }

    fn new(what: &'static str, status: u16, code: &'static str, bytes: Vec<u8>) -> Self {
        Self { what, bytes, status, code, may_end: false }
    }

    /// Whether it was told what it must be.
    ///
    /// # Errors
    /// It was not, for a reason.
    pub(crate) fn check(&self, said: &Said) -> Result<(), String> {
        let told = || -> Result<bool, String> {
            Ok(self.code.is_empty() || said.json()?["error"]["code"].as_str() == Some(self.code))
        };
        if said.status == self.status && told()? {
            return Ok(());
        }
        Err(format!("{}: {} in place of {} {}", self.what, said.text(), self.status, self.code))
    }

    /// What it is, for people.
    pub(crate) fn what(&self) -> &'static str {
        self.what
    }
}

const PREDICT: &str = "/v1/predict";

/// Images that are none.
fn bodies(known: &Known) -> Vec<Wrong> {
    let half = |kind: &str| {
        let sample = known.samples.iter().find(|sample| sample.kind == kind).expect("one of each kind");
        sample.file[..sample.file.len() / 2].to_vec()
    };
    let image =
        |what, status, code, file: &[u8]| Wrong::new(what, status, code, post(PREDICT, "image/jpeg", file));
    vec![
        image("half a JPEG file", 422, "bad_image", &half("image/jpeg")),
        image("half a PNG file", 422, "bad_image", &half("image/png")),
        image("text", 415, "not_an_image", b"this is a text"),
        image("zeros", 415, "not_an_image", &[0; 100_000]),
        image("nothing", 400, "invalid_request", b""),
        image("a PNG file that claims 3.6 billion pixels", 413, "image_too_large", &boasting(60_000, 60_000)),
        Wrong::new("a bomb", 413, "image_too_large", post(PREDICT, "image/png", &bomb())),
        Wrong::new(
            "half a JPEG file among others",
            422,
            "",
            binary(
                "/v2/models/first/infer",
                "files",
                "BYTES",
                &[2],
                &lengths_first(&[&known.samples[0].file, &half("image/jpeg")]),
            ),
        ),
    ]
}

/// Bodies in forms that they have not.
fn forms() -> Vec<Wrong> {
    let multipart = |what, kind, body: &str| {
        Wrong::new(what, 400, "invalid_request", post(PREDICT, kind, body.as_bytes()))
    };
    let json = |what, body: &str| {
        Wrong::new(what, 400, "invalid_request", post(PREDICT, "application/json", body.as_bytes()))
    };
    let part = "--cut\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n";
    let cut = "multipart/form-data; boundary=cut";
    vec![
        multipart("multipart without a boundary", "multipart/form-data", part),
        multipart("multipart that never ends", cut, &format!("{part}abc")),
        multipart("multipart with another boundary", cut, &part.replace("cut", "other")),
        multipart("multipart without a part", cut, "--cut--\r\n"),
        multipart("multipart with endless headers", cut, &format!("--cut\r\n{}", "x: y\r\n".repeat(3000))),
        json("JSON that ends early", "{\"image\": \"aGFs"),
        json("JSON of another kind", "{\"picture\": \"aGFsbG8=\"}"),
        json("JSON without base64", "{\"image\": \"###\"}"),
        Wrong::new("a text", 415, "unknown_content_type", post(PREDICT, "text/plain", b"hello")),
        Wrong::new(
            "a compressed body",
            415,
            "compressed_body",
            request(&format!("POST {PREDICT}"), &[("Content-Encoding", "gzip")], b"\x1f\x8b"),
        ),
        Wrong::new(
            "a body that is too large",
            413,
            "body_too_large",
            format!("POST {PREDICT} HTTP/1.1\r\nHost: soak\r\nExpect: 100-continue\r\nContent-Length: 999999999\r\n\r\n")
                .into_bytes(),
        ),
        Wrong::new(
            "a tensor of another size",
            400,
            "",
            binary("/v2/models/first/infer", "images", "UINT8", &[1, 9, 9, 3], b"too few"),
        ),
        Wrong::new(
            "a tensor of another type",
            400,
            "",
            binary("/v2/models/first/infer", "images", "FP64", &[1, 1, 1, 3], &[0; 24]),
        ),
    ]
}

/// Addresses and questions that lead nowhere.
fn addresses(known: &Known) -> Vec<Wrong> {
    let file = &known.samples[0].file[..];
    let ask = |what, status, code, path: &str| Wrong::new(what, status, code, post(path, "image/png", file));
    let get = |what, status, code, path: &str| {
        Wrong::new(what, status, code, request(&format!("GET {path}"), &[], b""))
    };
    vec![
        ask("an unknown model", 404, "unknown_model", "/v1/predict?model=third"),
        ask("an unknown version", 404, "unknown_model", "/v1/predict?model=second&version=3"),
        ask("an unknown question", 400, "invalid_request", "/v1/predict?tops=3"),
        ask("no classes", 400, "invalid_request", "/v1/predict?top=0"),
        ask("an unknown model of the inference protocol", 404, "", "/v2/models/third/infer"),
        get("another method", 405, "method_not_allowed", PREDICT),
        get("a path out of it", 404, "not_found", "/../../../../etc/passwd"),
    ]
}

/// What is no HTTP, or too much of it.
fn no_http() -> Vec<Wrong> {
    let end = |what, status, bytes: Vec<u8>| Wrong { may_end: true, ..Wrong::new(what, status, "", bytes) };
    vec![
        end("noise", 400, b"\x16\x03\x01\x02\x00\x01\x00\xff\xfe\r\n\r\n".to_vec()),
        end(
            "headers without an end",
            431,
            format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 18)).into(),
        ),
        end("many headers", 431, format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(500)).into()),
    ]
}

fn png(picture: GrayImage) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    DynamicImage::from(picture).write_to(&mut file, ImageFormat::Png).expect("memory takes it");
    file.into_inner()
}

/// A PNG file that says how large it is, and has next to nothing.
fn boasting(width: u32, height: u32) -> Vec<u8> {
    let mut file = png(GrayImage::new(1, 1));
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    // The checksum of the header, which decoders look at.
    let crc = file[12..29].iter().fold(u32::MAX, |crc, byte| {
        let shifted = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| shifted(crc))
    });
    file[29..33].copy_from_slice(&(!crc).to_be_bytes());
    file
}

/// 67 million black pixels, more than a server takes unless told, in a few hundred kilobytes.
fn bomb() -> Vec<u8> {
    png(GrayImage::new(8200, 8200))
}
