//! The page of a preview.

use super::{MAKER, rows};
use crate::commands::page::{data_url, escape, head, png};
use ocelli::data::preview::{Preview, Row, Section};
use ocelli::data::{Image, Transform};
use ocelli::train::Run;
use serde_json::Value;
use std::fmt::Write as _;

const STYLE: &str = "\
nav a { margin-right: .9rem; white-space: nowrap; }
section { border-top: 1px solid var(--line); margin-top: 2rem; } h2 { margin: 1rem 0 .2rem; }
h2 small { font-weight: normal; opacity: .7; } code { font-size: .85rem; overflow-wrap: anywhere; }
figure { margin: 1rem 0; } figcaption { font-size: .8rem; overflow-wrap: anywhere; }
.row { display: flex; gap: 1rem; align-items: flex-start; margin-top: .25rem; }
.original { flex: none; max-width: 45%; } .original img { outline: 2px solid #4a7fb5; outline-offset: 2px; }
.versions { display: flex; flex-wrap: wrap; gap: 4px; }
img { display: block; max-width: 100%; height: auto; background: #8883; }
";

/// The page: a section for each transform, a figure for each image.
pub(super) fn page(run: &Run, preview: &Preview, notes: &[String]) -> String {
    let path = run.data().path.to_string_lossy();
    let mut page = head(MAKER, &format!("{path}: what training sees"), STYLE);
    let _ = writeln!(
        page,
        "<p>Outlined, an image; beside it, versions of it as the first epochs see them, with seed {}. \
         Each transform is shown alone, on images to which the fixed ones before it have been done, and at the end all of \
         them together. <strong>Would you still give them their labels?</strong></p>",
        run.recipe().seed
    );
    notes.iter().for_each(|note| page += &format!("<p>Note: {}</p>\n", escape(note)));
    page += "<nav>";
    for (number, section) in preview.sections.iter().enumerate() {
        let _ = write!(page, "<a href=\"#{number}\">{}</a> ", section.name());
    }
    page += "</nav>\n";
    for (number, (section, rows)) in preview.sections.iter().zip(rows(preview)).enumerate() {
        show(&mut page, number, section, &rows);
    }
    page + "</html>\n"
}

fn show(page: &mut String, number: usize, section: &Section, rows: &str) {
    let _ = writeln!(page, "<section id=\"{number}\"><h2>{} <small>{rows}</small></h2>", section.name());
    if let Some(transform) = &section.transform {
        let _ = writeln!(page, "<code>{}</code>", escape(&settings(transform)));
    }
    section.rows.iter().for_each(|row| figure(page, row));
    *page += "</section>\n";
}

fn figure(page: &mut String, row: &Row) {
    let (class, name) = (escape(&row.class), escape(&row.name));
    let _ = write!(
        page,
        "<figure><figcaption><b>{class}</b> {name}</figcaption><div class=\"row\"><div class=\"original\">"
    );
    *page += &picture(&row.original, &format!("{class}: the image"));
    *page += "</div><div class=\"versions\">";
    for (number, version) in row.versions.iter().enumerate() {
        *page += &picture(version, &format!("{class}: version {} of {}", number + 1, row.versions.len()));
    }
    *page += "</div></div></figure>\n";
}

fn picture(image: &Image, told: &str) -> String {
    let (width, height) = (image.width(), image.height());
    let data = data_url(&png(image));
    format!("<img width=\"{width}\" height=\"{height}\" alt=\"{told}\" title=\"{told}\" src=\"{data}\">")
}

/// A transform's settings: `size = [32,32], padding = 1`.
fn settings(transform: &Transform) -> String {
    // By way of text: numbers then have the digits that they need, and not those of 64 bits.
    let text = serde_json::to_string(transform).unwrap_or_default();
    let Ok(Value::Object(settings)) = serde_json::from_str(&text) else { return String::new() };
    let told = settings.iter().filter(|(key, value)| *key != "type" && !value.is_null());
    told.map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", ")
}
