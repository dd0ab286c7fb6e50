//! `ocelli report`: all about a model, a run, or a search, as one page.

pub(crate) mod files;
pub(crate) mod search;
mod source;

use super::bar::Bar;
use super::eval::chosen::{Chosen, caution, choose, part};
use super::{labelled, threads};
use crate::args::ReportArgs;
use crate::failure::Failure;
use crate::text::{bytes, count, percent, plural, warn};
use crate::tracking::attach;
use files::Files;
use ocelli::data::check::Progress;
use ocelli::data::{Dataset, ErrorKind, Problem, Undivided, printable};
use ocelli::model::Classifier;
use ocelli::report::{DataDigest, Page, PageOptions, RunStory, SplitDigest, Subject, Tempered};
use ocelli::train::metrics::{
    Predictions, Report, ReportOptions, at_temperature, calibration, fit_temperature, log_loss,
};
use ocelli::train::{MeasureOptions, measure_watched};
use source::Source;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The split that a temperature is fitted on, where it is not the one that is measured on.
const FITTED_ON: &str = "val";
/// The page among the files of a tracked run, whatever it is called here.
const ARTIFACT: &str = "report.html";

pub(crate) fn run(args: &ReportArgs) -> Result<(), Failure> {
    if let Some(journal) = search::journal(&args.model) {
        return search::run(args, &journal);
    }
    if args.study.is_some() {
        let reason = format!("--study names a study of a journal, and {} is none", args.model.display());
        return Err(Failure::usage(reason).hint("leave --study out, or name a search's folder or journal"));
    }
    let source = Source::open(&args.model)?;
    let files = Files::named(args.out.as_deref(), &source.model);
    files.claim()?;
    let classifier = super::load(&source.model)?;
    if classifier.is_multi_label() {
        let reason =
            format!("{}: it tells several labels an image, and a page is about one", source.model.display());
        return Err(Failure::usage(reason).hint("`ocelli eval` measures it"));
    }
    let threads = threads(args.threads);
    let asked = source.data(args.data.as_deref())?;
    let data = labelled::open(&classifier, &asked, source.label_separator(), threads);
    let data = data.map_err(|failure| source.explained(args, failure))?;
    let chosen = choose(&data, args.split.as_deref(), classifier.division())?;
    labelled::check(&asked, chosen.images.as_ref(), &classifier)?;
    let bar = Bar::new();
    let work = Work { classifier: &classifier, data: &data, chosen: &chosen, threads, bar: &bar };
    let page = work.page(args, &source);
    bar.end();
    let Made { page, report, problems, warnings } = page?;
    let problems: Vec<&Problem> = data.problems_of(&chosen.split).into_iter().chain(&problems).collect();
    files.write(&page)?;
    tell(&files, &page, &report, &chosen)?;
    if let Some(folder) = source.folder().filter(|_| !args.no_track) {
        attach(folder, &files.page, ARTIFACT);
    }
    problems.iter().for_each(|problem| warn(problem));
    warnings.iter().for_each(|warning| warn(warning));
    labelled::complete(problems)
}

/// A page, and what is to be told with it.
struct Made {
    page: Page,
    report: Report,
    /// What is wrong with the images that were measured on.
    problems: Vec<Problem>,
    /// What is wrong beside them, which costs no figure.
    warnings: Vec<String>,
}

/// What a page is made of.
struct Work<'a> {
    classifier: &'a Classifier,
    data: &'a Undivided,
    chosen: &'a Chosen,
    threads: usize,
    bar: &'a Bar,
}

