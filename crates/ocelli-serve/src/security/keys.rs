//! API keys: who may ask. Only their SHA-256 hashes are kept.

use std::path::Path;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use subtle::{Choice, ConstantTimeEq};

use crate::ServeError;
use crate::http::{App, Problem, refuse};

/// The hashes of the keys that may ask.
#[derive(Debug)]
pub(crate) struct Keys(Vec<[u8; SHA256_OUTPUT_LEN]>);

impl Keys {
    /// Reads a file with the SHA-256 of a key in each line, in hexadecimal, and anything after it, as `sha256sum` writes it. Empty lines and
    /// those that begin with `#` are passed over.
    ///
    /// # Errors
    /// The file cannot be read, a line is none such, or there is no key, which would shut everyone out.
    pub(crate) fn read(path: &Path) -> Result<Self, ServeError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ServeError::file(path, format!("the keys cannot be read: {error}")))?;
        Self::parse(&text).map_err(|reason| ServeError::file(path, reason))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let lines =
            text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let hash = |(number, line): (usize, &str)| {
            let word = line.split_whitespace().next().unwrap_or_default();
            // What the line has is not told: it may be a key that should not be there.
            bytes(word).ok_or_else(|| {
                let number = number + 1;
                format!("line {number} does not begin with a SHA-256 of 64 hexadecimal digits: write printf %s \"$KEY\" | sha256sum")
            })
        };
        let hashes: Vec<_> = lines.map(hash).collect::<Result<_, _>>()?;
        if hashes.is_empty() { Err("has no key: nobody could ask".to_owned()) } else { Ok(Self(hashes)) }
    }

    /// Whether a key is one of these, in a time that does not tell how near it is.
    fn has(&self, key: &[u8]) -> bool {
        let hash = digest(&SHA256, key);
        let found =
            self.0.iter().fold(Choice::from(0), |found, known| found | known[..].ct_eq(hash.as_ref()));
        found.into()
    }
}

fn bytes(digits: &str) -> Option<[u8; SHA256_OUTPUT_LEN]> {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    if digits.len() != 2 * bytes.len() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(bytes)
}

/// Lets those pass who have a key, where keys are asked for.
pub(crate) async fn authorised(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Some(keys) = &app.keys else { return next.run(request).await };
    let problem = match key(request.headers()) {
        Some(key) if keys.get().has(key) => return next.run(request).await,
        Some(_) => Problem::new(401, "wrong_key", "the API key is not known"),
        None => Problem::new(401, "no_key", "an API key is needed"),
    };
    let problem = problem.hint("send it as Authorization: Bearer KEY, or as X-API-Key: KEY");
    refuse(&app, request, problem).await
}

fn key(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(key) = headers.get("x-api-key") {
        return Some(key.as_bytes());
    }
    let (scheme, key) = headers.get(AUTHORIZATION)?.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf %s secret | sha256sum`
    const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b  -";

    #[test]
    fn keys_are_known_by_their_hashes() {
        let keys = Keys::parse(&format!("# the first\n\n{SECRET}\n{} other\n", "0".repeat(64))).unwrap();
        assert!(keys.has(b"secret"));
        assert!(!keys.has(b"secret ") && !keys.has(b"") && !keys.has(SECRET.as_bytes()));
    }

    #[test]
    fn what_is_no_hash_is_not_told() {
        for text in ["", "# none", "secret", &SECRET[1..], &format!("é{}", &SECRET[2..])] {
            let reason = Keys::parse(text).unwrap_err();
            assert!(!reason.contains("secret"), "{reason}");
        }
    }

    #[test]
    fn keys_come_in_either_header() {
        let with = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            key(&headers).map(<[u8]>::to_vec)
        };
        assert_eq!(with("authorization", "Bearer abc").unwrap(), b"abc");
        assert_eq!(with("authorization", "bearer  abc").unwrap(), b"abc");
        assert_eq!(with("x-api-key", "abc").unwrap(), b"abc");
        assert_eq!(with("authorization", "Basic abc"), None);
        assert_eq!(with("authorization", "Bear"), None);
    }
}
