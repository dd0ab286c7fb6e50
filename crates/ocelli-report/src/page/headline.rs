//! The figures of all images, with where they lie in most resamples.

use maud::{Markup, html};
use ocelli_train::metrics::Interval;

use super::Subject;
use crate::document::NONE;
use crate::text::{percent, plural};

/// A figure with its name and what it means.
struct Card {
    name: &'static str,
    value: Option<f64>,
    shown: fn(f64) -> String,
    interval: Option<Interval>,
    means: &'static str,
}

pub(super) fn body(subject: &Subject<'_>) -> Markup {
    html! {
        p {
            "Of " (plural(subject.report.images, "image", "images")) " in "
            (plural(subject.classifier.classes().len() as u64, "class", "classes")) "."
            @if subject.report.intervals.is_some() {
                " Below each figure is where it lies in 95% of resamples of the images (bootstrap): with other images of the same kind \
                 expect it there."
            }
        }
        dl.cards {
            @for card in cards(subject) {
                div {
                    dt { (card.name) }
                    dd.value { (card.value.map_or(NONE.to_owned(), card.shown)) }
                    dd.interval {
                        @if let Some(Interval { low, high }) = card.interval {
                            ((card.shown)(low)) " to " ((card.shown)(high))
                        }
                    }
                    dd.means { (card.means) }
                }
            }
        }
    }
}

fn cards(subject: &Subject<'_>) -> Vec<Card> {
    let (report, number) = (subject.report, |value: f64| format!("{value:.4}"));
    let intervals = report.intervals.as_ref();
    let card = |name, value, shown, interval, means| Card { name, value, shown, interval, means };
    let mut cards = vec![card(
        "Accuracy",
        Some(report.accuracy),
        percent as fn(f64) -> String,
        intervals.map(|all| all.accuracy),
        "images whose class is the likeliest",
    )];
    // Of five classes, the five likeliest have the right one.
    if report.scores.classes.len() > 5 {
        cards.push(card(
            "Accuracy of the best 5",
            Some(report.top5_accuracy),
            percent,
            intervals.map(|all| all.top5_accuracy),
            "images whose class is among the five likeliest",
        ));
    }
    cards.extend([
        card(
            "Balanced accuracy",
            Some(report.scores.balanced_accuracy),
            percent,
            intervals.map(|all| all.balanced_accuracy),
            "the mean over classes, each counting the same",
        ),
        card(
            "F1, macro",
            Some(report.scores.macro_average.f1),
            percent,
            intervals.map(|all| all.macro_f1),
            "the mean F1 over classes",
        ),
        card(
            "Log loss",
            Some(report.log_loss),
            number,
            intervals.map(|all| all.log_loss),
            "0 where all is right and sure",
        ),
        card(
            "Brier score",
            Some(report.brier_score),
            number,
            intervals.map(|all| all.brier_score),
            "0 where all is right and sure, 2 where all is wrong and sure",
        ),
        card("ROC-AUC, macro", report.roc_auc.macro_mean, number, None, "each class against the rest"),
        card(
            "Average precision, macro",
            report.average_precision.macro_mean,
            number,
            None,
            "each class against the rest",
        ),
        card(
            "Calibration error",
            Some(report.calibration.error),
            percent,
            None,
            "how far probabilities are from the shares that are right",
        ),
    ]);
    cards
}
