//! What pages share: the document around their sections, their style, and their figures.

mod chart;

pub(crate) use chart::Charts;

use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use ocelli_data::printable;
use ocelli_plot::Figure;

use crate::ReportError;

/// What the head of every page says made it.
pub(crate) const GENERATOR: &str = "ocelli report";
const STYLE: &str = include_str!("style.css");

/// A page, and its figures by the names of their files.
#[derive(Clone, Debug)]
pub struct Page {
    /// The document.
    pub html: String,
    /// The name, without an ending, and the figure.
    pub figures: Vec<(String, Figure)>,
}

impl Page {
    /// Writes the figures into a folder that is there, as `<name>.<ending>` with each of these endings: `svg`, `png`.
    ///
    /// # Errors
    /// A file cannot be written, or an ending is another.
    pub fn save_figures(&self, folder: &Path, endings: &[&str]) -> Result<(), ReportError> {
        for (name, figure) in &self.figures {
            for ending in endings {
                figure.save(&folder.join(format!("{name}.{ending}")))?;
            }
        }
        Ok(())
    }
}

/// A part of a page with its heading.
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) heading: &'static str,
    pub(crate) body: Markup,
}

/// A document: title, what stands below it, sections, and a script where it needs one.
pub(crate) struct Document<'a> {
    pub(crate) title: &'a str,
    pub(crate) lead: Markup,
    pub(crate) sections: &'a [Section],
    pub(crate) script: Option<&'static str>,
}

impl Document<'_> {
    pub(crate) fn whole(&self) -> String {
        let title = printable(self.title);
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="generator" content=(GENERATOR);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header {
                        h1 { (title) }
                        (self.lead)
                        nav aria-label="Sections" {
                            @for section in self.sections { a href={ "#" (section.id) } { (section.heading) } " " }
                        }
                    }
                    main {
                        @for section in self.sections {
                            section id=(section.id) aria-labelledby={ "h-" (section.id) } {
                                h2 id={ "h-" (section.id) } { (section.heading) }
                                (section.body)
                            }
                        }
                    }
                    footer { p { "Made by Ocelli " (env!("CARGO_PKG_VERSION")) "." } }
                    @if let Some(script) = self.script { script { (PreEscaped(script)) } }
                }
            }
        };
        page.into_string()
    }
}

/// A table in a box of its own, which scrolls where it is wider than the page.
pub(crate) fn scrolling(label: &str, table: Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(label) { (table) } }
}

/// What is shown for a figure that there is none of.
pub(crate) const NONE: &str = "–";
