//! `cargo xtask accuracy`: what `lesson` and `lesson-bn` reach on whole data sets, beside PyTorch by the same recipe.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::Options;
use crate::python::python;
use crate::shell::{Result, cargo, root, run, target};

const MODELS: [&str; 2] = ["lesson", "lesson-bn"];

const PAGE: &str = "\
# Accuracy

Written by `cargo xtask accuracy`, which trains every network {seeds} times in Ocelli and {seeds} times in PyTorch: {epochs} epochs by
Ocelli's default recipe but for weight decay on everything (`train.decay_norms_and_biases = true`), as PyTorch has it, which the PyTorch
script (`bench/peers/accuracy.py`) reads from the run's `recipe.toml`. Each run has a seed of its own for the validation tenth, the initial
weights, the order, the augmentation and the dropout; the epoch with the best validation loss is tested on the data set's whole test part.
Do not edit.

Accuracies are means over the seeds, ± the standard deviation of one run. The difference is Ocelli's less PyTorch's, ± its
standard error; noise alone exceeds twice that one time in twenty. Seconds are of a whole run with --threads {threads}.

| data | network | Ocelli | PyTorch | difference | seconds a run, Ocelli | PyTorch |
| --- | --- | --: | --: | --: | --: | --: |
";

/// What to train, and how often.
pub(crate) struct Settings {
    data: Vec<PathBuf>,
    seeds: u64,
    epochs: usize,
    threads: usize,
}

impl Settings {
    /// Takes its options out of the command line.
    pub(crate) fn from_options(options: &mut Options) -> Result<Self> {
        let data = options.value("--data")?.ok_or("--data FOLDER,... is needed: data sets to train on")?;
        let mut number = |name: &str, default: usize| -> Result<usize> {
            let given = options
                .value(name)?
                .map(|text| text.parse().map_err(|_| format!("{name}: `{text}` is no number")));
            Ok(given.transpose()?.unwrap_or(default))
        };
        Ok(Self {
            seeds: number("--seeds", 5)? as u64,
            epochs: number("--epochs", 10)?,
            threads: number("--threads", 2)?,
            data: data.split(',').map(|path| root().join(path)).collect(),
        })
    }
}

/// What a run gave.
#[derive(Deserialize)]
struct Outcome {
    test_accuracy: f64,
    #[serde(default)]
    seconds: f64,
}

/// The runs of a network on a data set.
struct Pair {
    data: PathBuf,
    model: &'static str,
    ours: Vec<Outcome>,
    torch: Vec<Outcome>,
}

/// Trains, prints, and writes `docs/accuracy.md` anew after every seed.
pub(crate) fn accuracy(settings: &Settings, interpreter: Option<PathBuf>) -> Result {
    let python = python(interpreter)?;
    run(&mut cargo(&["build", "--release", "--package", "ocelli-cli"]))?;
    let each =
        |data: &PathBuf| MODELS.map(|model| Pair { data: data.clone(), model, ours: vec![], torch: vec![] });
    let mut pairs: Vec<Pair> = settings.data.iter().flat_map(each).collect();
    for seed in 1..=settings.seeds {
        for pair in &mut pairs {
            let folder =
                target().join("accuracy").join(format!("{}-{}-{seed}", name(&pair.data), pair.model));
            pair.ours.push(train(settings, pair, seed, &folder)?);
            pair.torch.push(train_in_torch(settings, &python, seed, &folder)?);
            eprintln!("{}", row(pair));
        }
        let page = PAGE
            .replace("{seeds}", &seed.to_string())
            .replace("{epochs}", &settings.epochs.to_string())
            .replace("{threads}", &settings.threads.to_string());
        let rows: String = pairs.iter().fold(String::new(), |mut rows, pair| {
            let _ = writeln!(rows, "{}", row(pair));
            rows
        });
        std::fs::write(root().join("docs/accuracy.md"), page + &rows)?;
    }
    Ok(())
}

fn name(data: &Path) -> String {
    data.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn train(settings: &Settings, pair: &Pair, seed: u64, folder: &Path) -> Result<Outcome> {
    // A folder left by an earlier run would be refused.
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    let start = std::time::Instant::now();
    run(Command::new(target().join("release/ocelli"))
        .args(["train", "--model", pair.model, "--data"])
        .arg(&pair.data)
        .arg("--out")
        .arg(folder)
        .args(["--set", "train.decay_norms_and_biases=true"])
        .args(["--epochs", &settings.epochs.to_string(), "--seed", &seed.to_string()])
        .args(["--threads", &settings.threads.to_string()]))?;
    let seconds = start.elapsed().as_secs_f64();
    let metrics = std::fs::read_to_string(folder.join("metrics.jsonl"))?;
    let outcome: Outcome = serde_json::from_str(metrics.lines().last().ok_or("a run without metrics")?)?;
    Ok(Outcome { seconds, ..outcome })
}

fn train_in_torch(settings: &Settings, python: &Path, seed: u64, folder: &Path) -> Result<Outcome> {
    let output = Command::new(python)
        .arg(root().join("bench/peers/accuracy.py"))
        .arg(folder.join("recipe.toml"))
        .args(["--seed", &seed.to_string(), "--threads", &settings.threads.to_string()])
        .output()?;
    if !output.status.success() {
        return Err(format!("accuracy.py failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn row(pair: &Pair) -> String {
    let (ours, torch) = (statistics(&pair.ours), statistics(&pair.torch));
    let error = ((ours.1.powi(2) + torch.1.powi(2)) / pair.ours.len() as f64).sqrt();
    let seconds = |runs: &[Outcome]| runs.iter().map(|run| run.seconds).sum::<f64>() / runs.len() as f64;
    let percent = |(mean, deviation): (f64, f64)| format!("{:.2}% ± {:.2}", 100.0 * mean, 100.0 * deviation);
    format!(
        "| {} | `{}` | {} | {} | {:+.2} ± {:.2} | {:.0} | {:.0} |",
        name(&pair.data),
        pair.model,
        percent(ours),
        percent(torch),
        100.0 * (ours.0 - torch.0),
        100.0 * error,
        seconds(&pair.ours),
        seconds(&pair.torch)
    )
}

/// Mean and standard deviation (of a sample) of the accuracies.
fn statistics(runs: &[Outcome]) -> (f64, f64) {
    let count = runs.len() as f64;
    let mean = runs.iter().map(|run| run.test_accuracy).sum::<f64>() / count;
    let squares: f64 = runs.iter().map(|run| (run.test_accuracy - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}
