//! A network built in code and a training loop written by hand: forward, loss, backward, step.
//!
//!     cargo run --release -p ocelli --example training_loop

use ocelli::prelude::*;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let loss = train("sample", 3)?;
    println!("last epoch's loss {loss:.4}");
    Ok(())
}

/// Trains on a data set of 28×28 grey images in 10 classes; gives the mean loss of the last epoch.
pub(crate) fn train(data: &str, epochs: u64) -> Result<f64, Box<dyn std::error::Error>> {
    let network = Sequential::new(Shape::map(1, 28, 28))
        .conv2d(Conv2d::new(1, 16, 3).padding(1))
        .max_pool2d(2)
        .relu()
        .conv2d(Conv2d::new(16, 32, 3).padding(1))
        .max_pool2d(2)
        .relu()
        .flatten()
        .dropout(0.25)
        .linear(32 * 7 * 7, 10)
        .build("by-hand")?;
    let transforms = [Transform::random_horizontal_flip(0.5), Transform::normalize_with(&[0.286], &[0.353])];
    let images = open(data, &OpenOptions::default())?.train;
    let source = Arc::new(Source::new(images, &transforms, &SourceOptions::default())?);
    let mut loader = Loader::new(source, &transforms, &LoaderOptions::default())?;

    let mut plan =
        TrainPlan::new(&network, &network.init(1), PlanOptions { batch: 64, ..Default::default() })?;
    let sgd = Sgd { lr: 0.05, momentum: 0.9, nesterov: true, ..Sgd::default() };
    let mut mean = 0.0;
    for epoch in 0..epochs {
        let (mut sum, mut batches) = (0.0, 0);
        for batch in loader.epoch(epoch) {
            let batch = batch?;
            let keys = SampleKeys { seed: 1, epoch, samples: batch.samples() };
            let logits = plan.forward(batch.images(), &keys);
            let mut gradient = vec![0.0; logits.len()];
            sum += CrossEntropy::default().forward(logits, batch.labels(), &mut gradient);
            plan.backward(&gradient);
            plan.step(&sgd);
            batches += 1;
        }
        mean = sum / f64::from(batches);
        println!("epoch {}: loss {mean:.4}", epoch + 1);
    }
    Ok(mean)
}
