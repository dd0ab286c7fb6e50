//! The document around the sections.

use maud::{DOCTYPE, PreEscaped, html};

use super::{GENERATOR, Section, Subject};
use ocelli_data::printable;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

pub(super) fn whole(subject: &Subject<'_>, sections: &[Section]) -> String {
    let model = printable(subject.model);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="generator" content=(GENERATOR);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (model) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (model) }
                    p { "Measured on " (printable(subject.measured_on)) "." }
                    @for caution in subject.cautions {
                        p.caution { strong { "Mind: " } (printable(caution)) "." }
                    }
                    nav aria-label="Sections" {
                        @for section in sections { a href={ "#" (section.id) } { (section.heading) } " " }
                    }
                }
                main {
                    @for section in sections {
                        section id=(section.id) aria-labelledby={ "h-" (section.id) } {
                            h2 id={ "h-" (section.id) } { (section.heading) }
                            (section.body)
                        }
                    }
                }
                footer { p { "Made by Ocelli " (env!("CARGO_PKG_VERSION")) "." } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}