impl Work<'_> {
    fn page(&self, args: &ReportArgs, source: &Source) -> Result<Made, Failure> {
        let (predictions, problems) = self.measure(&self.chosen.images, "measuring")?;
        let options = ReportOptions::default();
        self.bar.show(Progress { step: "resampling", done: 0, total: 1 });
        let report = Report::of(&predictions, &options);
        let (tempered, warnings) = self.tempered(&predictions, options.bins);
        let recipe = source.recipe();
        let run = source.record.as_ref().zip(recipe.as_deref());
        let digest = digest(self.data, self.classifier);
        let cautions = self.cautions(&problems);
        let subject = Subject {
            model: &args.model.to_string_lossy(),
            measured_on: &format!("{}, {}", self.data.path.display(), part(self.chosen)),
            classifier: self.classifier,
            images: self.chosen.images.as_ref(),
            predictions: &predictions,
            report: &report,
            tempered: tempered.as_ref(),
            cautions: &cautions,
            data: &digest,
            run: run.map(|(record, recipe)| RunStory {
                epochs: &record.epochs,
                swa: record.swa.as_ref(),
                recipe,
            }),
        };
        let options =
            PageOptions { top_losses: args.top_losses, threads: self.threads, ..PageOptions::default() };
        let page = Page::new(&subject, &options, &|progress| self.bar.show(progress))?;
        Ok(Made { page, report, problems, warnings })
    }

    fn measure(
        &self,
        images: &Arc<dyn Dataset>,
        step: &'static str,
    ) -> Result<(Predictions, Vec<Problem>), Failure> {
        let options = MeasureOptions { threads: self.threads, ..MeasureOptions::default() };
        let (done, total) = (AtomicU64::new(0), images.len() as u64);
        let watch = |images| {
            let done = done.fetch_add(images, Ordering::Relaxed) + images;
            self.bar.show(Progress { step, done, total });
            ControlFlow::Continue(())
        };
        measure_watched(self.classifier, Arc::clone(images), &options, watch).map_err(labelled::failed)
    }

    /// The calibration at a temperature that is fitted on the validation images; where there are none, or they cannot be measured on, or
    /// no temperature is best on them, on those that are measured on. And what is wrong with the validation images.
    fn tempered(&self, said: &Predictions, bins: usize) -> (Option<Tempered>, Vec<String>) {
        let own = self.classifier.temperature().unwrap_or(1.0);
        let (found, warnings) =
            if self.chosen.split == FITTED_ON { Default::default() } else { self.fitted_on_others() };
        let found =
            found.or_else(|| Some((fit_temperature(said)?, "the images that are measured on".to_owned())));
        let tempered = found.map(|(more, fitted_on)| {
            let tempered = at_temperature(said.clone(), more);
            let calibration = calibration(&tempered, bins);
            Tempered { temperature: more * own, fitted_on, log_loss: log_loss(&tempered), calibration }
        });
        (tempered, warnings)
    }

    /// The temperature that is best on the validation images, if there are some and one is, and what these are; and what is wrong with
    /// them.
    fn fitted_on_others(&self) -> (Option<(f64, String)>, Vec<String>) {
        let told = self.data.problems_of(&self.chosen.split);
        let own = self.data.problems_of(FITTED_ON);
        let own = own.into_iter().filter(|problem| !told.contains(problem)).map(Problem::to_string);
        let mut warnings: Vec<String> = own.collect();
        let Ok(others) = choose(self.data, Some(FITTED_ON), self.classifier.division()) else {
            return (None, warnings);
        };
        match self.measure(&others.images, "fitting the temperature") {
            Ok((predictions, problems)) => {
                warnings.extend(problems.iter().map(Problem::to_string));
                (fit_temperature(&predictions).map(|more| (more, part(&others))), warnings)
            }
            Err(failure) => {
                if let Failure::Report { error, .. } = failure {
                    warnings.push(format!("no temperature is fitted on the {}: {error}", part(&others)));
                }
                (None, warnings)
            }
        }
    }

    fn cautions(&self, problems: &[Problem]) -> Vec<String> {
        let left_out =
            problems.iter().filter(|problem| problem.kind() != ErrorKind::EmptyClass).count() as u64;
        let left_out = (left_out > 0).then(|| {
            format!("{} could not be used and is in no figure", plural(left_out, "image", "images"))
        });
        caution(self.chosen).into_iter().chain(left_out).collect()
    }
}

/// The data set in figures, divided as it was for training.
fn digest(data: &Undivided, classifier: &Classifier) -> DataDigest {
    let parts = labelled::parts(data, classifier.division());
    let splits = parts.iter().map(|(name, images)| SplitDigest::of(name.as_str(), images.as_ref())).collect();
    let path = data.path.to_string_lossy().into_owned();
    DataDigest { path, format: data.format, classes: data.classes.clone(), splits }
}

/// What was measured, and what was written.
fn tell(files: &Files, page: &Page, report: &Report, chosen: &Chosen) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let between = report.intervals.map_or_else(String::new, |all| {
        format!(" ({} to {})", percent(all.accuracy.low), percent(all.accuracy.high))
    });
    let images = plural(report.images, "image", "images");
    writeln!(out, "accuracy  {}{between} of {images}: {}", percent(report.accuracy), part(chosen))?;
    let size = bytes(page.html.len() as u64);
    writeln!(out, "page      {} ({size}, with all it needs)", printable(&files.page.to_string_lossy()))?;
    let figures = count(page.figures.len() as u64);
    writeln!(out, "figures   {}: {figures}, as SVG and PNG", printable(&files.figures.to_string_lossy()))
}
