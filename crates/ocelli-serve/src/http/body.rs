//! A request's body, within its bounds, and within those of all bodies together.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{App, Problem};

/// How long a body is read on that nobody wants.
const MOMENT: Duration = Duration::from_secs(1);
/// Most memory that is set aside for a body because of what its headers say.
const SET_ASIDE: usize = 1 << 20;

/// The room that a request's bytes take among those of all requests, one permit a byte. It is free again when this is dropped.
pub(crate) struct Room(OwnedSemaphorePermit);

impl Room {
    /// Room for nothing yet.
    fn new(all: &Arc<Semaphore>) -> Result<Self, Problem> {
        all.clone().try_acquire_many_owned(0).map(Self).map_err(|_| Self::full())
    }

    /// Takes more of it.
    ///
    /// # Errors
    /// There is not as much now.
    pub(crate) fn take(&mut self, mut bytes: usize) -> Result<(), Problem> {
        let all = self.0.semaphore().clone();
        while bytes > 0 {
            // As many at a time as a semaphore gives.
            let some = u32::try_from(bytes).unwrap_or(u32::MAX);
            self.0.merge(all.clone().try_acquire_many_owned(some).map_err(|_| Self::full())?);
            bytes -= some as usize;
        }
        Ok(())
    }

    /// Gives some back.
    pub(crate) fn give(&mut self, bytes: usize) {
        drop(self.0.split(bytes));
    }

    fn full() -> Problem {
        Problem::new(429, "busy", "the bodies of other requests take all the memory that bodies may")
            .hint("try again after the seconds of Retry-After")
            .later()
    }
}

/// Why a body was not read whole.
enum Unread {
    TooLarge,
    Ended,
    NoRoom(Problem),
}

/// Reads a body whole. The room that it takes is the request's for as long as it is worked on.
///
/// # Errors
/// It is larger than it may be, takes longer, or ends early, or there is no room for it.
pub(crate) async fn read(app: &App, headers: &HeaderMap, mut body: Body) -> Result<(Bytes, Room), Problem> {
    let most = app.options.max_body;
    let said = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let mut problem = Problem::new(413, "body_too_large", format!("the body is larger than {most} bytes"))
        .hint("send a smaller image, or have the server started with a larger --max-body");
    if said.is_none_or(|length| length <= most) {
        let whole = collect(app, &mut body, said.unwrap_or(0));
        match tokio::time::timeout(app.options.body_timeout, whole).await {
            Ok(Ok(whole)) => return Ok(whole),
            Ok(Err(Unread::TooLarge)) => {}
            Ok(Err(Unread::NoRoom(full))) => problem = full,
            Ok(Err(Unread::Ended)) => {
                return Err(Problem::invalid("the body ended before it was whole").closing());
            }
            Err(_) => return Err(too_slow(app.options.body_timeout)),
        }
    }
    linger(headers, body, most).await;
    Err(problem.closing())
}

/// A body's pieces as one; `said` is how long it says that it is.
async fn collect(app: &App, body: &mut Body, said: usize) -> Result<(Bytes, Room), Unread> {
    let mut room = Room::new(&app.room).map_err(Unread::NoRoom)?;
    let (mut first, mut whole, mut length) = (Bytes::new(), Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Unread::Ended)?;
        // What is no data are trailers, which nobody asked for.
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > app.options.max_body {
            return Err(Unread::TooLarge);
        }
        // As it comes, not as it is said to be: a client that only says much takes nothing from others.
        room.take(data.len()).map_err(Unread::NoRoom)?;
        if first.is_empty() {
            first = data;
            continue;
        }
        if whole.is_empty() {
            whole.reserve(said.clamp(length, SET_ASIDE.max(length)));
            whole.extend_from_slice(&first);
        }
        whole.extend_from_slice(&data);
    }
    Ok((if whole.is_empty() { first } else { Bytes::from(whole) }, room))
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
