//! `ocelli embed`: the embeddings of a data set as an array, a list of its images, and a drawing.

use super::bar::Bar;
use super::eval::chosen::choose;
use super::labelled::{self, Part};
use super::threads;
use crate::args::EmbedArgs;
use crate::failure::Failure;
use crate::files::together;
use crate::text::{count, csv, percent, plural, warn};
use ocelli::data::check::Progress;
use ocelli::data::{Problem, Undivided};
use ocelli::model::Classifier;
use ocelli::report::explain::{Embeddings, save_npy};
use ocelli::report::projection::{Pca, figure};
use ocelli::report::{Explainer, ReportError};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) fn run(args: &EmbedArgs) -> Result<(), Failure> {
    let classifier = super::load(&args.model)?;
    let threads = threads(args.threads);
    let files = together(&args.out, "embedding", ["npy", "csv", "svg", "png"]);
    claim(&files, Path::new(&args.data))?;
    let data = labelled::open(&classifier, &args.data, args.label_separator, threads)?;
    let parts = parts(&data, &classifier, args.split.as_deref())?;
    let (found, problems) = embed(args, &classifier, &parts, threads)?;
    let listed = listed(&parts, &found);
    let [array, list, drawing @ ..] = files;
    save_npy(&array, &found.values, found.columns)?;
    write(&list, &table(&listed))?;
    let drawn = draw(&drawing, &data, &found, &listed, threads)?;
    tell([&array, &list, &drawing[0]], &found, drawn)?;
    let own = match &args.split {
        Some(split) => data.problems_of(split),
        None => data.problems.iter().collect(),
    };
    let problems: Vec<&Problem> = own.into_iter().chain(&problems).collect();
    problems.iter().for_each(|problem| warn(problem));
    labelled::complete(problems)
}

/// What the list of images begins with.
const HEAD: &str = "image,split,class";

/// # Errors
/// One of the files is there and is not of an earlier run, which its list tells; or the list would replace the data itself.
fn claim(files: &[PathBuf; 4], data: &Path) -> Result<(), Failure> {
    let list = &files[1];
    let data = data.canonicalize();
    let is_data = data.is_ok_and(|data| list.canonicalize().is_ok_and(|list| list == data));
    if !is_data && begins_with(list, HEAD) {
        return Ok(());
    }
    match files.iter().find(|path| path.exists()) {
        Some(path) => {
            let reason = format!("{} is there already, and not from an earlier run", path.display());
            Err(Failure::usage(reason).hint("give another name with --out"))
        }
        None => Ok(()),
    }
}

/// Whether a file's first line is this one.
fn begins_with(path: &Path, line: &str) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let mut first = String::new();
    let limit = line.len() as u64 + 1;
    BufReader::new(file.take(limit)).read_line(&mut first).is_ok_and(|_| first.trim_end() == line)
}

/// The split asked for, else all images, divided as for training.
fn parts(data: &Undivided, classifier: &Classifier, asked: Option<&str>) -> Result<Vec<Part>, Failure> {
    let Some(split) = asked else {
        return Ok(labelled::parts(data, classifier.division()));
    };
    let chosen = choose(data, Some(split), classifier.division())?;
    Ok(vec![(chosen.split, chosen.images)])
}

/// The embeddings of all parts, one after the other; places count through them.
fn embed(
    args: &EmbedArgs,
    classifier: &Classifier,
    parts: &[Part],
    threads: usize,
) -> Result<(Embeddings, Vec<Problem>), Failure> {
    let explainer = Explainer::new(classifier);
    let bar = Bar::new();
    let mut all: Option<Embeddings> = None;
    let (mut before, mut problems) = (0, Vec::new());
    // The bar is that of all parts.
    let total = parts.iter().map(|(_, images)| images.len() as u64).sum();
    for (_, images) in parts.iter().filter(|(_, images)| !images.is_empty()) {
        let found = explainer.embed_all(Arc::clone(images), args.layer.as_deref(), threads, |progress| {
            bar.show(Progress { done: before as u64 + progress.done, total, ..progress });
        });
        let mut found = found.inspect_err(|_| bar.end())?;
        found.images.iter_mut().for_each(|place| *place += before);
        before += images.len();
        problems.append(&mut found.problems);
        match &mut all {
            Some(all) => {
                all.values.append(&mut found.values);
                all.images.append(&mut found.images);
            }
            None => all = Some(found),
        }
    }
    bar.end();
    let none = || Failure::usage(format!("{}: has no images", args.data));
    Ok((all.ok_or_else(none)?, problems))
}

