//! What answers say about their use.

use axum::extract::Request;
use axum::http::Method;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::ServeError;

/// What most answers may load: nothing.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// What pages may load: their own files, and images that they have already.
pub(crate) const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src \
                                      'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("permissions-policy"), "camera=(self), microphone=(), geolocation=()"),
];

/// Says it of an answer that has not said something else.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Lets pages of these origins ask; none where there are none.
///
/// # Errors
/// One is no origin.
pub(crate) fn cors(origins: &[String]) -> Result<Option<CorsLayer>, ServeError> {
    if origins.is_empty() {
        return Ok(None);
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        let origins: Result<Vec<HeaderValue>, ServeError> =
            origins.iter().map(|origin| one(origin)).collect();
        AllowOrigin::list(origins?)
    };
    let headers = [header::CONTENT_TYPE, header::AUTHORIZATION, HeaderName::from_static("x-api-key")];
    Ok(Some(
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(headers),
    ))
}

fn one(origin: &str) -> Result<HeaderValue, ServeError> {
    let host = origin.strip_prefix("https://").or(origin.strip_prefix("http://"));
    let plain = host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']));
    let wrong =
        || ServeError::option("cors", origin, "an origin without a path, such as https://example.org, or *");
    if plain { HeaderValue::from_str(origin).map_err(|_| wrong()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::cors;

    #[test]
    fn origins_have_no_path() {
        for right in ["https://example.org", "http://localhost:3000", "*"] {
            assert!(cors(&[right.to_owned()]).unwrap().is_some(), "{right}");
        }
        for wrong in ["example.org", "https://example.org/", "https://", "null", "https://a\nb"] {
            assert!(cors(&[wrong.to_owned()]).is_err(), "{wrong:?}");
        }
        assert!(cors(&[]).unwrap().is_none());
    }
}
