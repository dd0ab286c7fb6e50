//! What to train on what, as all commands take it that train.

use super::threads;
use clap::Args;
use std::path::PathBuf;

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// A folder of images (class per folder, with or without train/, val/ and test/), of IDX files or of CIFAR's
    /// binary files, a manifest (.csv, .jsonl), tar shards or Parquet files, the name of a shipped data set, or (in a build
    /// with it) the address of tar shards, https://host/train-{000..009}.tar or s3://bucket/path/ [default: sample].
    #[arg(long, value_name = "PATH|NAME")]
    pub(crate) data: Option<String>,
    /// A network by name (`ocelli models` lists them) or a TOML file with its layers [default: lesson-bn].
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) model: Option<String>,
    /// Weights to begin with: what torch.save wrote (.pth), safetensors, or a model. What fits is loaded; a last layer for
    /// other classes begins anew.
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<String>,
    /// Leave parameters as they are: a pattern over their names, such as 'layer1.*'; '!fc.*' takes back what came before.
    /// May be given many times.
    #[arg(long, value_name = "PATTERN", action = clap::ArgAction::Append)]
    pub(crate) freeze: Vec<String>,
    /// A trained model to learn from beside the labels: one that knows the same classes and takes images of the same size.
    #[arg(long, value_name = "FILE")]
    pub(crate) teacher: Option<String>,
    /// A folder for decoded images: later epochs and later runs on the same images decode nothing.
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<String>,
    /// A recipe (TOML) to start from; flags and --set override it.
    #[arg(long, value_name = "FILE")]
    pub(crate) recipe: Option<PathBuf>,
    /// Images in one step.
    #[arg(long, value_name = "N")]
    pub(crate) batch_size: Option<i64>,
    /// Decides everything random; the same seed gives the same weights, bit for bit.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<i64>,
    /// Threads to work with [default: one for each core]. Results do not depend on it.
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
    /// Set any key of the recipe, such as train.lr=0.01; may be given many times.
    #[arg(long, value_name = "KEY=VALUE", action = clap::ArgAction::Append)]
    pub(crate) set: Vec<String>,
    /// Refuse data with files that cannot be used, instead of leaving them out.
    #[arg(long)]
    pub(crate) strict: bool,
}

impl RunArgs {
    /// Whether flags say something about the recipe, the file of a recipe apart.
    pub(crate) fn change_recipe(&self) -> bool {
        !self.flags().is_empty()
    }

    /// The flags that say something about the recipe, in turn with their values, but for `--recipe`: another command takes them as they
    /// are.
    pub(crate) fn flags(&self) -> Vec<String> {
        let RunArgs {
            data,
            model,
            weights,
            teacher,
            freeze,
            cache,
            recipe: _,
            batch_size,
            seed,
            threads: _,
            set,
            strict,
        } = self;
        let texts = [
            ("--data", data),
            ("--model", model),
            ("--weights", weights),
            ("--teacher", teacher),
            ("--cache", cache),
        ];
        let texts = texts.into_iter().filter_map(|(flag, value)| Some((flag, value.clone()?)));
        let numbers = [("--batch-size", batch_size), ("--seed", seed)];
        let numbers = numbers.into_iter().filter_map(|(flag, value)| Some((flag, (*value)?.to_string())));
        let lists = freeze.iter().map(|entry| ("--freeze", entry.clone()));
        let lists = lists.chain(set.iter().map(|entry| ("--set", entry.clone())));
        let pairs = texts.chain(numbers).chain(lists).flat_map(|(flag, value)| [flag.to_owned(), value]);
        pairs.chain(strict.then(|| "--strict".to_owned())).collect()
    }
}
