//! Images at addresses, of those places that the server was told to fetch from and no others.

use axum::body::Bytes;
use url::Url;

use super::{App, Problem, Room};
use crate::ServeError;

/// Where images may be fetched from: addresses that others must begin with.
#[derive(Debug)]
pub(crate) struct Places(Vec<Url>);

impl Places {
    /// # Errors
    /// One is no address of a folder over HTTP.
    pub(crate) fn new(prefixes: &[String]) -> Result<Self, ServeError> {
        let place = |prefix: &String| {
            let plain = |url: &Url| is_plain(url) && url.query().is_none() && url.path().ends_with('/');
            let url = Url::parse(prefix).ok().filter(plain);
            let needed = "an address of HTTP or HTTPS that ends in /, such as https://example.org/images/";
            url.ok_or_else(|| ServeError::option("fetch", prefix, needed))
        };
        prefixes.iter().map(place).collect::<Result<_, _>>().map(Places)
    }

    /// The address, if it lies at one of the places: same scheme, host and port, and below the path once `..` is worked out.
    fn allow(&self, address: &str) -> Option<Url> {
        let url = Url::parse(address).ok().filter(is_plain)?;
        let below = |place: &Url| place.origin() == url.origin() && url.path().starts_with(place.path());
        self.0.iter().any(below).then_some(url)
    }
}

/// Whether it is of HTTP, without a name or a password in it.
fn is_plain(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
}

/// What lies at an address; it takes of `room` what it has.
///
/// # Errors
/// It lies at no place to fetch from, or cannot be had within the bounds of a body, or there is no room for it. Where it leads
/// elsewhere is not followed.
pub(super) async fn fetch(app: &App, address: &str, room: &mut Room) -> Result<Bytes, Problem> {
    let Some(url) = app.places.allow(address) else {
        return Err(Problem::new(
            403,
            "address_not_allowed",
            "the image is an address that this server does not fetch from",
        )
        .hint("send the image itself, as base64"));
    };
    let (timeout, most) = (app.options.body_timeout, app.options.max_body);
    // Before it is known how large it is.
    room.take(most)?;
    let fetched = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(timeout)).max_redirects(0).build().into();
        let mut response = agent.get(url.as_str()).call()?;
        if !response.status().is_success() {
            return Err(ureq::Error::StatusCode(response.status().as_u16()));
        }
        response.body_mut().with_config().limit(most as u64).read_to_vec()
    });
    let wrong =
        |why: String| Problem::new(422, "not_fetched", format!("the image could not be fetched: {why}"));
    let bytes = fetched.await.map_err(|_| wrong("a defect".to_owned()))?;
    let bytes = bytes.map_err(|error| wrong(error.to_string()))?;
    room.give(most.saturating_sub(bytes.len()));
    Ok(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::Places;

    #[test]
    fn only_what_lies_below_a_place_is_allowed() {
        let places =
            Places::new(&["https://example.org/images/".to_owned(), "http://10.0.0.1:8000/".to_owned()])
                .unwrap();
        for right in [
            "https://example.org/images/a.png",
            "https://EXAMPLE.org:443/images/a/b?x=1",
            "http://10.0.0.1:8000/x",
        ] {
            assert!(places.allow(right).is_some(), "{right}");
        }
        let wrong = [
            "http://example.org/images/a.png",
            "https://example.org:8443/images/a.png",
            "https://example.org/images",
            "https://example.org/images/../secret",
            "https://example.org/images/%2e%2e/secret",
            "https://example.org/images/..\\secret",
            "https://example.org.evil.org/images/a.png",
            "https://example.org@evil.org/images/a.png",
            "https://user@example.org/images/a.png",
            "https://evil.org/https://example.org/images/",
            "http://10.0.0.1/x",
            "file:///etc/passwd",
            "//example.org/images/a.png",
        ];
        for address in wrong {
            assert!(places.allow(address).is_none(), "{address}");
        }
        assert!(Places::new(&[]).unwrap().allow("https://example.org/").is_none());
    }

    #[test]
    fn places_are_folders() {
        for wrong in [
            "example.org",
            "https://example.org/images",
            "ftp://example.org/",
            "https://a@b/",
            "https://b/?x=/",
        ] {
            assert!(Places::new(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
