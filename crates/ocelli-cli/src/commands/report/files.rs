//! Where the page and its figures go.

use crate::commands::page;
use crate::failure::Failure;
use ocelli::report::Page;
use ocelli::report::page::{FIGURES, GENERATOR};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The page, and the folder of its figures beside it: what an earlier report left there is replaced, anything else stays.
pub(super) struct Files {
    pub(super) page: PathBuf,
    pub(super) figures: PathBuf,
}

impl Files {
    /// As asked for; else beside the model. `a.html` has its figures in `a/`; a folder has them by the usual name.
    pub(super) fn named(asked: Option<&Path>, model: &Path) -> Self {
        let page = match asked {
            Some(out) if out.is_dir() => out.join("report.html"),
            Some(out) if out.extension().is_none() => out.with_extension("html"),
            Some(out) => out.to_path_buf(),
            None => model.with_file_name("report.html"),
        };
        Self { figures: page.with_extension(""), page }
    }

    /// # Errors
    /// The page, or a figure without its page, is there and is not of an earlier report.
    pub(super) fn claim(&self) -> Result<(), Failure> {
        if page::is_by(GENERATOR, &self.page) {
            return Ok(());
        }
        let mut ours = std::iter::once(self.page.clone()).chain(self.figure_files());
        if self.figures.is_file() {
            let reason =
                format!("{} is a file, and figures need a folder of that name", self.figures.display());
            return Err(Failure::usage(reason).hint("give another name with --out FILE"));
        }
        match ours.find(|path| path.exists()) {
            Some(path) => {
                let reason = format!("{} is there already, and not from an earlier report", path.display());
                Err(Failure::usage(reason).hint("give another name with --out FILE, or remove it"))
            }
            None => Ok(()),
        }
    }

    /// Every file that figures may be in.
    fn figure_files(&self) -> impl Iterator<Item = PathBuf> {
        let files = |name| ["svg", "png"].map(|ending| self.figures.join(format!("{name}.{ending}")));
        FIGURES.into_iter().flat_map(files)
    }

    pub(super) fn write(&self, page: &Page) -> Result<(), Failure> {
        let failed = |path: &Path, error: io::Error| {
            Failure::failed(format!("{}: cannot be written: {error}", path.display()))
        };
        fs::create_dir_all(&self.figures).map_err(|error| failed(&self.figures, error))?;
        // What this report has no figure of would be an earlier one's.
        for file in self.figure_files().filter(|file| file.exists()) {
            fs::remove_file(&file).map_err(|error| failed(&file, error))?;
        }
        page.save_figures(&self.figures)?;
        page::write(&self.page, &page.html)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_lie_beside_their_page() {
        let named = |out: Option<&str>| {
            let Files { page, figures } =
                Files::named(out.map(Path::new), Path::new("runs/a/model.safetensors"));
            [page, figures].map(|path| path.to_string_lossy().into_owned())
        };
        assert_eq!(named(None), ["runs/a/report.html", "runs/a/report"]);
        assert_eq!(named(Some("b/c.html")), ["b/c.html", "b/c"]);
        assert_eq!(named(Some("b/c")), ["b/c.html", "b/c"]);
    }

    #[test]
    fn only_an_earlier_report_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::named(Some(folder.path()), Path::new("model.safetensors"));
        assert!(files.claim().is_ok());
        fs::create_dir(&files.figures).unwrap();
        fs::write(files.figures.join("other.png"), "mine").unwrap();
        assert!(files.claim().is_ok(), "another name is in nobody's way");
        fs::write(files.figures.join("loss.png"), "mine").unwrap();
        assert!(files.claim().is_err());
        fs::write(&files.page, "<p>mine</p>").unwrap();
        assert!(files.claim().is_err());
        fs::write(&files.page, format!("<meta name=\"generator\" content=\"{GENERATOR}\">")).unwrap();
        assert!(files.claim().is_ok());
        let page = Page { html: "new".into(), figures: Vec::new() };
        files.write(&page).unwrap();
        assert!(!files.figures.join("loss.png").exists() && files.figures.join("other.png").exists());
        assert_eq!(fs::read_to_string(&files.page).unwrap(), "new");
    }
}
