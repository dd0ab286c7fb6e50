//! What pages share: one file each with everything in it, pictures included.

use crate::failure::Failure;
pub(crate) use ocelli::report::picture::{data_url, png};
use std::fs::File;
use std::io::Read;
use std::path::Path;

const STYLE: &str = "\
:root { color-scheme: light dark; --line: #8884; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin-top: 2rem; }
";

/// The beginning of a page that `maker` makes: its title, as a heading too, and its style.
pub(crate) fn head(maker: &str, title: &str, style: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">{}\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\n\
         <style>\n{STYLE}{style}</style>\n<h1>{title}</h1>\n",
        mark(maker)
    )
}

/// What tells in a page that `maker` made it.
fn mark(maker: &str) -> String {
    format!("<meta name=\"generator\" content=\"{maker}\">")
}

/// Whether a file begins as the pages that `maker` makes.
pub(crate) fn is_by(maker: &str, path: &Path) -> bool {
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1 << 10).read_to_end(&mut beginning));
    read.is_ok() && String::from_utf8_lossy(&beginning).contains(&mark(maker))
}

/// Text as it may stand in a page.
pub(crate) fn escape(text: &str) -> String {
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

/// Writes a file, under another name first.
pub(crate) fn write(path: &Path, contents: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".part");
    let written = std::fs::write(&draft, contents).and_then(|()| std::fs::rename(&draft, path));
    written.map_err(|error| Failure::failed(format!("{}: cannot be written: {error}", path.display())))
}
