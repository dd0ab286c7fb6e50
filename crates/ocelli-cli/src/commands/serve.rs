//! `ocelli serve`: models over HTTP.

use crate::args::ServeArgs;
use crate::failure::Failure;
use ocelli::data::{Image, printable};
use ocelli::model::{Classifier, ModelError};
use ocelli::report::{Explainer, ReportError, picture};
use ocelli_serve::{Heatmaps, ModelSource, ServeError, ServeOptions, Server, TlsFiles};
use std::io::{self, Write};
use std::net::SocketAddr;

pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    let models: Result<Vec<ModelSource>, ServeError> = args.models.iter().map(|text| text.parse()).collect();
    let models = models.map_err(Failure::usage)?;
    small_pages();
    let server = Server::start(options(args, models.clone())).map_err(told)?;
    say(args, &models, &server)?;
    server.run_until_signal()?;
    Ok(())
}

/// Has memory in small pages alone. The allocator asks for huge ones, of which each of a server's threads would have some that are
/// mostly empty: of a small network they were half of all memory.
fn small_pages() {
    // Where the kernel will not have it, more memory is taken, and nothing else is different.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

fn options(args: &ServeArgs, models: Vec<ModelSource>) -> ServeOptions {
    let tls = args.tls_cert.clone().zip(args.tls_key.clone());
    ServeOptions {
        models,
        address: SocketAddr::new(args.host, args.port),
        threads: super::threads(args.threads),
        max_batch: args.max_batch,
        max_delay: args.max_delay,
        queue: args.queue,
        concurrency: args.concurrency,
        connections: args.connections,
        timeout: args.timeout,
        header_timeout: args.read_timeout,
        body_timeout: args.read_timeout,
        max_body: args.max_body << 20,
        max_bodies: args.max_bodies.unwrap_or_else(|| 256.max(3 * args.max_body)) << 20,
        max_pixels: args.max_megapixels * 1_000_000,
        reload: args.reload,
        drain: args.drain,
        keys: args.keys.clone(),
        tls: tls.map(|(certificates, key)| TlsFiles { certificates, key }),
        cors: args.cors.clone(),
        fetch: args.fetch.clone(),
        page: !args.no_page,
        log: !args.quiet,
        heatmaps: Some(Heatmaps::new(|classifier, image, class| {
            heatmap(classifier, image, class).map_err(|error| error.to_string())
        })),
        ..ServeOptions::default()
    }
}

/// Grad-CAM over the image as the network sees it, as a PNG file.
fn heatmap(classifier: &Classifier, image: &Image, class: usize) -> Result<Vec<u8>, ReportError> {
    let explainer = Explainer::new(classifier);
    let seen = explainer.see(image.view())?;
    let maps = explainer.feature_maps(&seen, explainer.grad_cam_layer()?)?;
    let heat = explainer.grad_cam(&maps, class)?;
    Ok(picture::png(&picture::overlay(seen.picture(), &heat)))
}

/// What was asked for cannot be, or it failed.
fn told(error: ServeError) -> Failure {
    match &error {
        ServeError::Model { source: ModelError::Io { source, .. }, .. }
            if source.kind() == io::ErrorKind::NotFound =>
        {
            Failure::usage(error).hint("`ocelli train` writes models: runs/<date>-<name>/model.safetensors")
        }
        ServeError::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
            Failure::failed(error)
                .hint("another program has this port: give another with --port, or 0 for any")
        }
        ServeError::Source { .. } | ServeError::Option { .. } | ServeError::File { .. } => {
            Failure::usage(error)
        }
        _ => Failure::failed(error),
    }
}

fn say(args: &ServeArgs, models: &[ModelSource], server: &Server) -> io::Result<()> {
    let url = server.url();
    let mut out = io::stdout().lock();
    for ModelSource { name, version, path } in models {
        writeln!(out, "serving   {name}, version {version}: {}", printable(&path.to_string_lossy()))?;
    }
    writeln!(out, "ready     {url}")?;
    if !args.no_page {
        writeln!(out, "page      {url}/")?;
    }
    writeln!(out, "api       {url}/docs")?;
    let key = if args.keys.is_some() { "-H 'X-API-Key: …' " } else { "" };
    writeln!(out, "try       curl {key}--data-binary @photo.jpg {url}/v1/predict")?;
    out.flush()
}
