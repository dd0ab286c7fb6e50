//! `ocelli data split`: a manifest, or copies, with the images divided.

use super::{class_table, failure, title, total};
use crate::args::data::{Grouping, SplitArgs};
use crate::commands::bar::Bar;
use crate::commands::threads;
use crate::failure::Failure;
use crate::text::{count, shell};
use ocelli::data::check::{CheckOptions, groups};
use ocelli::data::dataset::{Fractions, Indices, grouped, manifest, strata, stratified};
use ocelli::data::{OpenOptions, Undivided, open_undivided};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

/// One image of the data, wherever it lies now.
struct Image {
    path: PathBuf,
    labels: Vec<u32>,
    /// What it is divided by.
    stratum: u32,
    weight: f32,
}

pub(crate) fn run(args: &SplitArgs) -> Result<(), Failure> {
    let threads = threads(args.threads);
    let options = OpenOptions {
        allow_class_mismatch: true,
        label_separator: args.label_separator,
        threads,
        ..OpenOptions::default()
    };
    let data = open_undivided(&args.data, &options).map_err(failure)?;
    let (images, several) = images(&data)?;
    if several && args.copy.is_some() {
        let failure = Failure::usage("--copy: an image of several labels has no folder of its class");
        return Err(failure.hint("write a manifest: --out FILE.csv"));
    }
    let fractions = Fractions { validation: args.val, test: args.test };
    let labels: Vec<u32> = images.iter().map(|image| image.stratum).collect();
    let indices = match &args.group {
        None => stratified(&labels, fractions, args.seed),
        Some(by) => grouped(&labels, &group(by, &data, &images, threads)?, fractions, args.seed),
    }
    .map_err(failure)?;
    let parts = parts(&indices);
    if let Some(folder) = &args.copy {
        copy(folder, &data.classes, &images, &parts)?;
    }
    if let Some(path) = &args.out {
        write(path, &data.classes, (&images, several), &parts)?;
    }
    print(args, &data, (&images, several), &parts)?;
    crate::progress::name(&data.problems);
    Ok(())
}

type Part<'a> = (&'static str, &'a [usize]);

fn parts(indices: &Indices) -> [Part<'_>; 3] {
    [("train", &indices.train), ("val", &indices.validation), ("test", &indices.test)]
}

/// The images of all splits, which need files of their own, and whether they may have several labels.
fn images(data: &Undivided) -> Result<(Vec<Image>, bool), Failure> {
    let (mut images, mut several) = (Vec::new(), false);
    for name in data.names() {
        let split = data.get(name).map_err(failure)?;
        several |= split.is_multi_label();
        for (index, stratum) in strata(&*split).into_iter().enumerate() {
            let path = split.path(index).ok_or_else(|| no_files(data))?.to_path_buf();
            let (labels, weight) = (split.labels(index).into_owned(), split.weight(index));
            images.push(Image { path, labels, stratum, weight });
        }
    }
    Ok((images, several))
}

fn no_files(data: &Undivided) -> Failure {
    let reason = format!(
        "{} ({}): its images have no files of their own, which a manifest could list",
        data.path.display(),
        data.format
    );
    Failure::usage(reason).hint("`train` divides it by data.validation, data.test and the seed")
}

/// The number of each image's group.
fn group(by: &Grouping, data: &Undivided, images: &[Image], threads: usize) -> Result<Vec<u32>, Failure> {
    let named = |name: &dyn Fn(&Image) -> Result<String, Failure>| {
        let mut numbers = HashMap::new();
        let number = |image| {
            let next = numbers.len() as u32;
            Ok(*numbers.entry(name(image)?).or_insert(next))
        };
        images.iter().map(number).collect::<Result<Vec<u32>, Failure>>()
    };
    match by {
        Grouping::NearDuplicates => {
            let bar = Bar::new();
            let options = CheckOptions { threads, ..CheckOptions::default() };
            let found = groups(data, &options, &|progress| bar.show(progress));
            bar.end();
            Ok(found.map_err(failure)?.concat())
        }
        Grouping::Folder => {
            named(&|image| Ok(image.path.parent().unwrap_or(Path::new("")).to_string_lossy().into_owned()))
        }
        Grouping::Prefix(separator) => named(&|image| {
            let name = image.path.file_name().unwrap_or_default().to_string_lossy();
            Ok(name.split(separator.as_str()).next().unwrap_or_default().to_owned())
        }),
        Grouping::Column(column) => {
            let path = manifest_of(data)?;
            let values = manifest::column(&path, column).map_err(Failure::usage)?;
            named(&|image| {
                let missing = || Failure::failed(format!("{}: has no `{column}`", image.path.display()));
                values.get(&image.path).cloned().ok_or_else(missing)
            })
        }
    }
}

