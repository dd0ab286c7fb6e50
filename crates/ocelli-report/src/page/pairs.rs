//! The classes that are mixed up most often.

use maud::{Markup, html};

use super::{Subject, scrolling};
use crate::text::{count, percent};

/// Pairs that are shown.
const PAIRS: usize = 10;

pub(super) fn body(subject: &Subject<'_>) -> Markup {
    let confusion = &subject.report.confusion;
    let mistakes = confusion.mistakes();
    if mistakes.is_empty() {
        return html! { p { "Nothing was mixed up." } };
    }
    let table = html! {
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
                @for (truth, predicted, images) in mistakes.iter().take(PAIRS) {
                    tr {
                        th scope="row" { (subject.class(*truth)) }
                        td.text { (subject.class(*predicted)) }
                        td { (count(*images)) }
                        td { (percent(*images as f64 / confusion.images_of(*truth) as f64)) }
                    }
                }
            }
        }
    };
    html! {
        (scrolling("Pairs of classes that were mixed up most often", table))
        @if mistakes.len() > PAIRS { p { "And " (count((mistakes.len() - PAIRS) as u64)) " other pairs, all in the matrix." } }
    }
}
