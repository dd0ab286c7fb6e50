//! Pages: whole, safe, small, and true to the figures.

mod common;

use std::collections::BTreeSet;

use common::{epochs, made};
use ocelli_report::RunStory;
use ocelli_train::SwaDone;

/// Names of attributes and their values, and that every element that is opened is closed in its place.
fn attributes(html: &str) -> Vec<(String, String)> {
    const VOID: [&str; 4] = ["meta", "img", "source", "br"];
    let (mut open, mut found) = (Vec::new(), Vec::new());
    let mut rest = html.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    while let Some(at) = rest.find('<') {
        let tag = &rest[at + 1..];
        let end = tag.find('>').expect("tags end");
        let (inside, after) = (&tag[..end], &tag[end + 1..]);
        rest = after;
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "what was opened last is closed first");
            continue;
        }
        let (name, mut parts) = inside.split_once(' ').unwrap_or((inside, ""));
        while let Some((key, value)) = parts.split_once("=\"") {
            let (value, after) = value.split_once('"').expect("values end");
            found.push((key.trim().to_string(), value.to_string()));
            parts = after;
        }
        if matches!(name, "style" | "script") {
            rest = rest.split_once(&format!("</{name}>")).expect("it is closed").1;
        } else if !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    found
}

#[test]
fn a_page_needs_nothing_else_and_its_links_lead_somewhere() {
    let made = made((0..12).map(|class| format!("class {class}")).collect(), 240);
    let epochs = epochs();
    let page = made
        .page(Some(RunStory { epochs: &epochs, swa: None, recipe: "seed = 1" }), &["they were seen".into()]);
    let attributes = attributes(&page.html);
    let all = |key: &'static str| {
        attributes.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    };
    assert!(all("src").chain(all("srcset")).all(|url| url.starts_with("data:image/")), "pictures are within");
    assert!(all("src").count() > 100);
    let ids: BTreeSet<&str> = all("id").collect();
    assert_eq!(ids.len(), all("id").count(), "ids are unique");
    for link in all("href") {
        assert!(ids.contains(link.strip_prefix('#').unwrap()), "{link}");
    }
    assert!(!page.html.contains("http:") && !page.html.contains("https:"), "no address");
    let names: Vec<&str> = page.figures.iter().map(|(name, _)| name.as_str()).collect();
    let all: BTreeSet<&str> = ocelli_report::page::FIGURES.into_iter().collect();
    assert_eq!(names.iter().copied().collect::<BTreeSet<_>>(), all);
    let folder = tempfile::tempdir().unwrap();
    page.save_figures(folder.path(), &["svg", "png"]).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2 * all.len());
}

#[test]
fn figures_are_those_of_the_report() {
    let made = made((0..7).map(|class| format!("class {class}")).collect(), 140);
    let html = made.page(None, &[]).html;
    let report = &made.report;
    let percent = |share: f64| format!("{:.1}%", 100.0 * share);
    for value in [
        percent(report.accuracy),
        percent(report.top5_accuracy),
        percent(report.scores.macro_average.f1),
        format!("{:.4}", report.log_loss),
        format!("{:.4}", report.brier_score),
        percent(report.calibration.error),
        format!("{:.4}", report.roc_auc.macro_mean.unwrap()),
        format!(
            "{} to {}",
            percent(report.intervals.unwrap().accuracy.low),
            percent(report.intervals.unwrap().accuracy.high)
        ),
    ] {
        assert!(html.contains(&format!(">{value}<")), "{value}");
    }
    let (truth, predicted, images) = report.confusion.mistakes()[0];
    assert!(html.contains(&format!("class {truth} taken for class {predicted}: {images} images")));
    assert!(html.contains("there are no curves") && html.contains("its recipe is not known"));
}

#[test]
fn names_cannot_break_out() {
    let names = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(2)>", "a\u{1}&amp;", "'b'"];
    let made = made(names.map(String::from).to_vec(), 40);
    let recipe = "seed = 1 # </code></pre><script>alert(3)</script>";
    let page = made.page(Some(RunStory { epochs: &epochs(), swa: None, recipe }), &["<b>bold</b>".into()]);
    assert_eq!(page.html.matches("<script>").count(), 1, "its own");
    for broken in ["<script>alert", "<img src=x", "<b>", "<i>", "<u>", "\u{1}"] {
        assert!(!page.html.contains(broken), "{broken:?}");
    }
    assert!(page.html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(attributes(&page.html).iter().all(|(name, _)| !name.starts_with("on")));
}

#[test]
fn the_page_of_a_hundred_classes_is_small_and_says_what_is_left_out() {
    let made = made((0..100).map(|class| format!("a class by the number {class}")).collect(), 3000);
    let page = made.page(None, &[]);
    assert!(page.html.len() < 4 << 20, "{} bytes", page.html.len());
    assert!(page.html.contains("of a cell at most, and as many in all as the page has room for"));
    attributes(&page.html);
}

#[test]
fn a_matrix_of_a_thousand_classes_gives_way_to_its_pairs() {
    let made = made((0..1000).map(|class| format!("a class by the number {class}")).collect(), 2000);
    let page = made.page(None, &[]);
    assert!(page.html.len() < 4 << 20, "{} bytes", page.html.len());
    assert!(page.html.contains("A matrix of 1,000 classes is too large to show."));
    assert!(!page.html.contains("Back to the matrix") && !page.html.contains("all in the matrix"));
    assert!(page.figures.iter().all(|(name, _)| name != "confusion"));
    let attributes = attributes(&page.html);
    let all = |key: &str| -> BTreeSet<&str> {
        attributes.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
    };
    let cells: Vec<&str> = all("id").into_iter().filter(|id| id.starts_with("cell-")).collect();
    assert!(!cells.is_empty() && cells.len() <= 100, "{}", cells.len());
    let links = all("href");
    assert!(cells.iter().all(|cell| links.contains(format!("#{cell}").as_str())), "all can be asked for");
    for (truth, predicted, _) in &made.report.confusion.mistakes()[..100] {
        assert!(page.html.contains(&format!(
            "a class by the number {truth}</th><td class=\"text\">a class by the number {predicted}<"
        )));
    }
}

#[test]
fn a_mean_of_epochs_is_told() {
    let made = made((0..3).map(|class| format!("class {class}")).collect(), 30);
    let epochs = epochs();
    let swa = SwaDone { swa_epochs: 3, val_loss: Some(0.125), val_accuracy: Some(0.875) };
    let html = |swa| made.page(Some(RunStory { epochs: &epochs, swa, recipe: "seed = 1" }), &[]).html;
    let told = "mean of the weights of the last 3 epochs</strong>, with loss 0.1250 and accuracy 87.5% in validation.";
    assert!(html(Some(&swa)).contains(told));
    assert!(!html(None).contains("mean of the weights"));
}
