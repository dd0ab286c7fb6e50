//! A page about a trained classifier: what it gets right and wrong, and how it came to be, in one HTML file that needs nothing else.
//!
//! The page is made of data: what the classifier says of labelled images ([`Predictions`]), what that is worth
//! ([`Report`]), and, where there was a run, its epochs and its recipe's text. Nothing is measured here, and no figure is
//! worked out that `ocelli_train::metrics` works out. Each section of the page is a file.

mod cells;
mod classes;
mod confusion;
mod coverage;
mod curves;
mod data;
mod headline;
mod losses;
mod network;
mod pairs;
mod recipe;
mod reliability;
mod thumbnail;

pub use crate::document::Page;
pub use data::{DataDigest, SplitDigest};

use std::borrow::Cow;

use maud::{Markup, html};
use ocelli_data::check::Progress;
use ocelli_data::{Dataset, printable};
use ocelli_model::Classifier;
use ocelli_train::metrics::{Calibration, Predictions, Report};
use ocelli_train::{EpochDone, SwaDone};

use crate::ReportError;
use crate::document::{self, Charts, Document, Section};

/// What the head of every page says made it, a search's too.
pub const GENERATOR: &str = document::GENERATOR;

const SCRIPT: &str = include_str!("script.js");

/// What a page is about.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// What the model is called: its path.
    pub model: &'a str,
    /// Which images it was measured on, in words.
    pub measured_on: &'a str,
    /// The model.
    pub classifier: &'a Classifier,
    /// The images that it was measured on; the predictions' ids are places in it.
    pub images: &'a dyn Dataset,
    /// What it says of them.
    pub predictions: &'a Predictions,
    /// What that is worth.
    pub report: &'a Report,
    /// The calibration at a fitted temperature, if one could be fitted.
    pub tempered: Option<&'a Tempered>,
    /// What to bear in mind about the figures.
    pub cautions: &'a [String],
    /// The data set.
    pub data: &'a DataDigest,
    /// The run that made the model, if it is known.
    pub run: Option<RunStory<'a>>,
}

/// How well probabilities fit at a fitted temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct Tempered {
    /// The temperature, the classifier's own included.
    pub temperature: f64,
    /// Which images it was fitted on, in words.
    pub fitted_on: String,
    /// The logarithmic loss at it.
    pub log_loss: f64,
    /// The calibration at it.
    pub calibration: Calibration,
}

/// How a model came to be.
#[derive(Clone, Copy, Debug)]
pub struct RunStory<'a> {
    /// The epochs that are done.
    pub epochs: &'a [EpochDone],
    /// The mean of the last epochs' weights, where that is the model.
    pub swa: Option<&'a SwaDone>,
    /// Every setting, as TOML.
    pub recipe: &'a str,
}

/// How much a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageOptions {
    /// Images with the highest losses, each with its heat maps (default 12).
    pub top_losses: usize,
    /// Bytes that the images of the confusion matrix's cells may take in the page (default 1.5 MiB).
    pub image_bytes: usize,
    /// Threads that decode images and make heat maps; 0 takes as many as the machine has (default 0). The page does not depend on it.
    pub threads: usize,
}

impl Default for PageOptions {
    fn default() -> Self {
        Self { top_losses: 12, image_bytes: 3 << 19, threads: 0 }
    }
}

/// The names that figures may have.
pub const FIGURES: [&str; 9] = [
    "loss",
    "accuracy",
    "learning-rate",
    "confusion",
    "reliability",
    "reliability-at-temperature",
    "confidence",
    "worst-classes",
    "coverage",
];

impl Page {
    /// Makes a page. `progress` is told how far it is, from any thread.
    ///
    /// # Errors
    /// The network cannot be run here.
    pub fn new(
        subject: &Subject<'_>,
        options: &PageOptions,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Self, ReportError> {
        let mut charts = Charts::default();
        let section = |id, heading, body| Section { id, heading, body };
        let view = confusion::View::of(subject);
        let cells = cells::gather(subject, |cell| view.has(cell), options, progress)?;
        let sections = [
            section("figures", "Figures", headline::body(subject)),
            section("curves", "Training", curves::body(subject, &mut charts)),
            section("confusion", "Confusion matrix", confusion::body(subject, &view, &cells, &mut charts)),
            section("pairs", "Mixed up most often", pairs::body(subject)),
            section(
                "losses",
                "Highest losses",
                losses::body(&losses::gather(subject, options, progress)?, subject),
            ),
            section("worst", "Worst classes", classes::worst(subject, &mut charts)),
            section("classes", "All classes", classes::all(subject)),
            section("reliability", "Reliability", reliability::body(subject, &mut charts)),
            section("coverage", "Answering only when sure", coverage::body(subject, &mut charts)),
            section("network", "Network", network::body(subject)),
            section("data", "Data", data::body(subject.data)),
            section("recipe", "Recipe", recipe::body(subject)),
        ];
        let document =
            Document { title: subject.model, lead: lead(subject), sections: &sections, script: Some(SCRIPT) };
        Ok(Self { html: document.whole(), figures: charts.figures })
    }
}

/// What stands below the title.
fn lead(subject: &Subject<'_>) -> Markup {
    html! {
        p { "Measured on " (printable(subject.measured_on)) "." }
        @for caution in subject.cautions {
            p.caution { strong { "Mind: " } (printable(caution)) "." }
        }
    }
}

impl<'a> Subject<'a> {
    /// The name of a class, as it may be shown.
    fn class(&self, class: usize) -> Cow<'a, str> {
        printable(&self.classifier.classes()[class])
    }

    /// The name of an image, as it may be shown: what tells most of it, of a file its folder and name.
    fn image(&self, id: u64) -> String {
        let name = self.images.name(id as usize);
        let told = if self.images.path(id as usize).is_some() { 2 } else { 1 };
        let parts: Vec<&str> = name.rsplitn(told + 1, ['/', '\\']).take(told).collect();
        printable(&parts.into_iter().rev().collect::<Vec<_>>().join("/")).into_owned()
    }
}
