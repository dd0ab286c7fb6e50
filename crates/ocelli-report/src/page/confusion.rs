//! Which classes are taken for which, as a table whose cells lead to their images.

use maud::{Markup, html};

use super::cells::{Cells, OF_CELL, Shown};
use super::{Subject, pairs};
use crate::document::{Charts, scrolling};
use crate::figures;
use crate::text::{count, percent, plural};

/// Up to so many classes, column heads are written across.
const ACROSS: usize = 6;
/// Shades of a cell, from none to all of a row.
const SHADES: f64 = 9.0;
/// Pairs of classes that are shown in place of a matrix.
pub(super) const PAIRS: usize = 100;

/// What the section shows.
pub(super) enum View {
    Matrix,
    /// The pairs (class, taken for, images) that were mixed up most often: the matrix would be too large.
    Pairs(Vec<(usize, usize, u64)>),
}

impl View {
    pub(super) fn of(subject: &Subject<'_>) -> Self {
        let confusion = &subject.report.confusion;
        if confusion.classes() <= figures::MOST_CLASSES {
            return Self::Matrix;
        }
        let mut pairs = confusion.mistakes();
        pairs.truncate(PAIRS);
        Self::Pairs(pairs)
    }

    /// Whether a cell is seen, so that its images can be asked for.
    pub(super) fn has(&self, (truth, predicted): (usize, usize)) -> bool {
        match self {
            Self::Matrix => true,
            Self::Pairs(pairs) => pairs.iter().any(|pair| (pair.0, pair.1) == (truth, predicted)),
        }
    }
}

pub(super) fn body(subject: &Subject<'_>, view: &View, cells: &Cells, charts: &mut Charts) -> Markup {
    let confusion = &subject.report.confusion;
    let (what, back) = match view {
        View::Matrix => {
            charts.keep("confusion", figures::confusion(confusion, subject.classifier.classes()));
            (matrix(subject, cells), "Back to the matrix")
        }
        View::Pairs(pairs) => (instead(subject, pairs, cells), "Back to the pairs"),
    };
    html! {
        (what)
        div.cells {
            @for (cell, shown) in cells.all() { (images(subject, cell, shown, back)) }
        }
    }
}

fn matrix(subject: &Subject<'_>, cells: &Cells) -> Markup {
    html! {
        p {
            "Each row is a class, each column what its images were taken for; right answers are on the diagonal, and shades are shares of \
             a row. "
            strong { "A number that is a link shows the images of its cell" }
            ", those with the highest losses first. "
            (left_out(subject, cells))
        }
        (scrolling("Confusion matrix", table(subject, cells)))
    }
}

/// The pairs in place of a matrix.
fn instead(subject: &Subject<'_>, pairs: &[(usize, usize, u64)], cells: &Cells) -> Markup {
    let classes = count(subject.report.confusion.classes() as u64);
    html! {
        p {
            "A matrix of " (classes) " classes is too large to show. "
            @if pairs.is_empty() {
                "Nothing was mixed up."
            } @else {
                "In its place are the pairs of classes that were mixed up most often, at most " (PAIRS) ". "
                strong { "A number that is a link shows the images of its pair" }
                ", those with the highest losses first. "
                (left_out(subject, cells))
            }
        }
        @if !pairs.is_empty() {
            (scrolling("Pairs in place of the confusion matrix", pairs::table(subject, pairs, cells)))
        }
    }
}

/// How many of the images can be seen, where that is not all of them.
fn left_out(subject: &Subject<'_>, cells: &Cells) -> Markup {
    let (shown, all) = (cells.images() as u64, subject.report.images);
    html! {
        @if shown < all {
            "Of the " (count(all)) " images " (count(shown)) " can be seen: " (OF_CELL) " of a cell at most, and as many in all as the page \
             has room for; those of frequent mistakes come first."
        }
    }
}

fn table(subject: &Subject<'_>, cells: &Cells) -> Markup {
    let confusion = &subject.report.confusion;
    let classes = confusion.classes();
    html! {
        table.matrix.upright[classes > ACROSS] {
            caption { "Images of each class (rows) by what they were taken for (columns)" }
            thead {
                tr {
                    td {}
                    @for class in 0..classes { th scope="col" { span { (subject.class(class)) } } }
                }
            }
            tbody {
                @for truth in 0..classes {
                    tr {
                        th scope="row" { (subject.class(truth)) }
                        @for predicted in 0..classes { (cell(subject, cells, (truth, predicted))) }
                    }
                }
            }
        }
    }
}

fn cell(subject: &Subject<'_>, cells: &Cells, (truth, predicted): (usize, usize)) -> Markup {
    let images = subject.report.confusion.count(truth, predicted);
    let all = subject.report.confusion.images_of(truth);
    if images == 0 {
        return html! { td.right[truth == predicted] { @if truth == predicted { "0" } } };
    }
    // The least share is seen too.
    let shade = (SHADES * images as f64 / all as f64).ceil();
    let class = format!("{} s{shade}", if truth == predicted { "right" } else { "wrong" });
    html! {
        td class=(class) { (number(subject, cells, (truth, predicted))) }
    }
}

/// The number of images of a cell: a link where it has some to show.
pub(super) fn number(subject: &Subject<'_>, cells: &Cells, (truth, predicted): (usize, usize)) -> Markup {
    let images = count(subject.report.confusion.count(truth, predicted));
    html! {
        @if cells.of(truth, predicted).is_some() {
            a href={ "#" (id(truth, predicted)) } aria-label=(told(subject, (truth, predicted))) { (images) }
        } @else {
            (images)
        }
    }
}

fn id(truth: usize, predicted: usize) -> String {
    format!("cell-{truth}-{predicted}")
}

/// "deer taken for cat: 12 images".
fn told(subject: &Subject<'_>, (truth, predicted): (usize, usize)) -> String {
    let images = plural(subject.report.confusion.count(truth, predicted), "image", "images");
    match truth == predicted {
        true => format!("{} found: {images}", subject.class(truth)),
        false => format!("{} taken for {}: {images}", subject.class(truth), subject.class(predicted)),
    }
}

/// The images of a cell, which are there but not seen until they are asked for.
fn images(subject: &Subject<'_>, cell: (usize, usize), shown: &[Shown], back: &str) -> Markup {
    let all = subject.report.confusion.count(cell.0, cell.1);
    html! {
        section.cell id=(id(cell.0, cell.1)) {
            h3 tabindex="-1" { (told(subject, cell)) }
            @if (shown.len() as u64) < all { p { (shown.len()) " of them, those with the highest losses:" } }
            ul.thumbnails {
                @for Shown { place, picture } in shown {
                    @let name = subject.image(subject.predictions.ids()[*place]);
                    li {
                        (picture.img(&name))
                        span.name { (name) }
                        " " (percent(f64::from(subject.predictions.confidence(*place)))) " " (subject.class(cell.1))
                    }
                }
            }
            a.back href="#confusion" { (back) }
        }
    }
}
