//! Images within the page.

use maud::{Markup, html};
use ocelli_data::Image;
use ocelli_data::preview::fitted;

use crate::picture::{data_url, small_file};

/// An image as the page has it within itself.
pub(super) struct Thumbnail {
    pub(super) url: String,
    width: usize,
    height: usize,
}

/// An image whose longer side is at most `side`.
pub(super) fn thumbnail(image: &Image, side: usize) -> Thumbnail {
    let longer = image.height().max(image.width());
    if longer > side { of(&fitted(image, side)) } else { of(image) }
}

/// An image as it is.
pub(super) fn of(image: &Image) -> Thumbnail {
    Thumbnail { url: data_url(&small_file(image)), width: image.width(), height: image.height() }
}

impl Thumbnail {
    /// The image in its element. `told` says what it shows, for those who cannot see it.
    pub(super) fn img(&self, told: &str) -> Markup {
        html! { img src=(self.url) width=(self.width) height=(self.height) alt=(told); }
    }
}
