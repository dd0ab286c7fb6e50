//! What is answered, and how well, if answers must be so sure.

use maud::{Markup, html};
use ocelli_plot::{Axis, Figure};
use ocelli_train::metrics::{Covered, covered};

use super::Subject;
use crate::document::{Charts, NONE, scrolling};
use crate::text::{count, percent};

pub(super) fn body(subject: &Subject<'_>, charts: &mut Charts) -> Markup {
    let curve = &subject.report.coverage;
    let own = subject.classifier.reject().map(|least| covered(subject.predictions, least));
    let table = html! {
        table {
            thead {
                tr {
                    th scope="col" { "least probability" }
                    th scope="col" { "images" }
                    th scope="col" { "answered" }
                    th scope="col" { "accuracy" }
                }
            }
            tbody { @for point in curve { (row(point)) } }
        }
    };
    html! {
        p {
            "If an answer is only given where the likeliest class has at least some probability, fewer images are answered, and more of \
             the answers are right. "
            @match &own {
                Some(own) => {
                    "This model asks for " strong { (format!("{:.4}", own.threshold)) } ": it answers " (percent(own.coverage))
                    " of the images, " (own.accuracy.map_or(NONE.to_owned(), percent)) " of them rightly."
                },
                None => {
                    "This model always answers; " code { "ocelli eval --reject P --save" } " sets the least probability."
                },
            }
        }
        (charts.show("coverage", &told(curve), figure(curve, own.as_ref())))
        details { summary { "As numbers" } (scrolling("Coverage and accuracy", table)) }
    }
}

fn row(point: &Covered) -> Markup {
    html! {
        tr {
            th scope="row" { (format!("{:.4}", point.threshold)) }
            td { (count(point.images)) }
            td { (percent(point.coverage)) }
            td { (point.accuracy.map_or(NONE.to_owned(), percent)) }
        }
    }
}

fn figure(curve: &[Covered], own: Option<&Covered>) -> Figure {
    let place = |point: &Covered| Some((point.coverage, point.accuracy?));
    let figure = Figure::new("Accuracy of what is answered")
        .x(Axis::linear("share of the images that is answered").range(0.0, 1.0))
        .y(Axis::linear("accuracy"))
        .line("accuracy", curve.iter().filter_map(place));
    match own.and_then(place) {
        Some(at) => figure.mark("this model", at),
        None => figure,
    }
}

fn told(curve: &[Covered]) -> String {
    let at = |point: &Covered| {
        Some(format!("{} of {} answered", percent(point.accuracy?), percent(point.coverage)))
    };
    let points: Vec<String> = curve.iter().step_by(4).filter_map(at).collect();
    format!("Right are {}.", points.join(", "))
}
