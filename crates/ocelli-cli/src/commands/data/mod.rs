//! `ocelli data`: looking at data sets before training on them.

mod check;
mod html;
mod info;
mod preview;
mod split;

use crate::args::data::{DataArgs, DataCommand};
use crate::failure::Failure;
use crate::text::count;
use ocelli::data::dataset::Format;
use ocelli::data::{DataError, Extent, printable};
use ocelli::train::TrainError;
use std::path::Path;

pub(crate) fn run(args: &DataArgs) -> Result<(), Failure> {
    match &args.command {
        DataCommand::Info(args) => info::run(args),
        DataCommand::Check(args) => check::run(args),
        DataCommand::Split(args) => split::run(args),
        DataCommand::Preview(args) => preview::run(args),
    }
}

/// An error about a data set that was asked for: a wrong request, or work that failed.
fn failure(error: DataError) -> Failure {
    let error = TrainError::Data(error);
    if error.is_request() { Failure::usage(error) } else { Failure::failed(error) }
}

/// "photos (class folders): 3 classes, 1,800 images".
fn title(path: &Path, format: Format, classes: usize, images: usize) -> String {
    let class = if classes == 1 { "class" } else { "classes" };
    let path = path.to_string_lossy();
    format!("{} ({format}): {classes} {class}, {} images", printable(&path), count(images as u64))
}

/// "RGB, 32×32", "grey, of several sizes, usually 500×375".
fn extent(extent: Extent) -> String {
    let channels = if extent.channels == 1 { "grey" } else { "RGB" };
    let several = if extent.uniform { "" } else { "of several sizes, usually " };
    format!("{channels}, {several}{}×{}", extent.width, extent.height)
}

/// A table of how many images of each class each split has; `total` is what all of them together are called.
fn class_table(classes: &[String], splits: &[(&str, &[u64])], total: &str) -> String {
    let names: Vec<_> = classes.iter().map(|name| printable(name)).collect();
    let widest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(total.len());
    let mut table = format!("{:widest$}", "class");
    splits.iter().for_each(|(name, _)| table += &format!("  {name:>9}"));
    for (place, name) in names.iter().enumerate() {
        table += &format!("\n{name:widest$}");
        splits.iter().for_each(|(_, counts)| table += &format!("  {:>9}", count(counts[place])));
    }
    table += &format!("\n{total:widest$}");
    splits.iter().for_each(|(_, counts)| table += &format!("  {:>9}", count(counts.iter().sum())));
    table + "\n"
}

/// What the images of all classes together are called: those with several labels are counted several times.
fn total(several: bool) -> &'static str {
    if several { "labels" } else { "total" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_a_table() {
        let classes = ["a".to_string(), "a long one".to_string()];
        let table = class_table(&classes, &[("train", &[1200, 3]), ("test", &[0, 40])], total(false));
        let expected = "class           train       test\n\
                        a               1,200          0\n\
                        a long one          3         40\n\
                        total           1,203         40\n";
        assert_eq!(table, expected);
    }
}
