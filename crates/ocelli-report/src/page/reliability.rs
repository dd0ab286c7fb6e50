//! Whether probabilities are what they say.

use maud::{Markup, html};
use ocelli_plot::{Axis, Figure};
use ocelli_train::metrics::{Bin, Calibration};

use super::{Subject, Tempered};
use crate::document::Charts;
use crate::text::percent;

pub(super) fn body(subject: &Subject<'_>, charts: &mut Charts) -> Markup {
    let (now, own) = (&subject.report.calibration, subject.classifier.temperature());
    let title = match own {
        Some(temperature) => format!("At the model's temperature, {temperature:.3}"),
        None => "As the model says".to_owned(),
    };
    html! {
        p {
            "Images by the probability of the class that they are taken for: bars say how many of them are right. Where bars stay below the \
             dashed line the model is surer than it should be. The calibration error, the mean distance, is "
            strong { (percent(now.error)) } " (" (now.bins.len()) " bins). "
            (temperature(subject))
        }
        div.charts {
            (charts.show("reliability", &told(now), diagram(&title, now)))
            @if let Some(tempered) = other(subject) {
                @let title = format!("At the fitted temperature, {:.3}", tempered.temperature);
                (charts.show("reliability-at-temperature", &told(&tempered.calibration), diagram(&title, &tempered.calibration)))
            }
            (charts.show("confidence", "How many images have which probability.", confidence(now)))
        }
    }
}

/// A temperature this near, as a ratio, is the same.
const SAME: f64 = 0.005;

/// The calibration at the fitted temperature, where that is not the model's own.
fn other<'a>(subject: &Subject<'a>) -> Option<&'a Tempered> {
    let own = subject.classifier.temperature().unwrap_or(1.0);
    subject.tempered.filter(|tempered| (tempered.temperature / own - 1.0).abs() > SAME)
}

/// What a fitted temperature changes.
fn temperature(subject: &Subject<'_>) -> Markup {
    match (subject.tempered, other(subject)) {
        (_, Some(tempered)) => html! {
            "At the temperature " strong { (format!("{:.3}", tempered.temperature)) } ", fitted on " (tempered.fitted_on) ", it is "
            strong { (percent(tempered.calibration.error)) } ", and the log loss " (format!("{:.4}", tempered.log_loss))
            " instead of " (format!("{:.4}", subject.report.log_loss)) "; answers stay the same. "
            code { "ocelli eval --fit-temperature --save" } " puts one into the model."
        },
        (Some(tempered), None) => html! {
            "No other temperature would be better: this one is the best on " (tempered.fitted_on) "."
        },
        (None, _) => html! {
            "No temperature could be fitted: all images are right, or answers are worse than chance."
        },
    }
}

fn filled(calibration: &Calibration) -> impl Iterator<Item = &Bin> {
    calibration.bins.iter().filter(|bin| bin.images > 0)
}

fn diagram(title: &str, calibration: &Calibration) -> Figure {
    Figure::new(title)
        .x(Axis::linear("probability").range(0.0, 1.0))
        .y(Axis::linear("share that is right").range(0.0, 1.0))
        .bars("right", filled(calibration).map(|bin| (bin.from, bin.to, bin.accuracy)))
        .dashed("as sure as right", [(0.0, 0.0), (1.0, 1.0)])
}

fn told(calibration: &Calibration) -> String {
    let bins = filled(calibration).map(|bin| {
        format!("{} of those from {} to {}", percent(bin.accuracy), percent(bin.from), percent(bin.to))
    });
    let bins: Vec<String> = bins.collect();
    format!("Calibration error {}. Right are {}.", percent(calibration.error), bins.join(", "))
}

fn confidence(calibration: &Calibration) -> Figure {
    let images: u64 = calibration.bins.iter().map(|bin| bin.images).sum();
    let share = |bin: &Bin| (bin.from, bin.to, bin.images as f64 / images.max(1) as f64);
    Figure::new("How sure it is")
        .x(Axis::linear("probability").range(0.0, 1.0))
        .y(Axis::linear("share of the images"))
        .bars("images", calibration.bins.iter().map(share))
}
