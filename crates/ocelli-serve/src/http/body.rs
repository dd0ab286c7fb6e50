//! A request's body, within its bounds.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::{App, Problem};

/// How long a body is read on that nobody wants.
const MOMENT: Duration = Duration::from_secs(1);

/// Reads a body whole.
///
/// # Errors
/// It is larger than it may be, takes longer, or ends early.
pub(crate) async fn read(app: &App, headers: &HeaderMap, mut body: Body) -> Result<Bytes, Problem> {
    let most = app.options.max_body;
    let said = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if said.is_none_or(|length| length <= most) {
        let whole = Limited::new(&mut body, most).collect();
        match tokio::time::timeout(app.options.body_timeout, whole).await {
            Ok(Ok(body)) => return Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {}
            Ok(Err(_)) => return Err(Problem::invalid("the body ended before it was whole").closing()),
            Err(_) => return Err(too_slow(app.options.body_timeout)),
        }
    }
    linger(headers, body, most).await;
    Err(Problem::new(413, "body_too_large", format!("the body is larger than {most} bytes"))
        .hint("send a smaller image, or have the server started with a larger --max-body")
        .closing())
}

/// Reads a body that nobody wants for a moment, so that a client that is still sending it gets to see the answer and not a broken
/// connection.
pub(crate) async fn linger(headers: &HeaderMap, mut body: Body, most: usize) {
    // Who waits for a word before sending gets the answer instead.
    if headers.contains_key(EXPECT) {
        return;
    }
    let discard = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > most {
                break;
            }
        }
    };
    // Whoever is still sending then has had their moment.
    let _ = tokio::time::timeout(MOMENT, discard).await;
}

fn too_slow(bound: Duration) -> Problem {
    let seconds = bound.as_secs_f64();
    Problem::new(408, "slow_body", format!("the body was not whole after {seconds} seconds")).closing()
}

/// Refuses compressed bodies.
pub(crate) fn plain_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => {
            let said = encoding.to_str().unwrap_or("unknown");
            Err(Problem::new(415, "compressed_body", format!("the body has the content encoding {said}"))
                .hint("send it as it is: image files are compressed already"))
        }
        _ => Ok(()),
    }
}
