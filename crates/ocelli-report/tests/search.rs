//! The page of a search: what is in it, whatever the search is like.

#[path = "common/search.rs"]
mod common;

use common::searched;
use ocelli_report::search::{Objective, Search, is_figure};
use ocelli_tune::{Direction, TrialState};

fn names(search: &Search) -> Vec<String> {
    search.page().figures.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_page_has_every_figure_and_breaks_at_no_name() {
    let search = searched(60, 1);
    let count = |state| search.trials.iter().filter(|trial| trial.state == state).count();
    assert!(count(TrialState::Pruned) > 5 && count(TrialState::Fail) == 1 && count(TrialState::Running) == 1);
    let page = search.page();
    let names: Vec<&str> = page.figures.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "history",
        "intermediate",
        "importance",
        "parallel",
        "timeline",
        "slice-train.lr",
        "slice-train.optimizer.momentum",
    ] {
        assert!(names.contains(&name), "{name} of {names:?}");
    }
    assert_eq!(names.iter().filter(|name| name.starts_with("contour-")).count(), 6);
    assert!(names.iter().all(|name| is_figure(name)), "{names:?}");
    assert!(page.html.contains("runs/&lt;i&gt;search&lt;/i&gt;") && !page.html.contains("<i>"));
    assert!(!page.html.contains("<b>"));
    let svgs: Vec<String> = page.figures.iter().map(|(_, figure)| figure.svg()).collect();
    assert!(svgs.iter().all(|svg| !svg.contains("<b>") && !svg.contains("NaN") && !svg.contains("inf")));
    assert!(page.html.len() < 2 << 20, "{} bytes", page.html.len());
    let folder = tempfile::tempdir().unwrap();
    page.save_figures(folder.path(), &["svg"]).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), names.len());
}

#[test]
fn several_objectives_have_a_front_and_figures_each() {
    let found = names(&searched(40, 2));
    for name in [
        "pareto",
        "history-val_loss",
        "history-images_per_second",
        "importance-val_loss",
        "parallel",
        "slice-val_loss-train.lr",
    ] {
        assert!(found.contains(&name.to_owned()), "{name} of {found:?}");
    }
    assert!(!found.contains(&"intermediate".to_owned()));
}

#[test]
fn a_search_that_has_hardly_begun_has_a_page_that_says_so() {
    let objective = |name: &str| Objective { name: name.into(), direction: Direction::Minimize };
    let none = Search { name: "none".into(), objectives: vec![objective("loss")], trials: vec![] };
    let page = none.page();
    assert!(page.figures.is_empty());
    for said in [
        "No trial has come to its end yet.",
        "No trial has been begun yet.",
        "there are 0",
        "No setting varied.",
    ] {
        assert!(page.html.contains(said), "{said}");
    }
    let one = searched(1, 1);
    let found = names(&one);
    assert!(found.contains(&"history".to_owned()) && !found.contains(&"importance".to_owned()), "{found:?}");
    assert!(one.page().html.contains("two complete trials at least"));
}

#[test]
fn a_search_whose_trials_are_all_the_same_says_so() {
    let mut search = searched(20, 1);
    search.trials.retain(|trial| trial.state == TrialState::Complete);
    for trial in &mut search.trials {
        let mut same = (**trial).clone();
        same.values = Some(vec![1.0]);
        *trial = same.into();
    }
    assert!(search.page().html.contains("have the same value"));
    assert!(
        names(&search).contains(&"contour-network.layers.0.out_channels-train.batch_size".to_owned()),
        "{:?}",
        names(&search)
    );
}
