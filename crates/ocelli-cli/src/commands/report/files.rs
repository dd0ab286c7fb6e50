//! Where the page and its figures go.

use crate::commands::page;
use crate::failure::Failure;
use crate::files::{beside, together};
use ocelli::report::Page;
use ocelli::report::page::{FIGURES, GENERATOR};
use ocelli::report::search::is_figure;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a page is called that nobody named, and what its name ends in.
const USUAL: &str = "report";
const ENDING: [&str; 1] = ["html"];

/// The page, and the folder of its figures beside it: what an earlier report left there is replaced, anything else stays.
pub(crate) struct Files {
    pub(crate) page: PathBuf,
    pub(crate) figures: PathBuf,
    kind: Kind,
}

/// Which files of the folder are figures.
#[derive(Clone, Copy)]
struct Kind {
    is_figure: fn(&str) -> bool,
    endings: &'static [&'static str],
}

const OF_MODEL: Kind = Kind { is_figure: |name| FIGURES.contains(&name), endings: &["svg", "png"] };
const OF_SEARCH: Kind = Kind { is_figure, endings: &["svg"] };
/// The folder of a search's figures, where its page was given no other name.
const PLOTS: &str = "plots";

impl Files {
    /// As asked for; else beside the model. `a.html` has its figures in `a/`; a folder has both by the usual name.
    pub(super) fn named(asked: Option<&Path>, model: &Path) -> Self {
        let [page] = match asked {
            // The folder is that of an earlier report's figures.
            Some(out) if is_ours(&beside(out, ENDING)[0]) => beside(out, ENDING),
            Some(out) => together(out, USUAL, ENDING),
            None => beside(&model.with_file_name(USUAL), ENDING),
        };
        Self { figures: page.with_extension(""), page, kind: OF_MODEL }
    }

    /// As asked for; else in the search's folder, the figures in `plots/`.
    pub(crate) fn of_search(asked: Option<&Path>, folder: &Path) -> Self {
        match asked {
            Some(_) => Self { kind: OF_SEARCH, ..Self::named(asked, folder) },
            None => {
                let [page] = beside(&folder.join(USUAL), ENDING);
                Self { figures: folder.join(PLOTS), page, kind: OF_SEARCH }
            }
        }
    }

    /// # Errors
    /// The page, or a figure without its page, is there and is not of an earlier report; or a file is where the figures' folder goes.
    pub(crate) fn claim(&self) -> Result<(), Failure> {
        if self.figures.is_file() {
            let reason =
                format!("{} is a file, and figures need a folder of that name", self.figures.display());
            return Err(Failure::usage(reason).hint("give another name with --out FILE"));
        }
        if is_ours(&self.page) {
            return Ok(());
        }
        let mut there =
            Some(self.page.clone()).filter(|page| page.exists()).into_iter().chain(self.figure_files());
        match there.next() {
            Some(path) => {
                let reason = format!("{} is there already, and not from an earlier report", path.display());
                Err(Failure::usage(reason).hint("give another name with --out FILE, or remove it"))
            }
            None => Ok(()),
        }
    }

    /// The files of the folder that have names of figures.
    fn figure_files(&self) -> Vec<PathBuf> {
        let Kind { is_figure, endings } = self.kind;
        let is_ours = |path: &PathBuf| {
            let part = |part: Option<&std::ffi::OsStr>| {
                part.and_then(|part| part.to_str()).unwrap_or_default().to_owned()
            };
            is_figure(&part(path.file_stem())) && endings.contains(&part(path.extension()).as_str())
        };
        let all = fs::read_dir(&self.figures).into_iter().flatten().flatten();
        all.map(|entry| entry.path()).filter(is_ours).collect()
    }

    pub(crate) fn write(&self, page: &Page) -> Result<(), Failure> {
        let failed = |path: &Path, error: io::Error| {
            Failure::failed(format!("{}: cannot be written: {error}", path.display()))
        };
        fs::create_dir_all(&self.figures).map_err(|error| failed(&self.figures, error))?;
        // What this report has no figure of would be an earlier one's.
        for file in self.figure_files() {
            fs::remove_file(&file).map_err(|error| failed(&file, error))?;
        }
        page.save_figures(&self.figures, self.kind.endings)?;
        page::write(&self.page, &page.html)
    }
}

/// Whether a file is a page of an earlier report.
fn is_ours(page: &Path) -> bool {
    page::is_by(GENERATOR, page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_lie_beside_their_page() {
        let named = |out: Option<&str>| {
            let Files { page, figures, .. } =
                Files::named(out.map(Path::new), Path::new("runs/a/model.safetensors"));
            [page, figures].map(|path| path.to_string_lossy().into_owned())
        };
        assert_eq!(named(None), ["runs/a/report.html", "runs/a/report"]);
        assert_eq!(named(Some("b/c.html")), ["b/c.html", "b/c"]);
        assert_eq!(named(Some("b/c")), ["b/c.html", "b/c"]);
        assert_eq!(named(Some("run-v0.5")), ["run-v0.5.html", "run-v0.5"]);
    }

    const OURS: &str = "<meta name=\"generator\" content=\"ocelli report\">";

    #[test]
    fn the_folder_of_an_earlier_report_is_no_folder_to_write_into() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("about");
        let named = || Files::named(Some(&out), Path::new("model.safetensors"));
        let (inside, alone) = (out.join("report.html"), folder.path().join("about.html"));
        assert_eq!(named().page, alone);
        named().write(&Page { html: OURS.into(), figures: Vec::new() }).unwrap();
        assert!(out.is_dir());
        let Files { page, figures, .. } = named();
        assert_eq!((page, figures), (alone.clone(), out.clone()), "again the same");
        fs::write(&alone, "<p>mine</p>").unwrap();
        assert_eq!(named().page, inside, "a folder that is not ours");
    }

    #[test]
    fn a_file_in_the_place_of_the_figures_is_told_before_any_work() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::named(Some(&folder.path().join("a.html")), Path::new("model.safetensors"));
        fs::write(&files.page, OURS).unwrap();
        assert!(files.claim().is_ok());
        fs::write(&files.figures, "mine").unwrap();
        assert!(files.claim().is_err(), "though the page is ours");
    }

    #[test]
    fn a_search_has_its_figures_in_plots() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::of_search(None, folder.path());
        assert_eq!(
            (&files.page, &files.figures),
            (&folder.path().join("report.html"), &folder.path().join("plots"))
        );
        let named = Files::of_search(Some(Path::new("a.html")), folder.path());
        assert_eq!((named.page, named.figures), ("a.html".into(), "a".into()));
        files.write(&Page { html: OURS.into(), figures: Vec::new() }).unwrap();
        for name in ["slice-old.svg", "history.svg", "slice-mine.png", "histories.svg"] {
            fs::write(files.figures.join(name), "").unwrap();
        }
        files.write(&Page { html: OURS.into(), figures: Vec::new() }).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(&files.figures).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(
            left,
            ["histories.svg", "slice-mine.png"],
            "an earlier report's figures are gone, others' files are not"
        );
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
        fs::write(&files.page, OURS).unwrap();
        assert!(files.claim().is_ok());
        let page = Page { html: "new".into(), figures: Vec::new() };
        files.write(&page).unwrap();
        assert!(!files.figures.join("loss.png").exists() && files.figures.join("other.png").exists());
        assert_eq!(fs::read_to_string(&files.page).unwrap(), "new");
    }
}
