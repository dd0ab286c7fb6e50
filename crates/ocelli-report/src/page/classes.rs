//! How well each class is found.

use maud::{Markup, html};
use ocelli_plot::{Axis, Figure};
use ocelli_train::metrics::ClassScores;

use super::Subject;
use crate::document::{Charts, NONE, scrolling};
use crate::text::{count, percent};

/// Classes that are shown as the worst.
const WORST: usize = 20;
/// Classes whose table is folded.
const MANY: usize = 30;

/// The classes of the lowest F1.
pub(super) fn worst(subject: &Subject<'_>, charts: &mut Charts) -> Markup {
    let scores = &subject.report.scores.classes;
    let mut worst: Vec<usize> = (0..scores.len()).filter(|class| scores[*class].support > 0).collect();
    worst.sort_by(|a, b| scores[*a].f1.total_cmp(&scores[*b].f1));
    worst.truncate(WORST);
    let Some(first) = worst.first() else { return html! { p { "No class has images." } } };
    let told = format!(
        "F1 of the {} worst classes, from {} with {} on.",
        worst.len(),
        subject.class(*first),
        percent(scores[*first].f1)
    );
    let names = worst.iter().map(|class| subject.class(*class).into_owned());
    let bar = |(place, class): (usize, &usize)| (place as f64 + 0.15, place as f64 + 0.85, scores[*class].f1);
    let figure = Figure::new("F1 of the worst classes")
        .x(Axis::names("", names))
        .y(Axis::linear("F1").range(0.0, 1.0))
        .bars("F1", worst.iter().enumerate().map(bar));
    let table = html! {
        table {
            thead {
                tr {
                    th scope="col" { "class" }
                    th scope="col" { "F1" }
                    th scope="col" { "found" }
                    th.text scope="col" { "most often taken for" }
                }
            }
            tbody {
                @for class in worst.iter().take(WORST / 2) {
                    tr {
                        th scope="row" { (subject.class(*class)) }
                        td { (percent(scores[*class].f1)) }
                        td {
                            (count(subject.report.confusion.count(*class, *class))) " of " (count(scores[*class].support))
                        }
                        td.text { (taken_for(subject, *class)) }
                    }
                }
            }
        }
    };
    html! {
        (charts.show("worst-classes", &told, figure))
        (scrolling("The worst classes", table))
    }
}

/// What a class is taken for most often, and how often.
fn taken_for(subject: &Subject<'_>, class: usize) -> String {
    let confusion = &subject.report.confusion;
    let others = (0..confusion.classes()).filter(|other| *other != class);
    // The first of equals.
    let most = others.rev().max_by_key(|other| confusion.count(class, *other));
    match most.map(|other| (other, confusion.count(class, other))) {
        Some((other, images @ 1..)) => format!("{} ({})", subject.class(other), count(images)),
        _ => NONE.to_owned(),
    }
}

/// Every class's figures.
pub(super) fn all(subject: &Subject<'_>) -> Markup {
    let classes = subject.report.scores.classes.len();
    let table = scrolling("Figures of every class", table(subject));
    match classes > MANY {
        true => html! { details { summary { "The figures of all " (classes) " classes" } (table) } },
        false => table,
    }
}

fn table(subject: &Subject<'_>) -> Markup {
    let report = subject.report;
    let figure = |value: Option<f64>| value.map_or(NONE.to_owned(), |value| format!("{value:.4}"));
    let means = [
        (
            "macro",
            report.scores.macro_average,
            report.roc_auc.macro_mean,
            report.average_precision.macro_mean,
        ),
        (
            "weighted",
            report.scores.weighted_average,
            report.roc_auc.weighted_mean,
            report.average_precision.weighted_mean,
        ),
    ];
    html! {
        table {
            thead {
                tr {
                    @for head in ["class", "images", "correct", "precision", "recall", "F1", "ROC-AUC", "avg. precision"] {
                        th scope="col" { (head) }
                    }
                }
            }
            tbody {
                @for (class, scores) in report.scores.classes.iter().enumerate() {
                    tr {
                        th scope="row" { (subject.class(class)) }
                        (counts(subject, class, scores))
                        td { (figure(report.roc_auc.classes[class])) }
                        td { (figure(report.average_precision.classes[class])) }
                    }
                }
            }
            tfoot {
                @for (name, scores, area, precision) in means {
                    tr {
                        th scope="row" { (name) }
                        td {}
                        td {}
                        td { (percent(scores.precision)) }
                        td { (percent(scores.recall)) }
                        td { (percent(scores.f1)) }
                        td { (figure(area)) }
                        td { (figure(precision)) }
                    }
                }
            }
        }
    }
}

fn counts(subject: &Subject<'_>, class: usize, scores: &ClassScores) -> Markup {
    let shown = |value: f64, of: u64| if of > 0 { percent(value) } else { NONE.to_owned() };
    html! {
        td { (count(scores.support)) }
        td { (count(subject.report.confusion.count(class, class))) }
        td { (shown(scores.precision, scores.predicted)) }
        td { (shown(scores.recall, scores.support)) }
        td { (shown(scores.f1, scores.support + scores.predicted)) }
    }
}
