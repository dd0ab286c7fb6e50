//! `ocelli report` of a search; `ocelli tune` ends with the same.

use super::files::Files;
use crate::args::ReportArgs;
use crate::commands::tune::JOURNAL;
use crate::failure::Failure;
use crate::text::{bytes, count, percent, plural};
use ocelli::data::printable;
use ocelli::report::search::{Search, importances};
use ocelli::tune::{Journal, LockOptions, StudyRecord, TrialState};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Settings whose importance is printed; the page has all.
const PRINTED: usize = 8;
/// Where a journal's first line says that it is one.
const BEGINNING: u64 = 4 << 10;

/// The journal in a search's folder, or one given by itself; `None` of what is neither.
pub(super) fn journal(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return Some(path.join(JOURNAL)).filter(|journal| journal.is_file());
    }
    let mut beginning = Vec::new();
    File::open(path).ok()?.take(BEGINNING).read_to_end(&mut beginning).ok()?;
    let is_one = beginning.starts_with(b"{") && String::from_utf8_lossy(&beginning).contains("\"op_code\"");
    is_one.then(|| path.to_path_buf())
}

/// The page of a journal's study.
pub(super) fn run(args: &ReportArgs, journal: &Path) -> Result<(), Failure> {
    if args.data.is_some() || args.split.is_some() {
        let failure = Failure::usage(
            "the page of a search is made of its journal: --data and --split say nothing to it",
        );
        return Err(failure.hint("leave them out, or name a trial's folder or model"));
    }
    let folder = journal.parent().unwrap_or(Path::new(""));
    let files = Files::of_search(args.out.as_deref(), folder);
    files.claim()?;
    let mut opened = Journal::open(journal, LockOptions::default()).map_err(Failure::failed)?;
    let studies = opened.studies().map_err(Failure::failed)?;
    let study = pick(&studies, args.study.as_deref(), journal)?;
    let name = match studies.len() {
        1 => args.model.to_string_lossy().into_owned(),
        _ => format!("{}: {}", args.model.to_string_lossy(), study.name),
    };
    let search = Search::of(name, study);
    io::stdout().lock().write_all(summary(&search).as_bytes())?;
    leave(&search, &files)
}

/// The study that is asked for, or the only one.
fn pick<'a>(
    studies: &[&'a StudyRecord],
    asked: Option<&str>,
    journal: &Path,
) -> Result<&'a StudyRecord, Failure> {
    let names =
        || studies.iter().map(|study| printable(&study.name).into_owned()).collect::<Vec<_>>().join(", ");
    let refused = |reason: &str, hint: String| {
        Err(Failure::usage(format!("{}: {reason}", journal.display())).hint(hint))
    };
    match (asked, studies) {
        (_, []) => refused("the journal has no study yet", "`ocelli tune` and Optuna write them".into()),
        (None, [only]) => Ok(only),
        (None, _) => {
            refused("the journal has several studies", format!("name one of {} with --study", names()))
        }
        (Some(asked), _) => match studies.iter().find(|study| study.name == asked) {
            Some(study) => Ok(study),
            None => refused(&format!("the journal has no study {asked}"), format!("it has {}", names())),
        },
    }
}

/// How many trials there are, and which settings decide.
pub(crate) fn summary(search: &Search) -> String {
    let complete = search.trials.iter().filter(|trial| trial.state == TrialState::Complete).count() as u64;
    let mut text = format!(
        "trials    {}, {} of them complete\n",
        plural(search.trials.len() as u64, "trial", "trials"),
        count(complete)
    );
    for (place, objective) in search.objectives.iter().enumerate() {
        match importances(search, place) {
            Err(sentence) => _ = writeln!(text, "\n{sentence}"),
            Ok(found) => {
                let shown = &found[..found.len().min(PRINTED)];
                let names: Vec<_> = shown.iter().map(|one| printable(&one.name)).collect();
                let title = format!("importance for {}", objective.name);
                let wide = names
                    .iter()
                    .map(|name| name.chars().count() + 2)
                    .chain([title.chars().count()])
                    .max()
                    .unwrap_or(0);
                _ = writeln!(text, "\n{title:<wide$}  {:>9}  {:>6}", "PED-ANOVA", "fANOVA");
                for (name, one) in names.iter().zip(shown) {
                    let fanova = one.fanova.map_or("-".into(), percent);
                    _ = writeln!(
                        text,
                        "  {name:<width$}  {:>9}  {fanova:>6}",
                        percent(one.ped_anova),
                        width = wide - 2
                    );
                }
            }
        }
    }
    text.push('\n');
    text
}

/// Writes a search's page and figures, and says where.
pub(crate) fn leave(search: &Search, files: &Files) -> Result<(), Failure> {
    let page = search.page();
    files.write(&page)?;
    let mut out = io::stdout().lock();
    let size = bytes(page.html.len() as u64);
    writeln!(out, "page      {} ({size}, with all it needs)", printable(&files.page.to_string_lossy()))?;
    let figures = count(page.figures.len() as u64);
    writeln!(out, "figures   {}: {figures}, as SVG", printable(&files.figures.to_string_lossy()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journals_are_told_from_other_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("any.name");
        let of = |text: &str| {
            std::fs::write(&file, text).unwrap();
            journal(&file)
        };
        assert_eq!(of("{\"worker_id\": \"a\", \"op_code\": 0}\n"), Some(file.clone()));
        assert_eq!(of("not a journal \"op_code\""), None);
        assert_eq!((of(""), journal(folder.path())), (None, None));
        std::fs::write(folder.path().join(JOURNAL), "").unwrap();
        assert_eq!(journal(folder.path()), Some(folder.path().join(JOURNAL)));
    }
}
