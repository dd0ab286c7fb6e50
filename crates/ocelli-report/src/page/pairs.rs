//! The classes that are mixed up most often.

use maud::{Markup, html};

use super::cells::Cells;
use super::{Subject, confusion};
use crate::document::scrolling;
use crate::text::{count, percent};

/// Pairs that are shown.
const PAIRS: usize = 10;

pub(super) fn body(subject: &Subject<'_>) -> Markup {
    let mistakes = subject.report.confusion.mistakes();
    if mistakes.is_empty() {
        return html! { p { "Nothing was mixed up." } };
    }
    let shown = &mistakes[..mistakes.len().min(PAIRS)];
    html! {
        (scrolling("Pairs of classes that were mixed up most often", table(subject, shown, &Cells::default())))
        @if mistakes.len() > PAIRS {
            p {
                "And " (count((mistakes.len() - PAIRS) as u64)) " other pairs"
                @match confusion::View::of(subject) {
                    confusion::View::Matrix => { ", all in the matrix." },
                    confusion::View::Pairs(_) => { "; more of them are above." },
                }
            }
        }
    }
}

/// Pairs (class, taken for, images), whose numbers are links where they have images among those of the cells.
pub(super) fn table(subject: &Subject<'_>, pairs: &[(usize, usize, u64)], cells: &Cells) -> Markup {
    let confusion = &subject.report.confusion;
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "class" }
                    th.text scope="col" { "taken for" }
                    th scope="col" { "images" }
                    th scope="col" { "of the class" }
                }
            }
            tbody {
                @for (truth, predicted, images) in pairs {
                    tr {
                        th scope="row" { (subject.class(*truth)) }
                        td.text { (subject.class(*predicted)) }
                        td { (confusion::number(subject, cells, (*truth, *predicted))) }
                        td { (percent(*images as f64 / confusion.images_of(*truth) as f64)) }
                    }
                }
            }
        }
    }
}
