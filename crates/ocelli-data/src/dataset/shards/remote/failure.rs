//! What goes wrong on the way, in words: which address, what was found, what may mend it. Never with a signature or a password.

use std::error::Error as StdError;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use crate::{DataError, ErrorKind};

/// Most characters of what a server says that are told.
const MOST_TOLD: usize = 200;
/// What mends what a server does wrong.
pub(super) const ELSEWISE: &str = "try again later, or copy the files here";
/// Before the status that a server answers with.
const ANSWERS: &str = "the server answers";

/// What was asked for, for its errors.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The address as it may be shown.
    pub(super) name: &'a str,
    /// Whether it is S3 and the request was not signed.
    pub(super) is_anonymous_s3: bool,
}

/// How often is tried what failed because a server is away or overloaded, and what broke off half-way. The store's own tries come
/// on top.
const TRIES_AWAY: u32 = 8;
const TRIES_BROKEN: u32 = 4;

/// Why a request failed, and how often it is worth trying.
pub(super) struct Failed {
    pub(super) error: DataError,
    pub(super) tries: u32,
}

impl Failed {
    pub(super) fn for_good(kind: ErrorKind, name: &str, reason: impl Into<String>) -> Self {
        Self { error: DataError::about(kind, name, reason), tries: 1 }
    }

    pub(super) fn half_way(name: &str, reason: impl Into<String>) -> Self {
        Self { error: DataError::about(ErrorKind::Unavailable, name, reason), tries: TRIES_BROKEN }
    }

    /// What a store says of it.
    pub(super) fn of(error: &Error, asked: Asked<'_>) -> Self {
        let said = said(error);
        let (kind, reason) = match (error, status(&said)) {
            (Error::NotFound { .. }, _) | (_, Some(404)) => {
                (ErrorKind::NotFound, format!("is not there ({said}): check the address"))
            }
            (_, Some(401 | 403)) => {
                (ErrorKind::Unavailable, format!("may not be read ({said}): {}", access(asked)))
            }
            (_, Some(300..=399)) => (ErrorKind::Unavailable, nowhere(&said)),
            _ if find::<reqwest::Error>(error).is_some_and(reqwest::Error::is_redirect) => {
                (ErrorKind::Unavailable, nowhere(&said))
            }
            (_, Some(416)) => (ErrorKind::EmptyFile, "is empty (0 bytes)".to_owned()),
            (Error::NotSupported { .. }, _) => (ErrorKind::Unavailable, no_ranges()),
            _ if said.contains("non-partial response") => (ErrorKind::Unavailable, no_ranges()),
            _ if asked.name.starts_with("s3:") && said.contains("redirect without LOCATION") => (
                ErrorKind::Unavailable,
                "is in another region: AWS_REGION must name the one that the bucket is in".to_owned(),
            ),
            _ => return Self::on_the_way(error, asked.name, &said),
        };
        Self::for_good(kind, asked.name, reason)
    }

    /// Failures of the network, and answers that make no sense.
    fn on_the_way(error: &Error, name: &str, said: &str) -> Self {
        let failed = |tries: u32, reason: String| Self {
            tries,
            ..Self::for_good(ErrorKind::Unavailable, name, reason)
        };
        let Some(http) = find::<HttpError>(error) else {
            // The tries that the store makes by itself are over by now: a server's errors may still pass.
            let may_pass = matches!(status(said), Some(429 | 500..));
            return match may_pass {
                true => failed(TRIES_AWAY, format!("could not be read: {said}; try again later")),
                false => {
                    failed(1, format!("could not be read: {said}; check the address, or copy the files here"))
                }
            };
        };
        match http.kind() {
            HttpErrorKind::Connect => failed(
                TRIES_AWAY,
                format!(
                    "its server could not be reached: {said}; check the address, the network and HTTPS_PROXY"
                ),
            ),
            HttpErrorKind::Timeout => failed(
                TRIES_AWAY,
                format!("its server took too long: {said}; try again later, or with a nearer copy"),
            ),
            _ => failed(TRIES_BROKEN, format!("reading it broke off: {said}; {ELSEWISE}")),
        }
    }
}

fn access(asked: Asked<'_>) -> &'static str {
    match (asked.is_anonymous_s3, asked.name.starts_with("s3:")) {
        (true, _) => {
            "it was asked for without credentials, as no AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY is set; \
             `aws configure export-credentials --format env` prints those of a profile"
        }
        (false, true) => {
            "the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN) must allow it, and not be expired"
        }
        (false, false) => {
            "a signature in the address may be expired, or a name and password be needed: https://name:password@host/…"
        }
    }
}

fn nowhere(said: &str) -> String {
    format!(
        "its server points elsewhere, which leads nowhere ({said}): find where the file is, and name that"
    )
}

fn no_ranges() -> String {
    "its server sends whole files only, and parts of it are needed (requests with `Range`): `python -m http.server` is one that \
     cannot, nginx, Caddy, S3 and `python -m RangeHTTPServer` (pip install rangehttpserver) are some that can; or copy the files here"
        .to_owned()
}

/// The first error of a type among the causes.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    causes(error).find_map(|error| error.downcast_ref::<T>())
}

/// An error and what caused it, from the outside in.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The status in what is said of an answer.
fn status(said: &str) -> Option<u16> {
    let rest = said.strip_prefix(ANSWERS)?.trim_start();
    rest.split([' ', ',']).next()?.parse().ok()
}

/// What the innermost cause says, on one short line. Those around it repeat it with the whole address, which may hold a signature.
fn said(error: &Error) -> String {
    let text = causes(error).last().map(ToString::to_string).unwrap_or_default();
    let Some(answer) = text.strip_prefix("Server returned non-2xx status code: ") else {
        return shortened(&text);
    };
    let (status, body) = answer.split_once(": ").unwrap_or((answer, ""));
    // Of a page, only its heading would be of use; S3 says in two elements what is wrong.
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
    };
    match (element("Code"), element("Message")) {
        (Some(code), Some(message)) => shortened(&format!("{ANSWERS} {status}, {code}: {message}")),
        _ => shortened(&format!("{ANSWERS} {status}")),
    }
}

fn shortened(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_TOLD).collect();
    if line.contains("://") { "the reason names an address and is not shown".to_owned() } else { line }
}
