//! `ocelli data preview`: what a recipe's transforms make of the training images.

mod html;

use super::failure;
use crate::args::data::PreviewArgs;
use crate::commands::{page, threads, train};
use crate::failure::Failure;
use crate::files::together;
use crate::progress;
use crate::text::plural;
use ocelli::data::preview::{Preview, PreviewOptions, preview};
use ocelli::data::{Transform, printable};
use ocelli::train::{Run, RunOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What the page says made it.
const MAKER: &str = "ocelli data preview";

pub(crate) fn run(args: &PreviewArgs) -> Result<(), Failure> {
    let files = Files::named(&args.out);
    files.claim()?;
    let recipe = train::begun(args.recipe.as_deref(), &args.set, args.data.as_deref(), args.seed);
    let recipe = recipe.and_then(|recipe| recipe.build()).map_err(Failure::usage)?;
    let run = Run::prepare(recipe, RunOptions { threads: threads(args.threads) }).map_err(train::failure)?;
    progress::name(run.problems());
    let transforms = run.recipe().transforms.train.as_deref().unwrap_or_default();
    let options = PreviewOptions {
        images: args.images,
        versions: args.versions,
        seed: run.recipe().seed,
        side: args.side,
    };
    let preview = preview(&**run.train_images(), transforms, &options).map_err(failure)?;
    let notes = notes(&run, transforms);
    page::write(&files.picture, page::png(&preview.sheet()))?;
    page::write(&files.page, html::page(&run, &preview, &notes))?;
    tell(&run, &preview, &files)?;
    let mut out = io::stdout().lock();
    notes.iter().try_for_each(|note| writeln!(out, "\nnote: {note}"))?;
    Ok(())
}

/// Where the two files go.
struct Files {
    picture: PathBuf,
    page: PathBuf,
}

impl Files {
    /// `photos` and `photos.png` name `photos.png` and `photos.html`; a folder has them by the usual name.
    fn named(out: &Path) -> Self {
        let [picture, page] = together(out, "preview", ["png", "html"]);
        Self { picture, page }
    }

    /// # Errors
    /// One of them is there, and is not of an earlier preview.
    fn claim(&self) -> Result<(), Failure> {
        let is_ours = page::is_by(MAKER, &self.page);
        match [&self.page, &self.picture].into_iter().find(|path| path.exists()) {
            Some(path) if !is_ours => {
                let reason = format!("{} is there already, and not from an earlier preview", path.display());
                Err(Failure::usage(reason).hint("give another name with --out NAME, or remove it"))
            }
            _ => Ok(()),
        }
    }
}

/// What the pictures do not tell.
fn notes(run: &Run, transforms: &[Transform]) -> Vec<String> {
    let mut notes = Vec::new();
    if transforms.iter().all(Transform::is_deterministic) {
        notes.push(
            "no transform of the recipe is random: training sees the same pixels in every epoch. More come with \
             --set transforms.augment=true, or a list, as --set 'transforms.train=[{ type = \"RandomHorizontalFlip\" }, { type = \"Normalize\" }]'"
                .to_owned(),
        );
    }
    if run.recipe().transforms.batch.is_some() {
        notes.push(
            "transforms.batch mixes the images of a batch with each other, after what is shown".to_owned(),
        );
    }
    notes
}

/// Which images there are, and which rows show what.
fn tell(run: &Run, preview: &Preview, files: &Files) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let path = run.data().path.to_string_lossy();
    writeln!(out, "data      {} ({}), training images", printable(&path), run.data().format)?;
    writeln!(out, "picture   {}", files.picture.display())?;
    writeln!(out, "page      {}\n", files.page.display())?;
    let shown = preview.sections.first().map_or(&[][..], |section| &section.rows);
    for (number, row) in shown.iter().enumerate() {
        let label = if number == 0 { "images" } else { "" };
        writeln!(out, "{label:<9} {}  {}", printable(&row.class), printable(&row.name))?;
    }
    writeln!(out)?;
    for (section, rows) in preview.sections.iter().zip(rows(preview)) {
        let versions = section.rows.first().map_or(0, |row| row.versions.len());
        let versions = plural(versions as u64, "version", "versions");
        writeln!(out, "{rows:<11} {:<22} {versions} of each", section.name())?;
    }
    Ok(())
}

/// The rows of the picture that each section has: "rows 1–4".
fn rows(preview: &Preview) -> impl Iterator<Item = String> {
    preview.sections.iter().scan(0, |last, section| {
        let first = *last + 1;
        *last += section.rows.len();
        Some(if first == *last { format!("row {first}") } else { format!("rows {first}–{last}") })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_dots() {
        for (out, picture, page) in [
            ("a", "a.png", "a.html"),
            ("b/photos.v2", "b/photos.v2.png", "b/photos.v2.html"),
            ("c.PNG", "c.png", "c.html"),
            ("c.html", "c.png", "c.html"),
        ] {
            let files = Files::named(Path::new(out));
            assert_eq!((files.picture, files.page), (picture.into(), page.into()));
        }
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Files::named(folder.path()).page, folder.path().join("preview.html"));
    }
}
