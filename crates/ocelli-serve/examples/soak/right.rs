//! Requests that are right, in every form, and whether their answers are those of the library.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::http::{Said, post, request};
use crate::random::Random;
use crate::samples::{Content, Known};

/// Classes that are asked for: all there are, or more.
const TOP: usize = 9;
/// What a damaged file among others is: bytes that are no image.
const NO_IMAGE: &[u8] = b"no image at all";
/// Forms that a request can have.
const FORMS: usize = 7;

/// Which model is asked, and so what may answer.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    name: Option<&'static str>,
    version: Option<u64>,
}

impl Asked {
    fn draw(random: &mut Random) -> Self {
        let (name, version) = [
            (None, None),
            (Some("first"), None),
            (Some("first"), Some(1)),
            (Some("second"), None),
            (Some("second"), Some(1)),
            (Some("second"), Some(2)),
        ][random.below(6)];
        Self { name, version }
    }

    /// What may answer, where `first` holds one of these.
    fn may<'a>(self, known: &'a Known, first: &[usize]) -> Vec<&'a Content> {
        match (self.name, self.version) {
            (Some("second"), Some(1)) => vec![&known.second[0]],
            (Some("second"), _) => vec![&known.second[1]],
            _ => first.iter().map(|held| &known.first[*held]).collect(),
        }
    }

    /// The name and the version that the answer must have.
    fn names(self) -> (&'static str, u64) {
        match self.name {
            Some("second") => ("second", self.version.unwrap_or(2)),
            _ => ("first", 1),
        }
    }

    fn v1(self) -> String {
        let mut path = format!("/v1/predict?top={TOP}");
        if let Some(name) = self.name {
            path += &format!("&model={name}");
        }
        if let Some(version) = self.version {
            path += &format!("&version={version}");
        }
        path
    }

    fn v2(self) -> String {
        let (name, version) = (self.name.unwrap_or("first"), self.version);
        let version = version.map_or(String::new(), |version| format!("/versions/{version}"));
        format!("/v2/models/{name}{version}/infer")
    }
}

/// A request, and what its answer must be.
pub(crate) struct Right {
    pub(crate) bytes: Vec<u8>,
    asked: Asked,
    form: usize,
    /// Samples by their places; a place without one is no image.
    samples: Vec<Option<usize>>,
}

impl Right {
    /// One of any form, for any model, with any samples.
    pub(crate) fn draw(known: &Known, random: &mut Random) -> Self {
        let (asked, form) = (Asked::draw(random), random.below(FORMS));
        let count = if matches!(form, 1 | 2 | 4) { 1 + random.below(4) } else { 1 };
        let mut samples: Vec<Option<usize>> =
            (0..count).map(|_| Some(random.below(known.samples.len()))).collect();
        // The others of a request are answered all the same.
        if form == 1 && count > 1 && random.below(4) == 0 {
            samples[random.below(count)] = None;
        }
        let file = |sample: &Option<usize>| sample.map_or(NO_IMAGE, |sample| &known.samples[sample].file[..]);
        let files: Vec<&[u8]> = samples.iter().map(file).collect();
        let first = &known.samples[samples[0].unwrap_or(0)];
        let bytes = match form {
            0 => post(&asked.v1(), first.kind, files[0]),
            1 => post(&asked.v1(), "multipart/form-data; boundary=cut-here", &multipart(&files)),
            2 => {
                let images: Vec<String> = files.iter().map(|file| STANDARD.encode(file)).collect();
                post(&asked.v1(), "application/json", json!({ "images": images }).to_string().as_bytes())
            }
            3 => chunked(&asked.v1(), files[0]),
            4 => v2(asked, "files", "BYTES", &[files.len()], &lengths_first(&files)),
            5 => {
                let image = &first.image;
                v2(asked, "images", "UINT8", &[1, image.height(), image.width(), 3], image.pixels())
            }
            _ => {
                let image = &first.image;
                let input = json!({ "name": "images", "shape": [1, image.height(), image.width(), 3],
                                    "datatype": "UINT8", "data": image.pixels() });
                post(&asked.v2(), "application/json", json!({ "inputs": [input] }).to_string().as_bytes())
            }
        };
        Self { bytes, asked, form, samples }
    }

    /// Whether it is answered as the library would, by one of what `first` may have held.
    ///
    /// # Errors
    /// It is not, for a reason.
    pub(crate) fn check(&self, said: &Said, known: &Known, first: &[usize]) -> Result<(), String> {
        let wrong = |why: String| format!("form {}: {why}: {}", self.form, said.text());
        if said.status != 200 {
            return Err(wrong("a right request was refused".to_owned()));
        }
        let may = self.asked.may(known, first);
        let by_one =
            |content: &&Content| if self.form < 4 { self.v1(said, content) } else { self.v2(said, content) };
        let mut reasons = Vec::new();
        for content in &may {
            match by_one(content) {
                Ok(()) => return Ok(()),
                Err(why) => reasons.push(format!("not of {}, as {why}", content.classes()[0])),
            }
        }
        Err(wrong(reasons.join("; ")))
    }

