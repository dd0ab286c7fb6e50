//! The data set: how many images of each class, and a number by which to know it again.

use maud::{Markup, html};
use ocelli_data::check::Classes;
use ocelli_data::dataset::{Format, fingerprint};
use ocelli_data::{Dataset, Extent, printable};

use crate::document::scrolling;
use crate::text::{count, plural};

/// Classes whose table is folded.
const MANY: usize = 30;

/// A data set in figures.
#[derive(Clone, Debug, PartialEq)]
pub struct DataDigest {
    /// Where it is, as it may be shown.
    pub path: String,
    /// What it is.
    pub format: Format,
    /// The names of its classes.
    pub classes: Vec<String>,
    /// Its parts.
    pub splits: Vec<SplitDigest>,
}

/// A part of a data set in figures.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitDigest {
    /// Its name.
    pub name: String,
    /// Images of each class.
    pub classes: Classes,
    /// Channels and sizes.
    pub extent: Extent,
    /// The [fingerprint] of the images.
    pub fingerprint: u128,
}

impl SplitDigest {
    /// Of a part of a data set. No image is decoded.
    #[must_use]
    pub fn of(name: impl Into<String>, images: &dyn Dataset) -> Self {
        let fingerprint = fingerprint(images);
        Self { name: name.into(), classes: Classes::of(images), extent: images.extent(), fingerprint }
    }

    fn images(&self) -> u64 {
        self.classes.0.iter().sum()
    }
}

pub(super) fn body(data: &DataDigest) -> Markup {
    let table = scrolling("Images of each class", table(data));
    html! {
        p {
            strong.name { (printable(&data.path)) } " (" (data.format) "): "
            (plural(data.classes.len() as u64, "class", "classes")) ", "
            (plural(data.splits.iter().map(SplitDigest::images).sum(), "image", "images")) "."
        }
        ul {
            @for split in &data.splits {
                li {
                    strong { (split.name) } ": " (plural(split.images(), "image", "images")) ", " (extent(split.extent))
                    ", fingerprint " code { (format!("{:032x}", split.fingerprint)) }
                }
            }
        }
        @if data.classes.len() > MANY {
            details { summary { "The images of all " (data.classes.len()) " classes" } (table) }
        } @else {
            (table)
        }
        p.note {
            "The fingerprint is of names, labels and lengths of files (of pixels where they lie in memory): data that was moved has the \
             same."
        }
    }
}

fn table(data: &DataDigest) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "class" }
                    @for split in &data.splits { th scope="col" { (split.name) } }
                }
            }
            tbody {
                @for (place, class) in data.classes.iter().enumerate() {
                    tr {
                        th scope="row" { (printable(class)) }
                        @for split in &data.splits { td { (count(split.classes.0[place])) } }
                    }
                }
            }
            tfoot {
                tr {
                    th scope="row" { "total" }
                    @for split in &data.splits { td { (count(split.images())) } }
                }
            }
        }
    }
}

/// "RGB, 32×32", "grey, of several sizes, usually 500×375".
fn extent(extent: Extent) -> String {
    let channels = if extent.channels == 1 { "grey" } else { "RGB" };
    let several = if extent.uniform { "" } else { "of several sizes, usually " };
    format!("{channels}, {several}{}×{}", extent.width, extent.height)
}
