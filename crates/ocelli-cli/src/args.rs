//! The command line, as data.

pub(crate) mod data;
pub(crate) mod export;
mod run;
pub(crate) mod runs;
mod serve;
mod track;
pub(crate) mod tune;

use crate::progress::Style;
use clap::{Args, Parser, Subcommand};
use ocelli::train::View;
use std::path::PathBuf;

pub(crate) use run::RunArgs;
pub(crate) use serve::ServeArgs;
pub(crate) use track::TrackArgs;
pub(crate) use tune::TuneArgs;

/// Convolutional networks from a folder of images to a prediction, on the CPU.
#[derive(Debug, Parser)]
#[command(name = "ocelli", version, about, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a network; without arguments, on the sample that ships with Ocelli.
    Train(TrainArgs),
    /// Measure a trained model on labelled images.
    Eval(EvalArgs),
    /// Say what images show.
    Predict(PredictArgs),
    /// Write a model for another runtime, and see that it answers the same there.
    Export(export::ExportArgs),
    /// Compare what was exported with its model, in the runtime that it is for; exit code 1 if they differ, or there is none.
    Verify(export::VerifyArgs),
    /// Answer over HTTP what images show: an API, the Open Inference Protocol, and a page to try models.
    Serve(ServeArgs),
    /// Show why a model answers as it does about an image: filters, feature maps, Grad-CAM, integrated gradients, embedding
    Explain(ExplainArgs),
    /// Search for good settings: train many times, each time with what the trials before suggest.
    Tune(TuneArgs),
    /// List, compare, show, delete and repeat runs that were tracked.
    Runs(runs::RunsArgs),
    /// Find a learning rate: train a few steps with ever higher ones, and look at the loss.
    LrFind(LrFindArgs),
    /// Find a batch size: the largest that fits into memory, and from which on larger ones are hardly faster.
    BatchSize(BatchSizeArgs),
    /// Show the learning rates of a run before it is begun, as a table and as figures.
    Schedule(ScheduleArgs),
    /// Write one page with all about a model, a run or a search: figures, curves, mistakes with their images, network, data, recipe;
    /// trials, and which settings decide.
    Report(ReportArgs),
    /// Write the embedding of every image of a data set as a NumPy array, and draw them as points
    Embed(EmbedArgs),
    /// Look at data sets: what they are, and what is wrong with them.
    Data(data::DataArgs),
    /// Show a network layer by layer: shapes, parameters, multiply-adds, memory.
    Summary(SummaryArgs),
    /// Say what an experienced colleague would of a network or recipe; exit code 1 if something is serious.
    Lint(LintArgs),
    /// List the networks that have names, with their parameters, multiply-adds and usual input.
    Models(ModelsArgs),
    /// List the tensors of a file of weights (PyTorch's .pth, safetensors), and write them as safetensors.
    Weights(WeightsArgs),
}

/// A flag given twice counts as given last.
#[derive(Debug, Default, Args)]
#[command(args_override_self = true)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Passes over the training images.
    #[arg(long, value_name = "N")]
    pub(crate) epochs: Option<i64>,
    /// Learning rate (with the one-cycle schedule, the highest).
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(crate) lr: Option<f64>,
    /// The folder for the model and its companions [default: runs/<date>-<name>].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with a run that was stopped or killed: its folder, or one checkpoint in it. Other flags may change what does not
    /// decide results; the run ends as if it had never stopped.
    #[arg(long, value_name = "DIR|FILE", conflicts_with = "out")]
    pub(crate) resume: Option<PathBuf>,
    /// Show lines alone, without a bar, as where standard error is no terminal.
    #[arg(long, conflicts_with = "full_screen")]
    pub(crate) plain: bool,
    /// Show curves on the whole screen while it trains.
    #[arg(long)]
    pub(crate) full_screen: bool,
    #[command(flatten)]
    pub(crate) track: TrackArgs,
}