    fn v1(&self, said: &Said, content: &Content) -> Result<(), String> {
        let answer = said.json()?;
        let (name, version) = self.asked.names();
        same("the model", &answer["model"], &json!(name))?;
        same("the version", &answer["version"], &json!(version))?;
        let entries = answer["predictions"].as_array().ok_or("there are no predictions")?;
        same("entries", &json!(entries.len()), &json!(self.samples.len()))?;
        for (entry, sample) in entries.iter().zip(&self.samples) {
            match sample {
                Some(sample) => top(entry, content, *sample)?,
                None => same("the code", &entry["error"]["code"], &json!("not_an_image"))?,
            }
        }
        Ok(())
    }

    fn v2(&self, said: &Said, content: &Content) -> Result<(), String> {
        let (answer, probabilities) = outputs(said)?;
        let (name, version) = self.asked.names();
        same("the model", &answer["model_name"], &json!(name))?;
        same("the version", &answer["model_version"], &json!(version.to_string()))?;
        let expected = self.samples.iter().flatten().flat_map(|sample| content.of(*sample));
        let expected: Vec<u32> = expected.map(|value| value.to_bits()).collect();
        let found: Vec<u32> = probabilities.iter().map(|value| value.to_bits()).collect();
        if found == expected { Ok(()) } else { Err(format!("probabilities are {probabilities:?}")) }
    }
}

fn same(what: &str, found: &Value, expected: &Value) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found} in place of {expected}")) }
}

/// All classes with the library's probabilities to the bit, the likeliest first.
fn top(entry: &Value, content: &Content, sample: usize) -> Result<(), String> {
    let mut expected: Vec<(&String, f32)> =
        content.classes().iter().zip(content.of(sample).iter().copied()).collect();
    expected.sort_by(|a, b| b.1.total_cmp(&a.1));
    let top = entry["top"].as_array().ok_or("an entry has no classes")?;
    same("classes", &json!(top.len()), &json!(expected.len()))?;
    for (found, (label, probability)) in top.iter().zip(expected) {
        let value = found["probability"].as_f64().map(|value| value as f32);
        if found["label"] != json!(label) || value.map(f32::to_bits) != Some(probability.to_bits()) {
            return Err(format!("{found} in place of {label} with {probability}"));
        }
    }
    Ok(())
}

/// The JSON of an answer of the inference protocol, and its probabilities, wherever they are.
fn outputs(said: &Said) -> Result<(Value, Vec<f32>), String> {
    let length = said.header("inference-header-content-length").map(str::parse::<usize>);
    let length = length.transpose().map_err(|error| error.to_string())?.unwrap_or(said.body.len());
    let (json, binary) = said.body.split_at_checked(length).ok_or("the header has a wrong length")?;
    let answer: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let output = &answer["outputs"][0];
    let values = match (output["data"].as_array(), output["parameters"]["binary_data_size"].as_u64()) {
        (Some(values), _) => values.iter().map(|value| value.as_f64().unwrap_or(f64::NAN) as f32).collect(),
        (None, Some(size)) => {
            let floats = binary.get(..size as usize).ok_or("binary data is missing")?;
            floats.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
        }
        (None, None) => return Err("there are no probabilities".to_owned()),
    };
    Ok((answer, values))
}

fn multipart(files: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let head = format!(
            "--cut-here\r\nContent-Disposition: form-data; name=\"image\"; filename=\"{index}\"\r\n\r\n"
        );
        body.extend([head.as_bytes(), file, b"\r\n"].concat());
    }
    body.extend(b"--cut-here--\r\n");
    body
}

/// A body in pieces, without a length.
fn chunked(path: &str, file: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("POST {path} HTTP/1.1\r\nHost: soak\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
    for piece in file.chunks(997) {
        bytes.extend([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// Texts as the inference protocol has them.
pub(crate) fn lengths_first(files: &[&[u8]]) -> Vec<u8> {
    files.iter().flat_map(|file| [&(file.len() as u32).to_le_bytes()[..], file].concat()).collect()
}

/// A request of the inference protocol with binary data.
fn v2(asked: Asked, input: &str, datatype: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    binary(&asked.v2(), input, datatype, shape, data)
}

/// The same for any address.
pub(crate) fn binary(path: &str, input: &str, datatype: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let head = json!({
        "inputs": [{ "name": input, "shape": shape, "datatype": datatype,
                     "parameters": { "binary_data_size": data.len() } }],
        "parameters": { "binary_data_output": true },
    });
    let head = head.to_string();
    let length = head.len().to_string();
    let headers =
        [("Content-Type", "application/octet-stream"), ("Inference-Header-Content-Length", length.as_str())];
    request(&format!("POST {path}"), &headers, &[head.as_bytes(), data].concat())
}
