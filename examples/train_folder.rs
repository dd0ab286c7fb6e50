//! Trains on a folder of images, as `ocelli train` does, and shows each epoch.
//!
//!     cargo run --release -p ocelli --example train_folder -- FOLDER OUT

use ocelli::prelude::*;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let data = args.next().unwrap_or_else(|| "sample".to_string());
    let out = args.next().unwrap_or_else(|| "runs/example".to_string());
    let model = train(&data, Path::new(&out), 5)?;
    println!("{}", model.display());
    Ok(())
}

/// Trains `lesson-bn` and gives the path of the best model.
pub(crate) fn train(data: &str, out: &Path, epochs: i64) -> Result<std::path::PathBuf, TrainError> {
    let recipe = RecipeBuilder::new()
        .value("data.path", data, "data")?
        .value("train.epochs", epochs, "epochs")?
        .set("model.network=lesson-bn")?
        .set("train.optimizer=adamw")?
        .build()?;
    let run = Run::prepare(recipe, RunOptions::default())?;
    for problem in run.problems() {
        eprintln!("{problem}");
    }
    let outcome = run.train(out, &mut |event: &Event<'_>| {
        if let Event::Epoch(done) = event {
            println!(
                "epoch {}: loss {:.4}, validation accuracy {:?}",
                done.epoch, done.train_loss, done.val_accuracy
            );
        }
    })?;
    if let Some(test) = outcome.test {
        println!("test accuracy {:.1}% of {} images", test.accuracy * 100.0, test.images);
    }
    Ok(outcome.model)
}
