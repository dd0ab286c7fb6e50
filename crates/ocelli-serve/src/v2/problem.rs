//! What is wrong, in the protocol's form: `{"error": "…"}`.

use axum::response::{IntoResponse, Response};

use crate::http::Problem;

/// A [`Problem`] as a text.
#[derive(Debug)]
pub(super) struct Plain(Problem);

impl<P: Into<Problem>> From<P> for Plain {
    fn from(problem: P) -> Self {
        Self(problem.into())
    }
}

impl IntoResponse for Plain {
    fn into_response(self) -> Response {
        self.0.at("/v2")
    }
}
