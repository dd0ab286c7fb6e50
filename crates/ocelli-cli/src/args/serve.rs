//! The options of `ocelli serve`.

use super::{threads, within};
use clap::Args;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Trained models (model.safetensors), or the folders of runs. A name and a version may stand before each: cats=FILE, cats@2=FILE; the
    /// first is asked where a request names none, and of a name the highest version.
    #[arg(value_name = "MODEL", required = true)]
    pub(crate) models: Vec<String>,
    /// The address to listen on; 0.0.0.0 is all that this machine has.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, value_name = "N", default_value_t = 8080)]
    pub(crate) port: u16,
    /// Threads that decode, and that run networks [default: one each for each core].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
    /// Most images that go through a network together.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = batch)]
    pub(crate) max_batch: usize,
    /// Milliseconds that an image waits for others that are being decoded, at most.
    #[arg(long, value_name = "MS", default_value = "2", value_parser = milliseconds)]
    pub(crate) max_delay: Duration,
    /// Most images of a model that wait or are worked on; more are answered 429.
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = many)]
    pub(crate) queue: usize,
    /// Most requests for predictions at a time; more are answered 429.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = many)]
    pub(crate) concurrency: usize,
    /// Most connections; more wait.
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = many)]
    pub(crate) connections: usize,
    /// Seconds that an answer may take.
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Seconds that a request's headers may take, and then its body, each.
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    pub(crate) read_timeout: Duration,
    /// Mebibytes of a request's body.
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = mebibytes)]
    pub(crate) max_body: usize,
    /// Mebibytes of the bodies of all requests that are worked on, at least three times --max-body; more are answered 429 [default: 256, or
    /// three times --max-body if that is more].
    #[arg(long, value_name = "MIB", value_parser = many)]
    pub(crate) max_bodies: Option<usize>,
    /// Millions of pixels of an image.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) max_megapixels: u64,
    /// Seconds between looks at the files of models, keys and certificates, which are read again when they have changed; 0 never looks.
    #[arg(long, value_name = "S", default_value = "2", value_parser = seconds)]
    pub(crate) reload: Duration,
    /// Seconds that requests are still taken after a signal to stop, while /readyz says 503.
    #[arg(long, value_name = "S", default_value = "0", value_parser = seconds)]
    pub(crate) drain: Duration,
    /// A file of SHA-256 hashes of API keys, one a line; only who has a key may ask.
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    /// Certificates for HTTPS, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Their private key, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// An origin whose pages may ask, https://example.org, or * for all. May be given many times.
    #[arg(long, value_name = "ORIGIN", action = clap::ArgAction::Append)]
    pub(crate) cors: Vec<String>,
    /// An address that ends in /: images below it are fetched where a request has their address in place of base64. May be given many times.
    #[arg(long, value_name = "ADDRESS", action = clap::ArgAction::Append)]
    pub(crate) fetch: Vec<String>,
    /// Have no page to try the models at /.
    #[arg(long)]
    pub(crate) no_page: bool,
    /// Write no line for each request.
    #[arg(long)]
    pub(crate) quiet: bool,
}

fn batch(text: &str) -> Result<usize, String> {
    within(text, 1, 4096)
}

fn many(text: &str) -> Result<usize, String> {
    within(text, 1, 1_000_000)
}

fn mebibytes(text: &str) -> Result<usize, String> {
    within(text, 1, 4096)
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    Ok(time(text, 60_000.0)? / 1000)
}

fn seconds(text: &str) -> Result<Duration, String> {
    time(text, 86_400.0)
}

/// So many seconds, 0 to `most`.
fn time(text: &str, most: f64) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.0..=most).contains(&number) => Ok(Duration::from_secs_f64(number)),
        _ => Err(format!("must be a number from 0 to {most}")),
    }
}
