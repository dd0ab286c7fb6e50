//! `ocelli export`: a model for another runtime, which must answer as the model does before the file is there.

mod images;
mod page;
mod verdict;

use super::load;
use crate::args::export::{ExportArgs, ExportFormat, ExportLayout, VerifyArgs};
use crate::failure::Failure;
use crate::text::{bytes, shell};
use images::{Asked, Data};
use ocelli::data::OpenOptions;
use ocelli::export::onnx::{self, Calibration, Input, Layout, OnnxOptions};
use ocelli::export::torchscript;
use ocelli::export::verify::{Format, Outcome, verify};
use ocelli::export::web;
use ocelli::model::{Classifier, files};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use verdict::Verdict;

/// How many images are asked about, with eight bits, and to calibrate with.
const IMAGES: usize = 64;
const IMAGES_INT8: usize = 1000;
const CALIBRATING: usize = 256;

pub(crate) fn run(args: &ExportArgs) -> Result<(), Failure> {
    let classifier = load(&args.model)?;
    check_flags(args)?;
    if args.format.is_web() {
        return page::run(args, &classifier);
    }
    let out = target(args)?;
    let data = data(args, &classifier)?;
    let exported = written(args, &classifier, data.as_ref())?;
    let asked = asked(args, &classifier, data.as_ref())?;
    let verdict = verdict(args, &classifier, &exported, asked.as_ref())?;
    files::replace(&out, &exported)
        .map_err(|error| Failure::failed(format!("{}: cannot be written: {error}", out.display())))?;
    tell(args, &out, exported.len(), verdict.as_ref()).map_err(Failure::from)
}

/// Refuses what is for other formats.
fn check_flags(args: &ExportArgs) -> Result<(), Failure> {
    let onnx = matches!(args.format, ExportFormat::Onnx | ExportFormat::OnnxInt8);
    let given = [
        (args.calibrate.is_some() && !args.format.eight_bits(), "--calibrate", "onnx-int8 and web-int8"),
        (args.runtime.is_some() && !args.format.is_web(), "--runtime", "web and web-int8"),
        (args.layout == ExportLayout::Nhwc && !onnx, "--layout nhwc", "onnx; the others have one form"),
        (args.floats && !onnx, "--floats", "onnx; the others have one form"),
        (args.keep_batch_norm && !onnx, "--keep-batch-norm", "onnx; the others have one form"),
    ];
    match given.iter().find(|(given, ..)| *given) {
        Some((_, flag, formats)) => Err(Failure::usage(format!("{flag} is for --format {formats}"))),
        None => Ok(()),
    }
}

/// The images to ask about or to calibrate with, if there is need of any.
fn data(args: &ExportArgs, classifier: &Classifier) -> Result<Option<Data>, Failure> {
    let needed = !args.no_verify || (args.format.eight_bits() && args.calibrate.is_none());
    needed.then(|| Data::open(&args.images, &args.model, classifier)).transpose()
}

/// Those of them that the export is asked about, unless it is to be written unseen.
fn asked(args: &ExportArgs, classifier: &Classifier, data: Option<&Data>) -> Result<Option<Asked>, Failure> {
    let usual = if args.format.eight_bits() { IMAGES_INT8 } else { IMAGES };
    let count = args.images.count.unwrap_or(usual);
    let take = |data: &Data| data.take(args.images.split.as_deref(), "val", count, classifier);
    data.filter(|_| !args.no_verify).map(take).transpose()
}

fn verdict<'a>(
    args: &ExportArgs,
    classifier: &'a Classifier,
    exported: &[u8],
    asked: Option<&'a Asked>,
) -> Result<Option<Verdict<'a>>, Failure> {
    asked.map(|images| gate(classifier, exported, runtime(args.format), images)).transpose()
}

/// The runtime that a format is for.
fn runtime(format: ExportFormat) -> Format {
    match format {
        ExportFormat::Torchscript => Format::TorchScript,
        _ => Format::Onnx,
    }
}

/// Where the file goes.
fn target(args: &ExportArgs) -> Result<PathBuf, Failure> {
    let usual = || {
        args.model.with_extension(match args.format {
            ExportFormat::Onnx => "onnx",
            ExportFormat::OnnxInt8 => "int8.onnx",
            ExportFormat::Torchscript => return args.model.with_file_name("standalone_model.pt"),
            ExportFormat::Web | ExportFormat::WebInt8 => unreachable!("a page goes to a folder"),
        })
    };
    let out = match &args.out {
        Some(out) if out.is_dir() => out.join(usual().file_name().unwrap_or_default()),
        Some(out) => out.clone(),
        None => usual(),
    };
    let same = |path: &Path| {
        path.canonicalize().is_ok_and(|path| args.model.canonicalize().is_ok_and(|model| path == model))
    };
    if same(&out) {
        let reason = format!("{}: is the model itself, which the export would replace", out.display());
        return Err(Failure::usage(reason).hint("give another name with --out FILE"));
    }
    let format = runtime(args.format);
    if Format::of(&out) == Some(format) {
        return Ok(out);
    }
    let (name, extension) = match format {
        Format::Onnx => ("ONNX", "onnx"),
        Format::TorchScript => ("TorchScript", "pt"),
    };
    let reason = format!("{}: a file of {name} has a name that ends in .{extension}", out.display());
    Err(Failure::usage(reason)
        .hint(format!("--out {}", shell(&out.with_extension(extension).to_string_lossy()))))
}