/// An image that has an embedding.
struct Listed {
    name: String,
    split: String,
    /// Its class; of several labels all, with a `|` between them.
    class: String,
}

fn listed(parts: &[Part], found: &Embeddings) -> Vec<Listed> {
    let all =
        parts.iter().flat_map(|(split, images)| (0..images.len()).map(move |index| (split, images, index)));
    let all: Vec<_> = all.collect();
    let one = |place: &usize| {
        let (split, images, index) = all[*place];
        let name = images.name(index).into_owned();
        let labels = images.labels(index);
        let classes: Vec<&str> =
            labels.iter().map(|label| images.classes()[*label as usize].as_str()).collect();
        let class = classes.join("|");
        Listed { name, split: split.clone(), class }
    };
    found.images.iter().map(one).collect()
}

/// [`HEAD`] and a line for each image, in the order of the array's rows.
fn table(listed: &[Listed]) -> String {
    let mut table = format!("{HEAD}\n");
    for Listed { name, split, class, .. } in listed {
        // Writing to a String cannot fail.
        let _ = writeln!(table, "{},{},{}", csv(name), csv(split), csv(class));
    }
    table
}

fn write(path: &Path, text: &str) -> Result<(), ReportError> {
    std::fs::write(path, text).map_err(|source| ReportError::Io { path: path.to_path_buf(), source })
}

/// What a drawing shows of the variance; `None` where there is nothing to draw.
fn draw(
    files: &[PathBuf],
    data: &Undivided,
    found: &Embeddings,
    listed: &[Listed],
    threads: usize,
) -> Result<Option<f64>, Failure> {
    if listed.len() < 2 {
        return Ok(None);
    }
    let pca = Pca::new(&found.values, found.columns, 2, threads)?;
    let along = pca.project(&found.values);
    let width = pca.components.len();
    // Vectors that differ in one direction, or in none, lie on a line.
    let at = |row: usize, axis: usize| if axis < width { along[row * width + axis] } else { 0.0 };
    let points: Vec<(f64, f64)> = (0..listed.len()).map(|row| (at(row, 0), at(row, 1))).collect();
    let (labels, classes) = coloured(&data.classes, listed);
    let share = |axis: usize| pca.variances.get(axis).map_or(0.0, |variance| variance / pca.total_variance);
    let axes = [0, 1].map(|axis| format!("component {}, {} of the variance", axis + 1, percent(share(axis))));
    let title = format!("{} images after layer {}", count(listed.len() as u64), found.layer);
    let figure = figure(&title, (&axes[0], &axes[1]), &points, &labels, &classes);
    files.iter().try_for_each(|file| figure.save(file))?;
    Ok(Some(share(0) + share(1)))
}

/// What each image is drawn as, and what that is called: its class; where images have several labels or none, these together.
fn coloured(classes: &[String], listed: &[Listed]) -> (Vec<usize>, Vec<String>) {
    let mut classes = classes.to_vec();
    let mut places: HashMap<String, usize> =
        classes.iter().enumerate().map(|(place, class)| (class.clone(), place)).collect();
    let mut place = |image: &Listed| {
        let name = if image.class.is_empty() { "no label" } else { &image.class };
        *places.entry(name.to_owned()).or_insert_with(|| {
            classes.push(name.to_owned());
            classes.len() - 1
        })
    };
    let labels = listed.iter().map(&mut place).collect();
    (labels, classes)
}

fn tell([array, list, drawing]: [&Path; 3], found: &Embeddings, drawn: Option<f64>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let images = plural(found.images.len() as u64, "image", "images");
    let what = format!("{images} × {} numbers after layer {}", count(found.columns as u64), found.layer);
    writeln!(out, "array     {}: {what}", array.display())?;
    writeln!(out, "images    {}: image, split and class of each row", list.display())?;
    match drawn {
        Some(share) => writeln!(
            out,
            "drawing   {} and .png: two principal components, {} of the variance",
            drawing.display(),
            percent(share)
        ),
        None => writeln!(out, "drawing   none: one image is no picture"),
    }
}
