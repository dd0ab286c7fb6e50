//! `ocelli export --format web`: a folder for browsers.

use super::verdict::Verdict;
use super::{asked, data, verdict, written};
use crate::args::export::ExportArgs;
use crate::commands::bar::Bar;
use crate::failure::Failure;
use crate::text::{bytes, shell};
use ocelli::data::check::Progress;
use ocelli::export::ExportError;
use ocelli::export::web::{self, Registry, Runtime, VERSION};
use ocelli::model::Classifier;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(super) fn run(args: &ExportArgs, classifier: &Classifier) -> Result<(), Failure> {
    let out = args.out.clone().unwrap_or_else(|| args.model.with_file_name("web"));
    // Before anything that takes long.
    web::claim(&out).map_err(taken)?;
    let runtime = runtime(args)?;
    let data = data(args, classifier)?;
    let model = written(args, classifier, data.as_ref())?;
    let asked = asked(args, classifier, data.as_ref())?;
    let verdict = verdict(args, classifier, &model, asked.as_ref())?;
    let size = web::write(classifier, &model, &runtime, &out).map_err(taken)?;
    tell(&out, size, verdict.as_ref()).map_err(Failure::from)
}

fn taken(error: ExportError) -> Failure {
    match error {
        ExportError::Taken { .. } => Failure::usage(error).hint("give another folder: --out PATH"),
        _ => Failure::failed(error),
    }
}

/// ONNX Runtime Web: from disk, from an earlier time, or from npm's registry.
fn runtime(args: &ExportArgs) -> Result<Runtime, Failure> {
    if let Some(path) = &args.runtime {
        return Runtime::read(path).map_err(|error| {
            Failure::usage(error).hint(format!("`npm pack onnxruntime-web@{VERSION}` makes the package"))
        });
    }
    let registry = Registry::usual();
    let bar = Bar::new();
    let shown = |done: u64, total: u64| {
        bar.show(Progress { step: "fetching ONNX Runtime Web, KiB", done: done >> 10, total: total >> 10 });
    };
    let fetched = registry.runtime(&mut { shown });
    bar.end();
    fetched.map_err(|error| {
        Failure::failed(error).hint(format!(
            "the page needs ONNX Runtime Web {VERSION}, which is fetched once: with a network, from the registry of npm or the one that \
             NPM_CONFIG_REGISTRY names (SSL_CERT_FILE has its authority's certificate, if that is your own); or give it from disk: \
             --runtime FILE, which `npm pack onnxruntime-web@{VERSION}` makes"
        ))
    })
}

fn tell(out: &Path, size: u64, verdict: Option<&Verdict>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "wrote     {} ({})", out.display(), bytes(size))?;
    writeln!(
        stdout,
        "takes     pictures and the camera, in the browser alone; gives the probability of each class"
    )?;
    match verdict {
        Some(verdict) => verdict.print(&mut stdout)?,
        None => writeln!(stdout, "verified  not: --no-verify")?,
    }
    let [page, folder]: [PathBuf; 2] = [out.join("index.html"), out.to_owned()];
    let [page, folder] = [page, folder].map(|path| shell(&path.display().to_string()));
    writeln!(
        stdout,
        "\ntry next: open {page} in a browser, or serve the folder\n  python3 -m http.server --directory {folder}"
    )
}
