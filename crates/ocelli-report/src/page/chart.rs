//! Figures within the page: as pictures of their own, wide and narrow, so that their text can be read on a telephone too.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};
use ocelli_plot::Figure;

/// Width and height of a figure in a wide window, and on a telephone.
const WIDE: (f32, f32) = (560.0, 340.0);
const NARROW: (f32, f32) = (360.0, 300.0);
/// Up to this width of the window the narrow one is shown.
const TELEPHONE: &str = "(max-width: 640px)";

/// The figures of a page.
#[derive(Default)]
pub(super) struct Charts {
    pub(super) figures: Vec<(&'static str, Figure)>,
}

impl Charts {
    /// Shows a figure, and keeps it for a file. `told` says what can be seen, for those who cannot.
    pub(super) fn show(&mut self, name: &'static str, told: &str, figure: Figure) -> Markup {
        let url = |(width, height)| {
            let svg = figure.clone().size(width, height).svg();
            format!("data:image/svg+xml;base64,{}", STANDARD.encode(svg))
        };
        let markup = html! {
            figure.chart {
                picture {
                    source media=(TELEPHONE) srcset=(url(NARROW)) width=(NARROW.0) height=(NARROW.1);
                    img src=(url(WIDE)) width=(WIDE.0) height=(WIDE.1) alt=(told);
                }
            }
        };
        self.keep(name, figure);
        markup
    }

    /// Keeps a figure for a file alone.
    pub(super) fn keep(&mut self, name: &'static str, figure: Figure) {
        self.figures.push((name, figure));
    }
}
