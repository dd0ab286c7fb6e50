//! Figures within a page: as pictures of their own, wide and narrow, so that their text can be read on a telephone too.

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
pub(crate) struct Charts {
    pub(crate) figures: Vec<(String, Figure)>,
}

impl Charts {
    /// Shows a figure, and keeps it for a file. `told` says what can be seen, for those who cannot.
    pub(crate) fn show(&mut self, name: &str, told: &str, figure: Figure) -> Markup {
        self.show_as_high(name, told, figure, [WIDE.1, NARROW.1])
    }

    /// The same with other heights, in a wide window and on a telephone.
    pub(crate) fn show_as_high(
        &mut self,
        name: &str,
        told: &str,
        figure: Figure,
        heights: [f32; 2],
    ) -> Markup {
        let [wide, narrow] = [(WIDE.0, heights[0]), (NARROW.0, heights[1])];
        let markup = html! {
            figure.chart {
                picture {
                    source media=(TELEPHONE) srcset=(url(&figure, narrow)) width=(narrow.0) height=(narrow.1);
                    img src=(url(&figure, wide)) width=(wide.0) height=(wide.1) alt=(told);
                }
            }
        };
        self.keep(name, figure);
        markup
    }

    /// Shows a figure in its own size, in a box that scrolls where the window is narrower.
    pub(crate) fn show_whole(&mut self, name: &str, told: &str, figure: Figure) -> Markup {
        let size = figure.sides();
        let markup = html! {
            div.scroll tabindex="0" role="region" aria-label=(told) {
                figure.chart.whole { img src=(url(&figure, size)) width=(size.0) height=(size.1) alt=(told); }
            }
        };
        self.keep(name, figure);
        markup
    }

    /// Keeps a figure for a file alone.
    pub(crate) fn keep(&mut self, name: &str, figure: Figure) {
        self.figures.push((name.to_owned(), figure));
    }
}

fn url(figure: &Figure, (width, height): (f32, f32)) -> String {
    let svg = figure.clone().size(width, height).svg();
    format!("data:image/svg+xml;base64,{}", STANDARD.encode(svg))
}
