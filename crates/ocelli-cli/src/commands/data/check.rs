//! `ocelli data check`: what is wrong with a data set.

use super::{class_table, failure, html, title, total};
use crate::args::data::CheckArgs;
use crate::commands::bar::Bar;
use crate::commands::{print_json, threads};
use crate::failure::{FAILED, Failure};
use crate::text::{count, plural};
use ocelli::data::check::{CheckOptions, Finding, Report, Severity, SplitReport, check};
use ocelli::data::{OpenOptions, open_undivided, printable};
use serde_json::json;
use std::io::{self, Write};

/// Examples of a finding that are shown.
const EXAMPLES: usize = 4;

pub(crate) fn run(args: &CheckArgs) -> Result<(), Failure> {
    let threads = threads(args.threads);
    let options = OpenOptions {
        allow_class_mismatch: true,
        coarse_labels: args.coarse_labels,
        label_separator: args.label_separator,
        threads,
        ..OpenOptions::default()
    };
    let data = open_undivided(&args.data, &options).map_err(failure)?;
    let options = CheckOptions { threads, similarity: args.similarity, ..CheckOptions::default() };
    let bar = Bar::new();
    let report = check(&data, &options, &|progress| bar.show(progress));
    bar.end();
    let report = report.map_err(failure)?;
    if let Some(path) = &args.html {
        html::write(path, &data, &report)?;
    }
    if args.json {
        let mut document = serde_json::to_value(&report).map_err(io::Error::from)?;
        document["sound"] = json!(report.is_sound());
        print_json(&document)?;
    } else {
        print(&report)?;
        if let Some(path) = &args.html {
            writeln!(io::stdout(), "page      {}", path.display())?;
        }
    }
    if report.is_sound() { Ok(()) } else { Err(Failure::Reported(FAILED)) }
}

fn print(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let images = report.splits.iter().map(|split| split.images).sum();
    writeln!(out, "{}\n", title(&report.path, report.format, report.classes.len(), images))?;
    let splits: Vec<(&str, &[u64])> =
        report.splits.iter().map(|split| (split.name, split.classes.0.as_slice())).collect();
    writeln!(out, "{}", class_table(&report.classes, &splits, total(report.multi_label)))?;
    for line in facts(report) {
        writeln!(out, "{line}")?;
    }
    for finding in &report.findings {
        writeln!(out)?;
        print_finding(&mut out, finding)?;
    }
    writeln!(out, "\n{}", verdict(report))
}

/// Sizes, formats, channels and statistics, a line each.
pub(super) fn facts(report: &Report) -> Vec<String> {
    let sizes = report.sizes;
    let size = if sizes.uniform {
        format!("all {}×{}", sizes.width[0], sizes.height[0])
    } else {
        let [least, usual, most] = sizes.width;
        let [low, middle, high] = sizes.height;
        format!("width {least} to {most} (median {usual}), height {low} to {high} (median {middle})")
    };
    let counted = |counts: Vec<(String, u64)>| {
        let told = counts.into_iter().map(|(name, number)| format!("{name} {}", count(number)));
        told.collect::<Vec<_>>().join(", ")
    };
    let mut lines = vec![format!("sizes     {size}")];
    if !report.formats.is_empty() {
        let formats = report.formats.iter().map(|(name, &number)| (name.clone(), number)).collect();
        lines.push(format!("formats   {}", counted(formats)));
    }
    let channels = report.channels.iter().map(|(name, &number)| ((*name).to_string(), number)).collect();
    lines.push(format!("channels  {}", counted(channels)));
    lines.extend(report.splits.iter().filter_map(statistics));
    lines
}

fn statistics(split: &SplitReport) -> Option<String> {
    let statistics = split.statistics.as_ref()?;
    let list = |values: &[f32]| values.iter().map(|v| format!("{v:.4}")).collect::<Vec<_>>().join(", ");
    Some(format!("{:<9} mean {}; std {}", split.name, list(&statistics.mean), list(&statistics.std)))
}

fn print_finding(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    writeln!(out, "{}: {}", severity(finding.severity), printable(&finding.text))?;
    for example in finding.examples.iter().take(EXAMPLES) {
        writeln!(out, "  {}", printable(example))?;
    }
    if finding.examples.len() > EXAMPLES {
        writeln!(out, "  …")?;
    }
    writeln!(out, "  hint: {}", finding.advice)
}

pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Serious => "serious",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// Whether to go on, in words.
pub(super) fn verdict(report: &Report) -> String {
    let number = |severity| report.findings.iter().filter(|f| f.severity == severity).count() as u64;
    let warnings = plural(number(Severity::Warning), "warning", "warnings");
    match number(Severity::Serious) {
        0 => format!("nothing serious, {warnings}: go on"),
        serious => {
            format!("{}, {warnings}: mend it first", plural(serious, "serious finding", "serious findings"))
        }
    }
}