/// The bytes of the file, of a page those of the model in it.
fn written(args: &ExportArgs, classifier: &Classifier, data: Option<&Data>) -> Result<Vec<u8>, Failure> {
    if args.format == ExportFormat::Torchscript {
        return torchscript::export(classifier).map_err(Failure::usage);
    }
    let options = match args.format.is_web() {
        true => web::OPTIONS,
        false => onnx_options(args),
    };
    if !args.format.eight_bits() {
        return onnx::export(classifier, &options).map_err(Failure::usage);
    }
    let other = args
        .calibrate
        .as_deref()
        .map(|path| Data::at(path, OpenOptions::default().label_separator, &args.images, classifier));
    let other = other.transpose()?;
    let data = other.as_ref().or(data).expect("data was opened where none is named");
    let images = data.take(None, "train", CALIBRATING, classifier)?;
    let calibration = Calibration::of(classifier, &images.pixels)?;
    onnx::export_int8(classifier, &options, &calibration).map_err(Failure::usage)
}

fn onnx_options(args: &ExportArgs) -> OnnxOptions {
    OnnxOptions {
        input: if args.floats { Input::Floats } else { Input::Images },
        layout: match args.layout {
            ExportLayout::Nchw => Layout::Nchw,
            ExportLayout::Nhwc => Layout::Nhwc,
        },
        keep_batch_norm: args.keep_batch_norm,
    }
}

/// Lets the runtime answer about images before anything has the file's name.
///
/// # Errors
/// It answers otherwise than the model.
fn gate<'a>(
    classifier: &'a Classifier,
    exported: &[u8],
    format: Format,
    images: &'a Asked,
) -> Result<Verdict<'a>, Failure> {
    let folder = tempfile::tempdir()?;
    let draft = folder.path().join("exported");
    std::fs::write(&draft, exported)?;
    let outcome = verify(classifier, &draft, format, &images.pixels)?;
    let verdict = Verdict { outcome, classifier, images, format };
    match verdict.disagreement() {
        None => Ok(verdict),
        Some(reason) => Err(Failure::failed(format!("nothing was written: {reason}")).hint(match &verdict.outcome {
            Outcome::Compared(found) if found.eight_bits => {
                "give more images, or more alike those that it will see, with --calibrate; some networks need 32 bits"
            }
            _ => "one of the two computes wrongly; to look into it, --no-verify writes the file unseen",
        })),
    }
}

fn tell(args: &ExportArgs, out: &Path, size: usize, verdict: Option<&Verdict>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let order = match args.layout {
        ExportLayout::Nchw => "N×C×H×W",
        ExportLayout::Nhwc => "N×H×W×C",
    };
    let takes = if args.format == ExportFormat::Torchscript {
        "float32 from 0 to 1 or uint8, of any size"
    } else if args.floats {
        "float32, transforms not included"
    } else {
        "uint8, of any size"
    };
    writeln!(stdout, "wrote     {} ({})", out.display(), bytes(size as u64))?;
    writeln!(stdout, "takes     images {order}, {takes}; gives the probability of each class")?;
    let [model, file] = [args.model.as_path(), out].map(|path| shell(&path.display().to_string()));
    let again = format!("ocelli verify {model} {file}");
    match verdict {
        Some(verdict) => verdict.print(&mut stdout)?,
        None => writeln!(stdout, "verified  not: --no-verify")?,
    }
    if verdict.is_none_or(|verdict| matches!(verdict.outcome, Outcome::NoRuntime(_))) {
        writeln!(stdout, "\ntry next:\n  {again}")?;
    }
    Ok(())
}

/// `ocelli verify`: whether an exported file answers as its model does.
pub(crate) fn run_verify(args: &VerifyArgs) -> Result<(), Failure> {
    let classifier = load(&args.model)?;
    let format = Format::of(&args.exported).ok_or_else(|| {
        let reason = format!("{}: is neither .onnx nor .pt by its name", args.exported.display());
        Failure::usage(reason).hint("`ocelli export` writes such files")
    })?;
    let data = Data::open(&args.images, &args.model, &classifier)?;
    let count = args.images.count.unwrap_or(IMAGES);
    let images = data.take(args.images.split.as_deref(), "val", count, &classifier)?;
    let outcome = verify(&classifier, &args.exported, format, &images.pixels)?;
    let verdict = Verdict { outcome, classifier: &classifier, images: &images, format };
    if args.json {
        super::print_json(&verdict.document())?;
    } else {
        verdict.print(&mut io::stdout().lock())?;
    }
    match (verdict.disagreement(), &verdict.outcome) {
        (Some(reason), _) => Err(Failure::failed(reason)),
        (None, Outcome::NoRuntime(_)) => Err(Failure::Reported(crate::failure::FAILED)),
        (None, Outcome::Compared(_)) => Ok(()),
    }
}
