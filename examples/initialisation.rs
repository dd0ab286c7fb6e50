//! Why initial weights matter: how far activations spread by depth, and what a deep network learns from there, by the way its weights
//! begin, without and with BatchNorm.
//!
//!     cargo run --release -p ocelli --example initialisation -- figure.svg

use ocelli::nn::init::{FanMode, Initialisation, Initialiser, ParameterKind, Rule};
use ocelli::nn::{AdaptiveAvgPool2d, BatchNorm};
use ocelli::prelude::*;
use ocelli_plot::{Axis, Figure};
use std::path::PathBuf;
use std::sync::Arc;

/// Convolutions, one after the other.
const DEPTH: usize = 12;

/// Where 0 lies on a logarithmic axis, which has no place for it.
const FLOOR: f64 = 1e-6;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let figure =
        std::env::args_os().nth(1).map_or_else(|| PathBuf::from("initialisation.svg"), PathBuf::from);
    draw("sample", 3)?.save(&figure)?;
    println!("figure    {}", figure.display());
    Ok(())
}

/// The ways in which weights begin.
fn ways() -> [(&'static str, Initialiser); 4] {
    [
        ("zeros", Initialiser::Zeros),
        ("too small: std 0.05", Initialiser::normal(0.05)),
        ("too large: std 0.25", Initialiser::normal(0.25)),
        ("Kaiming", Initialiser::kaiming_normal(FanMode::FanIn)),
    ]
}

/// Spreads by depth, drawn; and printed, with the loss after training on a data set of 28×28 grey images in 10 classes.
pub(crate) fn draw(data: &str, epochs: u64) -> Result<Figure, Box<dyn std::error::Error>> {
    let images = open(data, &OpenOptions::default())?.train;
    let transforms = [Transform::normalize_with(&[0.286], &[0.353])];
    let source = Arc::new(Source::new(images, &transforms, &SourceOptions::default())?);
    let mut loader = Loader::new(source, &transforms, &LoaderOptions::default())?;
    let mut figure = Figure::new("How far activations spread")
        .x(Axis::linear("convolution"))
        .y(Axis::log("standard deviation after ReLU").range(FLOOR, 1e4));
    println!(
        "{:<20}  {:>10}  {:>9}  {:>9}  {:>10}",
        "weights", "BatchNorm", "first std", "last std", "final loss"
    );
    for normalises in [false, true] {
        for (name, initialiser) in ways() {
            let network = network(initialiser, normalises)?;
            let weights = network.init(1);
            let spreads = spreads(&network, &weights, &mut loader)?;
            let loss = train(&network, &weights, &mut loader, epochs)?;
            let (first, last) = (spreads[0], spreads[DEPTH - 1]);
            let with = if normalises { "with" } else { "without" };
            println!("{name:<20}  {with:>10}  {first:>9.2e}  {last:>9.2e}  {loss:>10.4}");
            let points = spreads.iter().enumerate().map(|(at, std)| ((at + 1) as f64, std.max(FLOOR)));
            figure = match (normalises, name) {
                (false, _) => figure.line(name, points),
                // Their lines would lie under others.
                (true, "zeros" | "too small: std 0.05") => figure,
                (true, _) => figure.dashed(format!("{name}, BatchNorm"), points),
            };
        }
    }
    Ok(figure)
}

/// A plain stack of convolutions, all of whose weights begin in one way.
fn network(initialiser: Initialiser, normalises: bool) -> Result<Network, NetworkError> {
    let mut layers = Sequential::new(Shape::map(1, 28, 28));
    for at in 0..DEPTH {
        let (inputs, stride) = if at == 0 { (1, 2) } else { (16, 1) };
        layers = layers.conv2d(Conv2d::new(inputs, 16, 3).padding(1).stride(stride).bias(false));
        if normalises {
            // By the batch in both modes: there are no running averages yet that would mean anything.
            layers = layers.batch_norm2d(BatchNorm::new(16).track_running_stats(false));
        }
        layers = layers.relu().named(format!("relu{}", at + 1));
    }
    let layers = layers.adaptive_avg_pool2d(AdaptiveAvgPool2d::new(1)).flatten().linear(16, 10);
    let rule = Rule::new(initialiser).role(ParameterKind::Weight);
    layers.build("stack")?.with_initialisation(Initialisation::new(vec![rule]))
}

/// The standard deviation of what comes out of each ReLU, over one batch.
fn spreads(
    network: &Network,
    weights: &Weights,
    loader: &mut Loader,
) -> Result<Vec<f64>, Box<dyn std::error::Error>> {
    let batch = loader.epoch(0).next().ok_or("the data has no images")??;
    let is_relu = |node: &usize| network.nodes()[*node].name.starts_with("relu");
    let mut spreads = Vec::new();
    for node in (0..network.nodes().len()).filter(is_relu) {
        let part = network.up_to(node);
        let options = PlanOptions { batch: batch.len(), ..PlanOptions::default() };
        let mut plan = InferPlan::new(&part, &weights.select(&part), options)?;
        let values = plan.run(batch.images());
        let mean = |of: &dyn Fn(f64) -> f64| {
            values.iter().map(|&value| of(value.into())).sum::<f64>() / values.len() as f64
        };
        let middle = mean(&|value| value);
        spreads.push(mean(&|value| (value - middle).powi(2)).sqrt());
    }
    Ok(spreads)
}

/// The mean loss of the last epoch.
fn train(
    network: &Network,
    weights: &Weights,
    loader: &mut Loader,
    epochs: u64,
) -> Result<f64, Box<dyn std::error::Error>> {
    let options = PlanOptions { batch: loader.options().batch_size, ..PlanOptions::default() };
    let mut plan = TrainPlan::new(network, weights, options)?;
    let sgd = Sgd { lr: 0.02, momentum: 0.9, ..Sgd::default() };
    let mut mean = f64::NAN;
    for epoch in 0..epochs {
        let (mut sum, mut batches) = (0.0, 0);
        for batch in loader.epoch(epoch) {
            let batch = batch?;
            let logits =
                plan.forward(batch.images(), &SampleKeys { seed: 1, epoch, samples: batch.samples() });
            let mut gradient = vec![0.0; logits.len()];
            sum += CrossEntropy::default().forward(logits, batch.labels(), &mut gradient);
            plan.backward(&gradient);
            plan.step(&sgd);
            batches += 1;
        }
        mean = sum / f64::from(batches);
    }
    Ok(mean)
}
