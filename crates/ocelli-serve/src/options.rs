//! What is served, where, and within which bounds.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ocelli_data::Image;
use ocelli_model::Classifier;

use crate::ModelSource;

/// How to serve. What is not a bound on others is as [`ServeOptions::default`] says.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// What is served; the first is the one that is asked where a request names none.
    pub models: Vec<ModelSource>,
    /// Where to listen; port 0 takes a free one (default 127.0.0.1:8080).
    pub address: SocketAddr,
    /// Threads that decode images, and threads that run networks (default: one each for each core).
    pub threads: usize,
    /// Most images that go through a network together (default 32).
    pub max_batch: usize,
    /// Longest that an image waits for others that are being decoded; where none are, it does not wait (default 2 ms).
    pub max_delay: Duration,
    /// Most images of a model that wait or are worked on; more are answered 429 (default 128).
    pub queue: usize,
    /// Most requests for predictions at a time; more are answered 429 (default 256).
    pub concurrency: usize,
    /// Most connections; more wait until one is closed (default 1024).
    pub connections: usize,
    /// Longest from a request's last byte to its answer, which is 504 then (default 30 s).
    pub timeout: Duration,
    /// Longest that a connection may take for a request's headers, and be idle before them (default 30 s).
    pub header_timeout: Duration,
    /// Longest that a request's body may take, which is answered 408 then (default 30 s).
    pub body_timeout: Duration,
    /// Most bytes of a request's body; more are answered 413 (default 16 MiB).
    pub max_body: usize,
    /// Most bytes of bodies that are held at a time, of all requests together, at least three times [`max_body`](Self::max_body); requests
    /// that do not fit are answered 429. JSON counts thrice, as it is taken apart, and multipart twice (default 256 MiB).
    pub max_bodies: usize,
    /// Most pixels of an image, checked before it is decoded (default 64 Mi).
    pub max_pixels: u64,
    /// How often files of models, keys and certificates are looked at for changes; zero is never (default 2 s).
    pub reload: Duration,
    /// How long requests are still taken after a stop is asked for, while `/readyz` says 503, so that balancers look elsewhere
    /// (default 0).
    pub drain: Duration,
    /// Longest that requests which have begun may go on after that (default 30 s).
    pub grace: Duration,
    /// A file of SHA-256 hashes of the keys that may ask; none lets everyone (default none).
    pub keys: Option<PathBuf>,
    /// Certificates and key; none is HTTP without TLS (default none).
    pub tls: Option<TlsFiles>,
    /// Origins whose pages may ask, such as `https://example.org`, or `*` (default none).
    pub cors: Vec<String>,
    /// Addresses of HTTP that end in `/`: images below them are fetched where a request has an address in place of base64
    /// (default none).
    pub fetch: Vec<String>,
    /// Whether there is a page to try the models at `/` (default yes).
    pub page: bool,
    /// Whether each request is a line of JSON on standard error (default yes).
    pub log: bool,
    /// Draws heat maps for requests that ask for one; none refuses them (default none).
    pub heatmaps: Option<Heatmaps>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            models: Vec::new(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            threads: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            max_batch: 32,
            max_delay: Duration::from_millis(2),
            queue: 128,
            concurrency: 256,
            connections: 1024,
            timeout: seconds(30),
            header_timeout: seconds(30),
            body_timeout: seconds(30),
            max_body: 16 << 20,
            max_bodies: 256 << 20,
            max_pixels: 64 << 20,
            reload: seconds(2),
            drain: Duration::ZERO,
            grace: seconds(30),
            keys: None,
            tls: None,
            cors: Vec::new(),
            fetch: Vec::new(),
            page: true,
            log: true,
            heatmaps: None,
        }
    }
}

/// PEM files for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that it stands on.
    pub certificates: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Draws where a model saw what speaks for a class.
#[derive(Clone)]
pub struct Heatmaps(Arc<Draw>);

type Draw = dyn Fn(&Classifier, &Image, usize) -> Result<Vec<u8>, String> + Send + Sync;

impl Heatmaps {
    /// By a function of the classifier, an image as it was decoded, and the class, counted from 0; it gives a PNG file, or says
    /// why there is none.
    pub fn new(
        draw: impl Fn(&Classifier, &Image, usize) -> Result<Vec<u8>, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(draw))
    }

    pub(crate) fn draw(
        &self,
        classifier: &Classifier,
        image: &Image,
        class: usize,
    ) -> Result<Vec<u8>, String> {
        (self.0)(classifier, image, class)
    }
}

impl fmt::Debug for Heatmaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Heatmaps")
    }
}
