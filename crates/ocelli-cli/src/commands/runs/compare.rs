//! `ocelli runs compare`.

use super::list::id;
use super::store::Store;
use crate::args::runs::CompareArgs;
use crate::commands::print_json;
use crate::failure::Failure;
use crate::files::together;
use crate::text::figure;
use ocelli::data::printable;
use ocelli::track::Run;
use ocelli_plot::{Axis, Figure};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where the curves go if nothing is said.
const USUAL: &str = "compare";
/// The metrics that are drawn if none is named: the first that a run has.
const DRAWN: [&str; 4] = ["val_loss", "train_loss", "step/smoothed_loss", "loss"];
/// Metrics of single steps and of the machine: they are in curves, not in tables.
const NO_RESULTS: [&str; 2] = ["step/", "system/"];
/// The widest that a value is shown.
const WIDEST: usize = 40;

/// A setting or figure, and what each run has.
#[derive(Serialize)]
struct Row {
    name: String,
    values: Vec<Option<String>>,
}

#[derive(Serialize)]
struct Document<'a> {
    runs: Vec<&'a str>,
    /// Parameters in which they differ.
    params: Vec<Row>,
    /// The latest values of their metrics.
    metrics: Vec<Row>,
}

pub(super) fn run(store: &Store, args: &CompareArgs) -> Result<(), Failure> {
    let runs = args.runs.iter().map(|named| store.find(named)).collect::<Result<Vec<_>, _>>()?;
    let params = rows(&runs, |run| run.params.clone());
    let params: Vec<Row> =
        params.into_iter().filter(|row| row.values.iter().any(|value| *value != row.values[0])).collect();
    let metrics = rows(&runs, |run| {
        run.metrics.iter().map(|(key, metric)| (key.clone(), figure(metric.value))).collect()
    });
    let is_result = |row: &Row| !NO_RESULTS.iter().any(|prefix| row.name.starts_with(prefix));
    let metrics: Vec<Row> = metrics.into_iter().filter(is_result).collect();
    let out = args.out.as_deref().or((!args.json).then_some(Path::new(USUAL)));
    let figures = match out {
        Some(out) => draw(store, args, &runs, out)?,
        None => Vec::new(),
    };
    if args.json {
        return print_json(&Document {
            runs: runs.iter().map(|run| run.id.as_str()).collect(),
            params,
            metrics,
        });
    }
    Ok(print(&runs, [("parameters that differ", &params), ("metrics, the latest", &metrics)], &figures)?)
}

/// Every name that a run has, with what each has of it.
fn rows(runs: &[Run], of: impl Fn(&Run) -> BTreeMap<String, String>) -> Vec<Row> {
    let all: Vec<BTreeMap<String, String>> = runs.iter().map(of).collect();
    let mut names: Vec<&String> = all.iter().flat_map(BTreeMap::keys).collect();
    names.sort();
    names.dedup();
    let row = |name: &String| Row {
        name: name.clone(),
        values: all.iter().map(|one| one.get(name).cloned()).collect(),
    };
    names.into_iter().map(row).collect()
}

/// The curves of one metric over one another.
fn draw(store: &Store, args: &CompareArgs, runs: &[Run], out: &Path) -> Result<Vec<PathBuf>, Failure> {
    let has = |name: &&str| runs.iter().any(|run| run.metrics.contains_key(*name));
    let asked = args.metric.as_deref();
    let Some(metric) = asked.or_else(|| DRAWN.into_iter().find(has)) else { return Ok(Vec::new()) };
    if !has(&metric) {
        let all: Vec<&str> = runs.iter().flat_map(|run| run.metrics.keys()).map(String::as_str).collect();
        let near = ocelli::nn::suggest::nearest(metric, all).map(|near| format!("did you mean {near}?"));
        let failure = Failure::usage(format!("none of these runs has a metric {metric}"));
        return Err(failure.hint(near.unwrap_or_else(|| "`ocelli runs show RUN` lists them".into())));
    }
    let mut figure = Figure::new(format!("{metric} of {} runs", runs.len()))
        .x(Axis::linear("step"))
        .y(Axis::linear(metric));
    for run in runs {
        let history = store.tracker.metric_history(&run.id, metric)?;
        // Infinities are kept as the greatest numbers there are.
        let mut points: Vec<(f64, f64)> = history
            .iter()
            .filter(|one| one.value.abs() < f64::MAX)
            .map(|one| (one.step as f64, one.value))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        if !points.is_empty() {
            figure = figure.line(format!("{} {}", id(run), printable(&run.name)), points);
        }
    }
    let files = together(out, USUAL, ["svg", "png"]);
    for file in &files {
        figure.save(file).map_err(Failure::failed)?;
    }
    Ok(files.to_vec())
}

fn print(runs: &[Run], tables: [(&str, &[Row]); 2], figures: &[PathBuf]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for run in runs {
        writeln!(out, "{}  {}", printable(&run.id), printable(&run.name))?;
    }
    for (title, rows) in tables {
        writeln!(out, "\n{title}")?;
        if rows.is_empty() {
            writeln!(out, "  none")?;
            continue;
        }
        let shown = |value: &Option<String>| {
            let text = value.as_deref().map_or("-".into(), printable);
            let cut: String = text.chars().take(WIDEST).collect();
            if cut.len() < text.len() { format!("{cut}…") } else { cut }
        };
        let names = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        let wide = |column: usize| {
            rows.iter()
                .map(|row| shown(&row.values[column]).chars().count())
                .max()
                .unwrap_or(0)
                .max(id(&runs[column]).len())
        };
        let wide: Vec<usize> = (0..runs.len()).map(wide).collect();
        write!(out, "  {:<names$}", "")?;
        runs.iter().zip(&wide).try_for_each(|(run, wide)| write!(out, "  {:>wide$}", id(run)))?;
        writeln!(out)?;
        for row in rows {
            write!(out, "  {:<names$}", printable(&row.name))?;
            row.values
                .iter()
                .zip(&wide)
                .try_for_each(|(value, wide)| write!(out, "  {:>wide$}", shown(value)))?;
            writeln!(out)?;
        }
    }
    if !figures.is_empty() {
        writeln!(out)?;
    }
    figures.iter().try_for_each(|path| writeln!(out, "figure    {}", path.display()))
}