/// The manifest that the data was read from.
fn manifest_of(data: &Undivided) -> Result<PathBuf, Failure> {
    manifest::find(&data.path).ok_or_else(|| {
        let reason = format!("{} ({}) has no columns to group by", data.path.display(), data.format);
        Failure::usage(reason).hint("a manifest has: a CSV or JSON Lines file that lists the images")
    })
}

/// Writes a manifest of the images, which may have several labels or have one each.
fn write(
    path: &Path,
    classes: &[String],
    (images, several): (&[Image], bool),
    parts: &[Part<'_>],
) -> Result<(), Failure> {
    if path.exists() {
        return Err(Failure::usage(format!("{} is there already: give another name", path.display())));
    }
    let folder = std::path::absolute(path)?.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut entries = Vec::with_capacity(images.len());
    for &(split, members) in parts {
        for &index in members {
            let Image { path, labels, weight, .. } = &images[index];
            let absolute = std::path::absolute(path)?;
            let path = absolute.strip_prefix(&folder).map(Path::to_path_buf).unwrap_or(absolute.clone());
            entries.push(manifest::Entry {
                path,
                labels: labels.iter().map(|label| classes[*label as usize].clone()).collect(),
                split,
                weight: *weight,
            });
        }
    }
    manifest::write(path, classes, &entries, several).map_err(failure)
}

/// Copies every image to `folder/<split>/<class>`.
fn copy(folder: &Path, classes: &[String], images: &[Image], parts: &[Part<'_>]) -> Result<(), Failure> {
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::usage(format!("{} is not empty: give another folder", folder.display())));
    }
    if let Some(class) = classes.iter().find(|class| !is_folder_name(class)) {
        return Err(Failure::usage(format!(
            "class `{class}` cannot be the name of a folder: write a manifest with --out"
        )));
    }
    let mut taken = HashSet::new();
    for &(split, members) in parts {
        for &index in members {
            let image = &images[index];
            let folder = folder.join(split).join(&classes[image.stratum as usize]);
            fs::create_dir_all(&folder)
                .map_err(|error| Failure::failed(format!("{}: cannot be made: {error}", folder.display())))?;
            let to = free(&folder, &image.path, &mut taken);
            fs::copy(&image.path, &to).map_err(|error| {
                Failure::failed(format!(
                    "{}: cannot be copied to {}: {error}",
                    image.path.display(),
                    to.display()
                ))
            })?;
        }
    }
    Ok(())
}

fn is_folder_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name)
        && !name.starts_with('.')
}

/// A path in `folder` for a copy of `image`: its own name, with a number where another copy has it.
fn free(folder: &Path, image: &Path, taken: &mut HashSet<PathBuf>) -> PathBuf {
    let stem = image.file_stem().unwrap_or_default().to_string_lossy();
    let ending =
        image.extension().map_or_else(String::new, |ending| format!(".{}", ending.to_string_lossy()));
    let own = folder.join(image.file_name().unwrap_or_default());
    let numbered = (2_u32..).map(|number| folder.join(format!("{stem}-{number}{ending}")));
    let mut candidates = std::iter::once(own).chain(numbered);
    candidates.find(|path| taken.insert(path.clone())).expect("numbers do not end")
}

fn print(
    args: &SplitArgs,
    data: &Undivided,
    (images, several): (&[Image], bool),
    parts: &[Part<'_>],
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}\n", title(&data.path, data.format, data.classes.len(), images.len()))?;
    let counted: Vec<(&str, Vec<u64>)> = parts
        .iter()
        .map(|(name, members)| {
            let mut counts = vec![0; data.classes.len()];
            for &index in *members {
                images[index].labels.iter().for_each(|label| counts[*label as usize] += 1);
            }
            (*name, counts)
        })
        .collect();
    let splits: Vec<(&str, &[u64])> =
        counted.iter().map(|(name, counts)| (*name, counts.as_slice())).collect();
    writeln!(out, "{}", class_table(&data.classes, &splits, total(several)))?;
    if let Some(path) = &args.out {
        writeln!(out, "manifest  {}", path.display())?;
    }
    if let Some(folder) = &args.copy {
        writeln!(out, "copies    {} in {}", count(images.len() as u64), folder.display())?;
    }
    let made = args.copy.as_ref().or(args.out.as_ref());
    let made = made.map_or_else(String::new, |path| shell(&path.to_string_lossy()));
    writeln!(out, "\ntry next:\n  ocelli train --data {made}")
}
