//! Clients whose answers have bounds.

use std::fmt;

use async_trait::async_trait;
use http_body_util::{BodyExt, Limited};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService, ReqwestConnector,
};

/// Most bytes of a list of objects, or of what a server says where it refuses.
const MOST_SAID: usize = 16 << 20;

/// Makes clients whose answers have bounds: object_store reads lists and what a server says of an error whole.
#[derive(Debug)]
pub(super) struct Bounded;

impl HttpConnector for Bounded {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        // One is there already if the program that uses this library has chosen one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(HttpClient::new(BoundedService(ReqwestConnector::default().connect(options)?)))
    }
}

struct BoundedService(HttpClient);

impl fmt::Debug for BoundedService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoundedService")
    }
}

#[async_trait]
impl HttpService for BoundedService {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let asked_for_part = request.headers().contains_key("range");
        let (parts, body) = self.0.execute(request).await?.into_parts();
        let body = match parts.status.as_u16() {
            // Parts of shards are counted by those who asked for them.
            206 if asked_for_part => body,
            _ => HttpResponseBody::new(Limited::new(body, MOST_SAID).map_err(|error| {
                let too_much = |error| HttpError::new_boxed(HttpErrorKind::Unknown, error);
                error.downcast().map_or_else(too_much, |error| *error)
            })),
        };
        Ok(HttpResponse::from_parts(parts, body))
    }
}
