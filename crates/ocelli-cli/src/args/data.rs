//! `ocelli data …`: the arguments.

use super::{threads, within};
use clap::{ArgGroup, Args, Subcommand};
use std::path::PathBuf;
use std::str::FromStr;

#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    #[command(subcommand)]
    pub(crate) command: DataCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Show what a data set is: format, splits, classes, sizes. Decodes nothing.
    Info(InfoArgs),
    /// Look at every image: what cannot be used, duplicates and leakage, imbalance, odd images; exit code 1 if something is
    /// serious.
    Check(CheckArgs),
    /// Divide images into train, val and test, by class and by groups; writes a manifest, and moves no file.
    Split(SplitArgs),
    /// Show what a recipe's transforms make of the training images, one by one and together, as a picture and a page:
    /// do the labels still hold?
    Preview(PreviewArgs),
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// A data set, as for `train`.
    #[arg(value_name = "PATH|NAME")]
    pub(crate) data: String,
    /// Take CIFAR-100's 20 superclasses, not its 100 classes.
    #[arg(long)]
    pub(crate) coarse_labels: bool,
    /// What stands between the labels of an image in the column `labels` of a manifest.
    #[arg(long, value_name = "SIGN", default_value_t = '|')]
    pub(crate) label_separator: char,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
    /// Threads to work with [default: one for each core].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// A data set, as for `train`.
    #[arg(value_name = "PATH|NAME")]
    pub(crate) data: String,
    /// Take CIFAR-100's 20 superclasses, not its 100 classes.
    #[arg(long)]
    pub(crate) coarse_labels: bool,
    /// What stands between the labels of an image in the column `labels` of a manifest.
    #[arg(long, value_name = "SIGN", default_value_t = '|')]
    pub(crate) label_separator: char,
    /// How alike two pictures must be to be near duplicates, 0 to 1.
    #[arg(long, value_name = "X", default_value_t = 0.97)]
    pub(crate) similarity: f32,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a page with thumbnails to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Threads to work with [default: one for each core].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("to").args(["out", "copy"]).required(true).multiple(true)))]
pub(crate) struct SplitArgs {
    /// A data set of image files, as for `train`. Images that are in splits now are divided anew.
    #[arg(value_name = "PATH")]
    pub(crate) data: String,
    /// What stands between the labels of an image in the column `labels` of a manifest.
    #[arg(long, value_name = "SIGN", default_value_t = '|')]
    pub(crate) label_separator: char,
    /// Write a manifest (CSV) to this file, and classes.txt beside it.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Copy the images into train/, val/ and test/ below this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) copy: Option<PathBuf>,
    /// The part of the images that validates.
    #[arg(long, value_name = "X", default_value_t = 0.1)]
    pub(crate) val: f64,
    /// The part of the images that tests.
    #[arg(long, value_name = "X", default_value_t = 0.1)]
    pub(crate) test: f64,
    /// Keep together what belongs together: near-duplicates; folder (images of one folder); prefix:TEXT (file names with the
    /// same beginning, up to TEXT); column:NAME (the same value in a manifest's column).
    #[arg(long, value_name = "HOW")]
    pub(crate) group: Option<Grouping>,
    /// Decides which images go where.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Threads to work with [default: one for each core].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
}

/// A flag given twice counts as given last.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct PreviewArgs {
    /// A data set, as for `train` [default: the recipe's, else sample].
    #[arg(long, value_name = "PATH|NAME")]
    pub(crate) data: Option<String>,
    /// A recipe (TOML), whose data, transforms and seed are shown; flags and --set override it.
    #[arg(long, value_name = "FILE")]
    pub(crate) recipe: Option<PathBuf>,
    /// Set any key of the recipe, such as transforms.augment=false; may be given many times.
    #[arg(long, value_name = "KEY=VALUE", action = clap::ArgAction::Append)]
    pub(crate) set: Vec<String>,
    /// Decides which images are shown, and what is drawn for them; the recipe's shows what training will see.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<i64>,
    /// Images to show, of different classes as far as there are.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = few)]
    pub(crate) images: usize,
    /// Versions of each image, one for each of the first epochs.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = few)]
    pub(crate) versions: usize,
    /// The side of the square that each picture is made to fit, in pixels.
    #[arg(long, value_name = "N", default_value_t = 96, value_parser = side)]
    pub(crate) side: usize,
    /// Write the picture to NAME.png and the page to NAME.html.
    #[arg(long, value_name = "NAME", default_value = "preview")]
    pub(crate) out: PathBuf,
    /// Threads to work with [default: one for each core].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
}

fn few(text: &str) -> Result<usize, String> {
    within(text, 1, 64)
}

fn side(text: &str) -> Result<usize, String> {
    within(text, 16, 512)
}

/// Which images belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grouping {
    NearDuplicates,
    Folder,
    Prefix(String),
    Column(String),
}

impl FromStr for Grouping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "near-duplicates" => Ok(Self::NearDuplicates),
            None if text == "folder" => Ok(Self::Folder),
            Some(("prefix", end)) if !end.is_empty() => Ok(Self::Prefix(end.to_string())),
            Some(("column", name)) if !name.is_empty() => Ok(Self::Column(name.to_string())),
            _ => Err("needs near-duplicates, folder, prefix:TEXT or column:NAME".to_string()),
        }
    }
}
