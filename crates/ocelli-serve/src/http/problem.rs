//! What is answered when something is wrong.

use std::any::Any;

use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::engine::{Failure, Unknown};
use ocelli_data::ErrorKind;

/// An answer that says what was found, what was needed, and how to mend it. As JSON: `{"error": {"code", "message", "hint"}}`.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    /// For programs; it stays the same.
    code: &'static str,
    /// For people.
    message: String,
    hint: Option<String>,
    /// Whether the same request may be answered in a second.
    later: bool,
    /// Whether the rest of the request is not waited for.
    closes: bool,
}

impl Problem {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code, message: message.into(), hint: None, later: false, closes: false }
    }

    /// The same with what would mend it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same, to be tried again in a second.
    pub(crate) fn later(self) -> Self {
        Self { later: true, ..self }
    }

    /// The same, with which the connection ends.
    pub(crate) fn closing(self) -> Self {
        Self { closes: true, ..self }
    }

    /// Something that a request has wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request", message)
    }

    /// What people are told, as one text.
    pub(crate) fn text(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}; {hint}", self.message),
            None => self.message.clone(),
        }
    }

    /// What is sent, but for the envelope.
    pub(crate) fn json(&self) -> serde_json::Value {
        let mut value = json!({ "code": self.code, "message": self.message });
        if let Some(hint) = &self.hint {
            value["hint"] = json!(hint);
        }
        value
    }

    /// As an answer in the form that an address has: the Open Inference Protocol's is `{"error": "…"}`.
    pub(crate) fn at(&self, path: &str) -> Response {
        let inference = path == "/v2" || path.starts_with("/v2/");
        self.with_body(if inference {
            json!({ "error": self.text() })
        } else {
            json!({ "error": self.json() })
        })
    }

    /// As an answer with a body.
    fn with_body(&self, body: serde_json::Value) -> Response {
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.later {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.closes {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.at("/")
    }
}

impl From<Unknown> for Problem {
    fn from(unknown: Unknown) -> Self {
        Self::new(404, "unknown_model", unknown.to_string()).hint("GET /v1/models lists the models")
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let said = failure.to_string();
        match &failure {
            Failure::Picture(problem) => match problem.kind() {
                ErrorKind::TooLarge => Self::new(413, "image_too_large", said)
                    .hint("send a smaller image: networks see a few hundred pixels at a side"),
                ErrorKind::NotAnImage | ErrorKind::Unsupported | ErrorKind::EmptyFile => {
                    Self::new(415, "not_an_image", said).hint("send PNG, JPEG, WebP, BMP, GIF or TIFF")
                }
                _ => Self::new(422, "bad_image", said),
            },
            Failure::TooMany { queue, .. } => Self::new(413, "too_many_images", said).hint(format!(
                "send at most {queue} at a time, or have the server started with a longer --queue"
            )),
            Failure::Busy => {
                Self::new(429, "busy", said).hint("try again after the seconds of Retry-After").later()
            }
            Failure::Lost => Self::new(500, "internal", said).hint("the server's log may say more"),
        }
    }
}

/// What a panic is answered with.
pub(super) fn of_panic(_: Box<dyn Any + Send>) -> Response {
    Problem::new(500, "internal", "the request met a defect of the server")
        .hint("its log says where")
        .into_response()
}
