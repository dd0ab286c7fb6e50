//! `ocelli data info`: what a data set is.

use super::{class_table, extent, failure, title};
use crate::args::data::InfoArgs;
use crate::commands::{print_json, threads};
use crate::failure::Failure;
use crate::progress::name;
use ocelli::data::check::Classes;
use ocelli::data::dataset::Format;
use ocelli::data::{Extent, OpenOptions, Problem, Undivided, open_undivided};
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;

/// What is told of a data set.
#[derive(Serialize)]
struct Info {
    path: PathBuf,
    format: Format,
    classes: Vec<String>,
    splits: Vec<Split>,
    problems: Vec<Problem>,
}

#[derive(Serialize)]
struct Split {
    name: &'static str,
    images: usize,
    /// Images of each class.
    classes: Classes,
    extent: Extent,
}

pub(crate) fn run(args: &InfoArgs) -> Result<(), Failure> {
    let options = OpenOptions {
        allow_class_mismatch: true,
        coarse_labels: args.coarse_labels,
        threads: threads(args.threads),
        ..OpenOptions::default()
    };
    let data = open_undivided(&args.data, &options).map_err(failure)?;
    let info = info(data)?;
    if args.json {
        return print_json(&info);
    }
    print(&info)?;
    name(&info.problems);
    Ok(())
}

fn info(data: Undivided) -> Result<Info, Failure> {
    let split = |name| {
        let images = data.get(name)?;
        Ok(Split { name, images: images.len(), classes: Classes::of(&*images), extent: images.extent() })
    };
    let splits = data.names().into_iter().map(split).collect::<Result<Vec<_>, _>>().map_err(failure)?;
    let Undivided { path, format, classes, problems, .. } = data;
    Ok(Info { path, format, classes, splits, problems })
}

fn print(info: &Info) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let images = info.splits.iter().map(|split| split.images).sum();
    writeln!(out, "{}", title(&info.path, info.format, info.classes.len(), images))?;
    for split in &info.splits {
        writeln!(out, "{:<5} {}", split.name, extent(split.extent))?;
    }
    let splits: Vec<(&str, &[u64])> =
        info.splits.iter().map(|split| (split.name, split.classes.0.as_slice())).collect();
    write!(out, "\n{}", class_table(&info.classes, &splits))?;
    let lacks = |name: &str| info.splits.iter().all(|split| split.name != name);
    let missing = match (lacks("val"), lacks("test")) {
        (true, true) => "\nno val and test splits: `train` sets a tenth of each class apart for each\n",
        (true, false) => "\nno val split: `train` sets a tenth of each class apart\n",
        _ => "",
    };
    write!(out, "{missing}")
}
