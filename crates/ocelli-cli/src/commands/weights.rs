//! `ocelli weights`: what a file of weights holds, and the same as safetensors.

use super::print_json;
use crate::args::WeightsArgs;
use crate::failure::Failure;
use crate::text::{count, plural, shell};
use ocelli::data::printable;
use ocelli::model::{ImportError, TensorInfo, WeightsFile, WeightsFormat, save_weights};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;

/// What is listed of a file.
#[derive(Serialize)]
struct Listed<'a> {
    file: String,
    format: WeightsFormat,
    /// Values of all tensors.
    values: u64,
    tensors: &'a [TensorInfo],
}

pub(crate) fn run(args: &WeightsArgs) -> Result<(), Failure> {
    let file = WeightsFile::open(&args.file).map_err(failure)?;
    if let Some(out) = &args.out
        && same_file(out, &args.file)
    {
        let reason = format!("{}: is the file to read, and would be overwritten", out.display());
        return Err(Failure::usage(reason).hint("give another with --out"));
    }
    let (format, tensors) = (file.format(), file.tensors().to_vec());
    let values = tensors.iter().map(|tensor| tensor.elements() as u64).sum();
    if let Some(out) = &args.out {
        save_weights(out, &file.read().map_err(failure)?)?;
    }
    if args.json {
        let file = args.file.to_string_lossy().into_owned();
        return print_json(&Listed { file, format, values, tensors: &tensors });
    }
    print_table(&tensors)?;
    let mut console = io::stdout().lock();
    writeln!(
        console,
        "\n{}: {format}, {}, {}",
        printable(&args.file.to_string_lossy()),
        plural(tensors.len() as u64, "tensor", "tensors"),
        plural(values, "value", "values"),
    )?;
    if let Some(out) = &args.out {
        writeln!(console, "written to {}", shell(&out.to_string_lossy()))?;
    }
    Ok(())
}

fn failure(error: ImportError) -> Failure {
    match &error {
        ImportError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => Failure::usage(error),
        _ => Failure::failed(error),
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn print_table(tensors: &[TensorInfo]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let shape = |tensor: &TensorInfo| match &tensor.shape[..] {
        [] => "scalar".to_string(),
        sizes => sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("×"),
    };
    let rows: Vec<_> =
        tensors.iter().map(|tensor| (printable(&tensor.name), shape(tensor), tensor)).collect();
    let widest = |width: &dyn Fn(usize) -> usize| (0..rows.len()).map(width).max().unwrap_or(0);
    let (names, shapes) =
        (widest(&|row| rows[row].0.chars().count()), widest(&|row| rows[row].1.chars().count()));
    for (name, shape, tensor) in &rows {
        let values = count(tensor.elements() as u64);
        writeln!(out, "{name:<names$}  {shape:>shapes$}  {:<8}  {values:>13}", tensor.dtype)?;
    }
    Ok(())
}
