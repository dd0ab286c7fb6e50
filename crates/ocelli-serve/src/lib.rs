//! Classifiers over HTTP.
//!
//! ```no_run
//! use ocelli_serve::{ServeOptions, Server};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let models = vec!["cats=runs/cats/model.safetensors".parse()?];
//! let server = Server::start(ServeOptions { models, ..ServeOptions::default() })?;
//! println!("{}", server.url());
//! server.run_until_signal()?;
//! # Ok(())
//! # }
//! ```
//!
//! A request goes through `security/` (who asks, and what answers may be used for), then `http/` (`/v1/predict` and what looks after a
//! server) or `v2/` (the Open Inference Protocol), which make pictures of its body; `engine/` decodes them on threads of their own,
//! puts together those that come at the same time, runs the network over them and gives probabilities. `page/` is what people see in
//! a browser: the page to try models, and the list of routes.

mod engine;
mod error;
mod http;
mod log;
mod metrics;
mod options;
mod page;
mod security;
mod server;
mod source;
mod v2;
mod watched;

pub use error::ServeError;
pub use options::{Heatmaps, ServeOptions, TlsFiles};
pub use server::Server;
pub use source::ModelSource;

/// The document's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/serving.md")]
struct Serving;
