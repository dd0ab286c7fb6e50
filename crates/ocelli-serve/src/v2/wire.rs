//! Requests and answers as they are sent.

use std::fmt;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::http::{HeaderValue, Response};
use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::http::Problem;

/// How many of the first bytes are JSON, where binary data follows.
const JSON_LENGTH: &str = "inference-header-content-length";

/// What a request asks. What the protocol has beyond it is passed over, as it demands.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) parameters: Parameters,
    pub(super) inputs: Vec<Input>,
    #[serde(default)]
    pub(super) outputs: Vec<Output>,
}

/// An input.
#[derive(Debug, Deserialize)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) datatype: String,
    #[serde(default)]
    pub(super) parameters: Parameters,
    pub(super) data: Option<Numbers>,
}

/// Numbers, taken out of arrays in arrays: as many bytes as they have digits, which values of JSON would not be.
#[derive(Debug, PartialEq)]
pub(super) struct Numbers(pub(super) Vec<f32>);

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut numbers = Vec::new();
        Flatten(&mut numbers).deserialize(deserializer)?;
        Ok(Numbers(numbers))
    }
}

/// Appends what it reads.
struct Flatten<'a>(&'a mut Vec<f32>);

impl<'de> DeserializeSeed<'de> for Flatten<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Flatten<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers, or arrays of them (files go as binary data)")
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.0.push(number as f32);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.0.push(number as f32);
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.0.push(number as f32);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while array.next_element_seed(Flatten(self.0))?.is_some() {}
        Ok(())
    }
}

/// An output that is wanted.
#[derive(Debug, Deserialize)]
pub(super) struct Output {
    pub(super) name: String,
    #[serde(default)]
    pub(super) parameters: Parameters,
}

/// What may be said of a request, an input or an output.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Parameters {
    /// Of an input: how many bytes of binary data it has.
    pub(super) binary_data_size: Option<usize>,
    /// Of an output: whether it is wanted as binary data.
    pub(super) binary_data: Option<bool>,
    /// Of a request: whether outputs that do not say are.
    #[serde(default)]
    pub(super) binary_data_output: bool,
}

/// How many of a body's bytes are JSON: all of them unless a header says so.
pub(super) fn json_length(headers: &HeaderMap, body: &Bytes) -> Result<usize, Problem> {
    let Some(length) = headers.get(JSON_LENGTH) else { return Ok(body.len()) };
    let length = length.to_str().ok().and_then(|length| length.parse().ok());
    length.filter(|length| *length <= body.len()).ok_or_else(|| {
        Problem::invalid("Inference-Header-Content-Length is no number of bytes that the body has")
    })
}

/// A request, of so many bytes of JSON, and the binary data behind it.
pub(super) fn request(body: &Bytes, json: usize) -> Result<(Asked, Bytes), Problem> {
    let asked = serde_json::from_slice(&body[..json])
        .map_err(|error| Problem::invalid(format!("the JSON cannot be used: {error}")))?;
    Ok((asked, body.slice(json..)))
}

/// A tensor that is answered with.
pub(super) struct Tensor {
    pub(super) name: &'static str,
    pub(super) datatype: &'static str,
    pub(super) shape: Vec<usize>,
    pub(super) data: Data,
}

/// A tensor's elements.
pub(super) enum Data {
    Floats(Vec<f32>),
    Texts(Vec<String>),
}

impl Data {
    fn json(&self) -> Value {
        match self {
            Data::Floats(values) => json!(values),
            Data::Texts(texts) => json!(texts),
        }
    }

    /// Appends the elements as bytes, the lowest first; texts behind their lengths.
    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Data::Floats(values) => values.iter().for_each(|value| bytes.extend(value.to_le_bytes())),
            Data::Texts(texts) => {
                for text in texts {
                    bytes.extend((text.len() as u32).to_le_bytes());
                    bytes.extend(text.as_bytes());
                }
            }
        }
    }
}

/// An answer: `head` with the tensors as its outputs, each with whether it goes as binary data.
pub(super) fn answer(mut head: Value, tensors: &[(Tensor, bool)]) -> Response<Body> {
    let mut binary = Vec::new();
    let describe = |(tensor, as_binary): &(Tensor, bool)| {
        let mut output = json!({ "name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape });
        if *as_binary {
            let before = binary.len();
            tensor.data.write(&mut binary);
            output["parameters"] = json!({ "binary_data_size": binary.len() - before });
        } else {
            output["data"] = tensor.data.json();
        }
        output
    };
    head["outputs"] = tensors.iter().map(describe).collect();
    let mut body = head.to_string().into_bytes();
    let length = body.len();
    let plain = binary.is_empty();
    body.append(&mut binary);
    let mut response = Response::new(Body::from(body));
    let kind = if plain { "application/json" } else { "application/octet-stream" };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if !plain {
        response.headers_mut().insert(JSON_LENGTH, HeaderValue::from(length));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_within_arrays_are_one() {
        let numbers: Numbers = serde_json::from_str("[[1, 2.5], [[-3]], 4]").unwrap();
        assert_eq!(numbers, Numbers(vec![1.0, 2.5, -3.0, 4.0]));
        for wrong in ["[[1, true]]", r#"["a"]"#, &format!("{}1{}", "[".repeat(500), "]".repeat(500))] {
            assert!(serde_json::from_str::<Numbers>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_header_says_where_the_json_ends() {
        let body = Bytes::from_static(b"{\"inputs\": []}abc");
        let mut headers = HeaderMap::new();
        assert_eq!(json_length(&headers, &body).unwrap(), body.len());
        headers.insert(JSON_LENGTH, HeaderValue::from_static("14"));
        assert_eq!(request(&body, json_length(&headers, &body).unwrap()).unwrap().1, "abc");
        for wrong in ["18", "-1", "x", "99999999999999999999"] {
            headers.insert(JSON_LENGTH, HeaderValue::from_static(wrong));
            assert!(json_length(&headers, &body).is_err(), "{wrong}");
        }
    }
}
