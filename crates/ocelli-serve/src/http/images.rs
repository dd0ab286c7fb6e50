//! The images in a body: the body itself, parts of it, or base64 in JSON.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::fetch::fetch;
use super::{App, Problem, Room};
use crate::engine::Picture;

/// What every answer about a body's form ends in.
const FORMS: &str = "send an image file as the body (Content-Type: image/jpeg, for one), as a part of multipart/form-data, or as \
                     base64 in JSON: {\"image\": \"…\"}";
/// Longest name of an image that is told again.
const LONGEST_NAME: usize = 200;

/// An image file that was sent.
#[derive(Debug)]
pub(super) struct Sent {
    /// What the client calls it.
    pub(super) name: Option<String>,
    bytes: Bytes,
}

impl Sent {
    fn new(name: Option<String>, bytes: Bytes) -> Self {
        let name = name.map(|name| name.chars().take(LONGEST_NAME).collect());
        Self { name, bytes }
    }

    pub(super) fn picture(&self) -> Picture {
        let name = self.name.clone().unwrap_or_else(|| "the image".to_owned());
        Picture::File { bytes: self.bytes.clone(), name }
    }
}

/// What JSON may say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    image: Option<String>,
    #[serde(default)]
    images: Vec<String>,
}

/// The images of a body, at least one, by what its headers say that it is. What they take beside the body is taken of `room`.
pub(super) async fn images(
    app: &App,
    headers: &HeaderMap,
    body: Bytes,
    room: &mut Room,
) -> Result<Vec<Sent>, Problem> {
    let kind = headers.get(CONTENT_TYPE).map_or("", |kind| kind.to_str().unwrap_or("?"));
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let sent = match essence.as_str() {
        "multipart/form-data" => {
            room.take(body.len())?;
            parts(headers, body).await?
        }
        "application/json" => {
            // Its texts, and what they stand for.
            room.take(2 * body.len())?;
            document(app, &body, room).await?
        }
        // curl --data-binary says that files are forms.
        "" | "application/octet-stream" | "application/x-www-form-urlencoded" => alone(body),
        image if image.starts_with("image/") => alone(body),
        other => {
            let problem =
                Problem::new(415, "unknown_content_type", format!("the body is said to be {other}"));
            return Err(problem.hint(FORMS));
        }
    };
    if sent.is_empty() {
        return Err(Problem::invalid("the request has no image").hint(FORMS));
    }
    Ok(sent)
}

fn alone(body: Bytes) -> Vec<Sent> {
    if body.is_empty() { Vec::new() } else { vec![Sent::new(None, body)] }
}

async fn parts(headers: &HeaderMap, body: Bytes) -> Result<Vec<Sent>, Problem> {
    let wrong = |said: String| {
        Problem::invalid(said)
            .hint("most clients write multipart/form-data by themselves: curl -F image=@photo.jpg")
    };
    let mut request = Request::new(Body::from(body));
    *request.headers_mut() = headers.clone();
    let mut multipart =
        Multipart::from_request(request, &()).await.map_err(|rejection| wrong(rejection.body_text()))?;
    let mut sent = Vec::new();
    while let Some(field) = multipart.next_field().await.map_err(|error| wrong(error.body_text()))? {
        let name = field.file_name().or(field.name()).map(str::to_owned);
        let bytes = field.bytes().await.map_err(|error| wrong(error.body_text()))?;
        sent.push(Sent::new(name, bytes));
    }
    Ok(sent)
}

async fn document(app: &App, body: &[u8], room: &mut Room) -> Result<Vec<Sent>, Problem> {
    let mut sent = Vec::new();
    for text in texts(body)? {
        let is_address = text.starts_with("http://") || text.starts_with("https://");
        sent.push(if is_address {
            Sent::new(Some(text.clone()), fetch(app, &text, room).await?)
        } else {
            Sent::new(None, decoded(&text)?)
        });
    }
    Ok(sent)
}

/// What JSON has of images.
fn texts(body: &[u8]) -> Result<Vec<String>, Problem> {
    let document: Document = serde_json::from_slice(body)
        .map_err(|error| Problem::invalid(format!("the JSON cannot be used: {error}")).hint(FORMS))?;
    Ok(document.image.into_iter().chain(document.images).collect())
}

/// The bytes of a text in base64, or of a `data:` address.
fn decoded(text: &str) -> Result<Bytes, Problem> {
    let base64 = match text.strip_prefix("data:") {
        Some(rest) => rest.split_once(";base64,").map_or(rest, |(_, base64)| base64),
        None => text,
    };
    let bytes = STANDARD.decode(base64.trim_ascii());
    bytes.map(Bytes::from).map_err(|error| {
        Problem::invalid(format!("an image is no base64: {error}"))
            .hint("use the standard alphabet with + and /, and = at the end")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_with_or_without_a_prefix() {
        for text in ["aGFsbG8=", "data:image/png;base64,aGFsbG8=", " aGFsbG8=\n"] {
            assert_eq!(decoded(text).unwrap(), "hallo", "{text}");
        }
        for text in ["aGFs bG8=", "aGFsbG8", "data:aGFsbG8"] {
            assert!(decoded(text).is_err(), "{text}");
        }
    }

    #[test]
    fn json_has_one_image_or_several() {
        assert_eq!(texts(br#"{"images": ["aGFsbG8=", "aGFsbG8="]}"#).unwrap().len(), 2);
        assert_eq!(texts(br#"{"image": "aGFsbG8="}"#).unwrap().len(), 1);
        let text = texts(br#"{"picture": "aGFsbG8="}"#).unwrap_err().text();
        assert!(text.contains("unknown field `picture`"), "{text}");
    }
}
