//! `ocelli data info`: what a data set is.

use super::{class_table, extent, failure, title, total};
use crate::args::data::InfoArgs;
use crate::commands::{print_json, threads};
use crate::failure::Failure;
use crate::progress::name;
use crate::text::plural;
use ocelli::data::check::Classes;
use ocelli::data::dataset::Format;
use ocelli::data::{Dataset, Extent, OpenOptions, Problem, Undivided, open_undivided};
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
    /// Where images may have several labels: how many they have.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Labels>,
    extent: Extent,
}

#[derive(Serialize)]
struct Labels {
    /// The mean number of labels of an image.
    mean: f64,
    /// Images without any.
    none: usize,
    /// The most labels of an image.
    most: usize,
}

impl Labels {
    fn of(images: &dyn Dataset) -> Option<Self> {
        if !images.is_multi_label() {
            return None;
        }
        let counts: Vec<usize> = (0..images.len()).map(|index| images.labels(index).len()).collect();
        Some(Labels {
            mean: counts.iter().sum::<usize>() as f64 / counts.len().max(1) as f64,
            none: counts.iter().filter(|count| **count == 0).count(),
            most: counts.iter().copied().max().unwrap_or(0),
        })
    }
}

pub(crate) fn run(args: &InfoArgs) -> Result<(), Failure> {
    let options = OpenOptions {
        allow_class_mismatch: true,
        coarse_labels: args.coarse_labels,
        label_separator: args.label_separator,
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
        let (classes, labels) = (Classes::of(&*images), Labels::of(&*images));
        Ok(Split { name, images: images.len(), classes, labels, extent: images.extent() })
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
        write!(out, "{:<5} {}", split.name, extent(split.extent))?;
        if let Some(Labels { mean, none, most }) = &split.labels {
            let without = plural(*none as u64, "image", "images");
            write!(out, "; {mean:.1} labels an image, {most} at most, {without} without any")?;
        }
        writeln!(out)?;
    }
    let splits: Vec<(&str, &[u64])> =
        info.splits.iter().map(|split| (split.name, split.classes.0.as_slice())).collect();
    let several = info.splits.iter().any(|split| split.labels.is_some());
    write!(out, "\n{}", class_table(&info.classes, &splits, total(several)))?;
    let lacks = |name: &str| info.splits.iter().all(|split| split.name != name);
    let missing = match (lacks("val"), lacks("test")) {
        (true, true) => "\nno val and test splits: `train` sets a tenth of each class apart for each\n",
        (true, false) => "\nno val split: `train` sets a tenth of each class apart\n",
        _ => "",
    };
    write!(out, "{missing}")
}
