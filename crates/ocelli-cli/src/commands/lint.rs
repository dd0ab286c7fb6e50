//! `ocelli lint`: what an experienced colleague would say of a network or a recipe.

use super::network::{is_toml, network};
use super::print_json;
use crate::args::LintArgs;
use crate::failure::{FAILED, Failure};
use crate::text::plural;
use ocelli::nn::lint::{Facts, Finding, Severity, lint};
use ocelli::nn::{Network, Shape};
use ocelli::train::{self, Recipe};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;

/// What was looked at, and what was found.
#[derive(Serialize)]
struct Report {
    network: String,
    input: Shape,
    /// Images in one step, where that is known.
    batch_size: Option<usize>,
    serious: usize,
    findings: Vec<Finding>,
}

pub(crate) fn run(args: &LintArgs) -> Result<(), Failure> {
    let input = args.input.as_deref().map(str::parse::<Shape>).transpose().map_err(Failure::usage)?;
    let path = Path::new(&args.network);
    let report = if is_toml(path) && is_recipe(path) {
        of_recipe(path, input, args.batch_size)?
    } else {
        let network = network(&args.network, input)?;
        let findings = lint(&network, &Facts { batch_size: args.batch_size, last_batch: None });
        report(&network, args.batch_size, findings)
    };
    if args.json {
        print_json(&report)?
    } else {
        print(&report)?
    }
    if report.serious > 0 { Err(Failure::Reported(FAILED)) } else { Ok(()) }
}

/// Whether a TOML file is a recipe: it has no layers. What is no TOML either is read as a network, which says where it is wrong.
fn is_recipe(path: &Path) -> bool {
    let table = std::fs::read_to_string(path).ok().and_then(|text| text.parse::<toml::Table>().ok());
    table.is_some_and(|table| !table.contains_key("layers"))
}

fn of_recipe(path: &Path, input: Option<Shape>, batch_size: Option<usize>) -> Result<Report, Failure> {
    let mut recipe = Recipe::load(path).map_err(Failure::usage)?;
    recipe.train.batch_size = batch_size.unwrap_or(recipe.train.batch_size);
    let transforms = &recipe.transforms;
    let of_transforms =
        transforms.size.map(|[height, width]| Shape::map(transforms.channels.unwrap_or(3), height, width));
    let network = network(&recipe.model.network, input.or(of_transforms))?;
    let initialisation = network.initialisation().clone().then(recipe.model.init.iter().cloned());
    let network = network
        .with_initialisation(initialisation)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let findings = train::lint(&recipe, &network, None);
    Ok(report(&network, Some(recipe.train.batch_size), findings))
}

fn report(network: &Network, batch_size: Option<usize>, findings: Vec<Finding>) -> Report {
    let serious = findings.iter().filter(|finding| finding.severity == Severity::Serious).count();
    Report { network: network.name().to_owned(), input: network.input(), batch_size, serious, findings }
}

fn print(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for finding in &report.findings {
        writeln!(out, "{finding}\n")?;
    }
    let serious = match report.serious {
        0 => "nothing serious".to_owned(),
        count => plural(count as u64, "serious finding", "serious findings"),
    };
    let advice =
        plural((report.findings.len() - report.serious) as u64, "piece of advice", "pieces of advice");
    let batch = report.batch_size.map_or_else(String::new, |size| format!(", batches of {size}"));
    writeln!(out, "{}, {} images{batch}: {serious}, {advice}", report.network, report.input)
}
