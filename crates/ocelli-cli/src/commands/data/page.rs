//! What pages of data sets share: one file each with everything in it, pictures included.

use crate::failure::Failure;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use ocelli::data::Image;
use std::path::Path;

const STYLE: &str = "\
:root { color-scheme: light dark; --line: #8884; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin-top: 2rem; }
";

/// The beginning of a page that `maker` makes: its title, as a heading too, and its style.
pub(super) fn head(maker: &str, title: &str, style: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">{}\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\n\
         <style>\n{STYLE}{style}</style>\n<h1>{title}</h1>\n",
        mark(maker)
    )
}

/// What tells in a page that `maker` made it.
pub(super) fn mark(maker: &str) -> String {
    format!("<meta name=\"generator\" content=\"{maker}\">")
}

/// Text as it may stand in a page.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            c => safe.push(c),
        }
    }
    safe
}

/// An image of one or three channels as a PNG file.
pub(super) fn png(image: &Image) -> Vec<u8> {
    let colours = if image.channels() == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let [width, height] =
        [image.width(), image.height()].map(|side| u32::try_from(side).expect("a side has 32 bits"));
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive)
        .write_image(image.pixels(), width, height, colours)
        .expect("memory takes any image");
    bytes
}

/// A PNG file as a page has it within itself.
pub(super) fn data_url(png: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png))
}

/// Writes a file, under another name first.
pub(super) fn write(path: &Path, contents: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".part");
    let written = std::fs::write(&draft, contents).and_then(|()| std::fs::rename(&draft, path));
    written.map_err(|error| Failure::failed(format!("{}: cannot be written: {error}", path.display())))
}