impl TrainArgs {
    /// How the run is shown.
    pub(crate) fn style(&self) -> Style {
        match (self.plain, self.full_screen) {
            (true, _) => Style::Plain,
            (_, true) => Style::FullScreen,
            _ => Style::Auto,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// A trained model (model.safetensors).
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Labelled images, as for `train`.
    #[arg(long, value_name = "PATH")]
    pub(crate) data: String,
    /// Which part of the data: train, val or test, as divided for the model's training, or all [default: test; all
    /// images if the data has no parts and is not what the model was trained on].
    #[arg(long, value_name = "NAME")]
    pub(crate) split: Option<String>,
    /// Print one JSON document.
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Print every image with what is said of it as comma-separated values: truth, answer, its probability, loss, whether it is
    /// rejected, the probability of each class; of a model that tells several labels an image, truth and answer with | between
    /// labels, the probability of each class.
    #[arg(long)]
    pub(crate) csv: bool,
    /// See each image another way too and average the probabilities: hflip, vflip, five-crop, ten-crop, or a transform as in
    /// recipes, '{ type = "ColorJitter", brightness = 0.2 }'. May be given many times.
    #[arg(long, value_name = "VIEW", action = clap::ArgAction::Append)]
    pub(crate) tta: Vec<View>,
    /// Tell how many images are answered, and how well, if the likeliest class must have this probability (0 to 1).
    #[arg(long, value_name = "P", value_parser = probability)]
    pub(crate) reject: Option<f32>,
    /// Fit the temperature at which probabilities are best (on these images: give others than are to be measured).
    #[arg(long)]
    pub(crate) fit_temperature: bool,
    /// Of a model that tells several labels an image: fit the probability from which an image has each class, for the highest F1
    /// (on these images: give others than are to be measured).
    #[arg(long)]
    pub(crate) fit_thresholds: bool,
    /// Save the fitted temperature or thresholds and the threshold of --reject in the model, for `predict` and later `eval`s.
    #[arg(long)]
    pub(crate) save: bool,
    /// What stands between the labels of an image in the column `labels` of a manifest.
    #[arg(long, value_name = "SIGN", default_value_t = '|')]
    pub(crate) label_separator: char,
    /// How many of the images with the highest losses are named, of a model that tells one label an image [default: 5].
    #[arg(long, value_name = "N")]
    pub(crate) top_losses: Option<usize>,
    /// Bins of the calibration error, of a model that tells one label an image [default: 15].
    #[arg(long, value_name = "N", value_parser = bins)]
    pub(crate) bins: Option<usize>,
    /// Resamples that the figures' intervals come from, of a model that tells one label an image; 0 for none [default: 1000].
    #[arg(long, value_name = "N", value_parser = resamples)]
    pub(crate) bootstrap: Option<usize>,
    /// Decides what resamples and random views draw.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Threads to work with [default: one for each core].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) track: TrackArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// A trained model (model.safetensors).
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Image files, or folders of them.
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<PathBuf>,
    /// How many classes to show for each image, the likeliest first.
    #[arg(long, value_name = "K", default_value_t = 3, value_parser = top_k)]
    pub(crate) top_k: usize,
    /// Print one JSON document.
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Print comma-separated values, one line for each image.
    #[arg(long)]
    pub(crate) csv: bool,
    /// Threads to work with [default: one for each core].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
}

/// A flag given twice counts as given last.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct ScheduleArgs {
    /// A recipe (TOML) to start from; --set and --epochs override it.
    #[arg(long, value_name = "FILE")]
    pub(crate) recipe: Option<PathBuf>,
    /// Set any key of the recipe, such as train.schedule=cosine; may be given many times.
    #[arg(long, value_name = "KEY=VALUE", action = clap::ArgAction::Append)]
    pub(crate) set: Vec<String>,
    /// Passes over the training images [default: the recipe's].
    #[arg(long, value_name = "N")]
    pub(crate) epochs: Option<i64>,
    /// Steps of one pass: training images by images in one step.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) steps_per_epoch: u64,
    /// Draw the curve: writes PATH.svg and PATH.png.
    #[arg(long, value_name = "PATH", conflicts_with = "json")]
    pub(crate) out: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A flag given twice counts as given last.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct LrFindArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// The learning rate of the first step.
    #[arg(long, value_name = "X", default_value_t = 1e-7, allow_negative_numbers = true)]
    pub(crate) start: f64,
    /// The learning rate that the sweep goes up to.
    #[arg(long, value_name = "X", default_value_t = 10.0, allow_negative_numbers = true)]
    pub(crate) end: f64,
    /// Steps of the sweep, each with a learning rate that is the same factor higher.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) steps: u64,
    /// How much of its past the smoothed loss keeps in every step, 0 up to 1.
    #[arg(long, value_name = "X", default_value_t = 0.98, allow_negative_numbers = true)]
    pub(crate) beta: f64,
    /// End when the smoothed loss is this many times the lowest so far; inf for never.
    #[arg(long, value_name = "X", default_value_t = 4.0, allow_negative_numbers = true)]
    pub(crate) stop: f64,
    /// Draw the curve: writes PATH.svg and PATH.png [default: lr-find; with --json and --csv, nothing].
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Print learning rate, loss and smoothed loss of every step as comma-separated values.
    #[arg(long)]
    pub(crate) csv: bool,
    #[command(flatten)]
    pub(crate) track: TrackArgs,
}

/// A flag given twice counts as given last.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct BatchSizeArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// What training may take, such as 2GiB, 1500MiB, 4GB or a number of bytes [default: nine tenths of what is free, within the
    /// limits of a container].
    #[arg(long, value_name = "BYTES", value_parser = crate::memory::parse)]
    pub(crate) memory: Option<u64>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A trained model (model.safetensors).
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// An image file.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
    /// The class to explain [default: the likeliest].
    #[arg(long, value_name = "NAME")]
    pub(crate) class: Option<String>,
    /// The layer whose feature maps are shown and that Grad-CAM looks at; `ocelli summary` lists them [default: the last with
    /// maps through which everything goes].
    #[arg(long, value_name = "LAYER")]
    pub(crate) layer: Option<String>,
    /// Points of integrated gradients between no image and the image.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = points)]
    pub(crate) points: usize,
    /// The folder for the pictures [default: <image>-explained].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The folder of a run or of a search, a trained model (model.safetensors), or a search's journal, one that Optuna wrote too.
    #[arg(value_name = "RUN|MODEL|SEARCH")]
    pub(crate) model: PathBuf,
    /// Which study of a journal, where it has several.
    #[arg(long, value_name = "NAME")]
    pub(crate) study: Option<String>,
    /// Labelled images, as for `train` [default: those of the run's recipe].
    #[arg(long, value_name = "PATH")]
    pub(crate) data: Option<String>,
    /// Which part of the data to measure on, as for `eval` [default: test, else all images].
    #[arg(long, value_name = "NAME")]
    pub(crate) split: Option<String>,
    /// The page; its figures go into a folder of the same name beside it [default: report.html beside the model; of a
    /// search, report.html and plots in its folder]. What an earlier report wrote is replaced, and nothing else.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How many of the images with the highest losses are shown, with heat maps.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = shown_losses)]
    pub(crate) top_losses: usize,
    /// Do not add the page to the files of the run in MLflow, where the run is tracked.
    #[arg(long)]
    pub(crate) no_track: bool,
    /// Threads to work with [default: one for each core].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct EmbedArgs {
    /// A trained model (model.safetensors).
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Labelled images, as for `train`; their classes need not be the model's.
    #[arg(value_name = "DATA")]
    pub(crate) data: String,
    /// The array (float32, images × numbers) as .npy; beside it go a .csv with the images in the same order, and the drawing
    /// as .svg and .png. What is there is replaced.
    #[arg(long, value_name = "FILE.npy")]
    pub(crate) out: PathBuf,
    /// The layer whose output it is; `ocelli summary` lists them [default: the last that flattens].
    #[arg(long, value_name = "LAYER")]
    pub(crate) layer: Option<String>,
    /// Which part of the data: train, val or test, as for `eval` [default: all images].
    #[arg(long, value_name = "NAME")]
    pub(crate) split: Option<String>,
    /// What stands between the labels of an image in the column `labels` of a manifest.
    #[arg(long, value_name = "SIGN", default_value_t = '|')]
    pub(crate) label_separator: char,
    /// Threads to work with [default: one for each core]. Results do not depend on it.
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct SummaryArgs {
    /// A trained model, a network by name, or a TOML file with a network's layers.
    #[arg(value_name = "MODEL|NAME|FILE")]
    pub(crate) network: String,
    /// Channels, height and width of the input [default: the model's own, else 3x32x32].
    #[arg(long, value_name = "3x32x32")]
    pub(crate) input: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    /// A network by name, a TOML file with a network's layers, a recipe (TOML), or a trained model.
    #[arg(value_name = "NAME|FILE|RECIPE")]
    pub(crate) network: String,
    /// Channels, height and width of the images [default: the recipe's or the model's own, else the network's usual].
    #[arg(long, value_name = "3x32x32")]
    pub(crate) input: Option<String>,
    /// Images in one step [default: the recipe's; without one, batches are not looked at].
    #[arg(long, value_name = "N", value_parser = batch_size)]
    pub(crate) batch_size: Option<usize>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WeightsArgs {
    /// A file of weights: what torch.save wrote (.pth, .pt), or safetensors.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Write them to this file as safetensors, floats in 32 bits, under the names that the list shows.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

fn threads(text: &str) -> Result<usize, String> {
    within(text, 1, 1024)
}

fn bins(text: &str) -> Result<usize, String> {
    within(text, 1, 10_000)
}

fn points(text: &str) -> Result<usize, String> {
    within(text, 1, 10_000)
}

fn shown_losses(text: &str) -> Result<usize, String> {
    within(text, 0, 100)
}

fn resamples(text: &str) -> Result<usize, String> {
    within(text, 0, 1_000_000)
}

fn probability(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("needs a number from 0 to 1".to_owned()),
    }
}

fn batch_size(text: &str) -> Result<usize, String> {
    within(text, 1, 65_536)
}

fn top_k(text: &str) -> Result<usize, String> {
    within(text, 1, 1_000_000)
}

fn within(text: &str, least: usize, most: usize) -> Result<usize, String> {
    match text.parse() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        _ => Err(format!("needs a whole number from {least} to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
