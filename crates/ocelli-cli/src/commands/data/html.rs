//! The page of a check: one file with everything in it, thumbnails included.

use super::check::{facts, severity, verdict};
use super::title;
use crate::commands::page::{self, escape};
use crate::failure::Failure;
use crate::text::{count, plural};
use ocelli::data::check::{Group, Member, Report};
use ocelli::data::transforms::functional;
use ocelli::data::{Dataset, Image, Undivided};
use std::fmt::Write as _;
use std::path::Path;

/// The longer side of a thumbnail.
const SIDE: usize = 96;
/// Groups of duplicates that are shown, and images of each.
const GROUPS: usize = 40;
const OF_GROUP: usize = 8;
/// Images of each class that are shown, and classes.
const OF_CLASS: usize = 8;
const CLASSES: usize = 100;

const STYLE: &str = "\
:root { --serious: #c62828; --warning: #b26a00; --note: #607d8b; --bar: #4a7fb5; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; } td, th { padding: .15rem .8rem .15rem 0; text-align: right; }
td:first-child, th:first-child { text-align: left; overflow-wrap: anywhere; } td.bar { width: 16rem; padding-right: 0; }
td.bar span { display: block; height: .7rem; background: var(--bar); }
.finding { border-left: .3rem solid var(--note); padding: .1rem .8rem; margin: .8rem 0; }
.finding.serious { border-color: var(--serious); } .finding.warning { border-color: var(--warning); }
.finding ul { margin: .3rem 0; overflow-wrap: anywhere; font-size: .85rem; }
.group { border-top: 1px solid var(--line); padding: .5rem 0; display: flex; flex-wrap: wrap; gap: .6rem; }
figure { margin: 0; width: 104px; font-size: .7rem; overflow-wrap: anywhere; }
figure img { width: 96px; height: 96px; object-fit: contain; image-rendering: pixelated; background: #8882; }
";

/// Writes the page.
pub(super) fn write(path: &Path, data: &Undivided, report: &Report) -> Result<(), Failure> {
    page::write(path, page(data, report))
}

fn page(data: &Undivided, report: &Report) -> String {
    let images = report.splits.iter().map(|split| split.images).sum();
    let title = title(&report.path, report.format, report.classes.len(), images);
    let mut page = page::head("ocelli data check", &title, STYLE);
    let _ = writeln!(page, "<p><strong>{}</strong></p>", escape(&verdict(report)));
    findings(&mut page, report);
    page += &format!("<h2>Images</h2>\n<pre>{}</pre>\n", escape(&facts(report).join("\n")));
    classes(&mut page, report);
    groups(&mut page, data, "The same pixels", &report.exact_duplicates);
    groups(&mut page, data, "Nearly the same", &report.near_duplicates);
    samples(&mut page, data, report);
    page + "</html>\n"
}

fn findings(page: &mut String, report: &Report) {
    *page += "<h2>Findings</h2>\n";
    for finding in &report.findings {
        let severity = severity(finding.severity);
        let examples = finding.examples.iter().map(|example| format!("<li>{}</li>", escape(example)));
        let _ = writeln!(
            page,
            "<div class=\"finding {severity}\"><strong>{severity}</strong>: {}<ul>{}</ul><em>{}</em></div>",
            escape(&finding.text),
            examples.collect::<String>(),
            escape(&finding.advice)
        );
    }
    if report.findings.is_empty() {
        *page += "<p>none</p>\n";
    }
}

fn classes(page: &mut String, report: &Report) {
    *page += "<h2>Classes</h2>\n<table><tr><th>class</th>";
    report.splits.iter().for_each(|split| *page += &format!("<th>{}</th>", split.name));
    *page += "<th></th></tr>\n";
    let of_class = |place: usize| report.splits.iter().map(|split| split.classes.0[place]).sum::<u64>();
    let most = (0..report.classes.len()).map(of_class).max().unwrap_or(0).max(1);
    for (place, name) in report.classes.iter().enumerate() {
        let _ = write!(page, "<tr><td>{}</td>", escape(name));
        report
            .splits
            .iter()
            .for_each(|split| *page += &format!("<td>{}</td>", count(split.classes.0[place])));
        let share = 100.0 * of_class(place) as f64 / most as f64;
        let _ = writeln!(page, "<td class=\"bar\"><span style=\"width:{share:.1}%\"></span></td></tr>");
    }
    *page += "</table>\n";
}

fn groups(page: &mut String, data: &Undivided, heading: &str, groups: &[Group]) {
    if groups.is_empty() {
        return;
    }
    let told = plural(groups.len() as u64, "group", "groups");
    let _ = writeln!(page, "<h2>{heading}: {told}</h2>");
    // Those that matter most first.
    let mut order: Vec<&Group> = groups.iter().collect();
    order.sort_by_key(|group| (!group.labels_differ, !group.across_splits));
    for group in order.iter().take(GROUPS) {
        *page += "<div class=\"group\">";
        for member in group.images.iter().take(OF_GROUP) {
            let Ok(images) = data.get(member.split) else { continue };
            *page += &figure(&*images, member.index, &caption(member));
        }
        if group.images.len() > OF_GROUP {
            let _ = write!(page, "and {} more", group.images.len() - OF_GROUP);
        }
        *page += "</div>\n";
    }
    if groups.len() > GROUPS {
        let _ = writeln!(page, "<p>and {} more</p>", groups.len() - GROUPS);
    }
}

fn caption(member: &Member) -> String {
    format!("{} · {}<br>{}", member.split, escape(&member.class), escape(&file_name(&member.name)))
}

/// A name's last part, which tells more in a small space.
fn file_name(name: &str) -> String {
    Path::new(name).file_name().map_or_else(|| name.to_string(), |name| name.to_string_lossy().into_owned())
}

/// A few images of every class, evenly spread.
fn samples(page: &mut String, data: &Undivided, report: &Report) {
    let Some(images) = data.names().first().and_then(|name| data.get(name).ok()) else {
        return;
    };
    *page += "<h2>Samples</h2>\n";
    let mut of_class = vec![Vec::new(); report.classes.len()];
    for index in 0..images.len() {
        images.labels(index).iter().for_each(|label| of_class[*label as usize].push(index));
    }
    for (name, members) in report.classes.iter().zip(&of_class).take(CLASSES) {
        let _ = write!(page, "<div class=\"group\"><figure>{}</figure>", escape(name));
        let shown = members.len().min(OF_CLASS);
        for place in 0..shown {
            let index = members[place * members.len() / shown];
            *page += &figure(&*images, index, &escape(&file_name(&images.name(index))));
        }
        *page += "</div>\n";
    }
}

/// An image, small, with words below it; nothing if it cannot be loaded.
fn figure(images: &dyn Dataset, index: usize, caption: &str) -> String {
    images.load(index).ok().map_or_else(String::new, |image| {
        let data = page::data_url(&page::png(&thumbnail(&image)));
        format!("<figure><img alt=\"\" src=\"{data}\"><br>{caption}</figure>")
    })
}

/// The image with a longer side of at most [`SIDE`].
fn thumbnail(image: &Image) -> Image {
    let (height, width) = (image.height(), image.width());
    let longer = height.max(width).max(SIDE);
    functional::resize(image.view(), ((height * SIDE / longer).max(1), (width * SIDE / longer).max(1)))
}
