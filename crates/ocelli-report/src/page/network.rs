//! The network, layer by layer.

use maud::{Markup, html};
use ocelli_nn::Summary;

use super::Subject;
use crate::document::{NONE, scrolling};
use crate::text::{bytes, count};

/// Layers whose table is folded.
const MANY: usize = 24;

pub(super) fn body(subject: &Subject<'_>) -> Markup {
    let summary = Summary::new(subject.classifier.network());
    let table = scrolling("Layers of the network", table(&summary));
    html! {
        p {
            strong { (summary.name) } ", input " (summary.input) ": " (summary.layers.len()) " layers, "
            (count(summary.total.parameters)) " parameters, " (count(summary.total.multiply_adds))
            " multiply-adds for an image, " (bytes(summary.total.inference_bytes)) " of memory to run it."
        }
        @if summary.layers.len() > MANY {
            details { summary { "All " (summary.layers.len()) " layers" } (table) }
        } @else {
            (table)
        }
    }
}

fn table(summary: &Summary) -> Markup {
    let shown = |number: u64| if number == 0 { NONE.to_owned() } else { count(number) };
    html! {
        table {
            thead {
                tr {
                    @for head in ["layer", "type"] { th.text scope="col" { (head) } }
                    @for head in ["output", "field", "parameters", "multiply-adds"] { th scope="col" { (head) } }
                }
            }
            tbody {
                @for layer in &summary.layers {
                    tr {
                        th scope="row" { (layer.name) }
                        td.text { (layer.type_name) }
                        td { (layer.output) }
                        td { (layer.receptive_field.map_or_else(|| "all".to_owned(), |field| field.to_string())) }
                        td { (shown(layer.parameters)) }
                        td { (shown(layer.multiply_adds)) }
                    }
                }
            }
            tfoot {
                tr {
                    th scope="row" { "total" }
                    td {}
                    td {}
                    td {}
                    td { (count(summary.total.parameters)) }
                    td { (count(summary.total.multiply_adds)) }
                }
            }
        }
    }
}
