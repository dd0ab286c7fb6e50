//! Says what image files show, with a model that `ocelli train` saved.
//!
//!     cargo run --release -p ocelli --example predict -- runs/example/model.safetensors IMAGE...

use ocelli::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (model, images) = args.split_first().ok_or("give a model and image files")?;
    for line in predict(model, images)? {
        println!("{line}");
    }
    Ok(())
}

/// One line for each image, whether it could be read or not.
pub(crate) fn predict(model: &str, images: &[String]) -> Result<Vec<String>, ModelError> {
    let classifier = Classifier::load(model)?;
    let answers = classifier.predict_files(images)?;
    let line = |(image, answer): (&String, Result<Prediction, _>)| match answer {
        Ok(prediction) => format!("{image}: {} ({:.1}%)", prediction.label, prediction.probability * 100.0),
        Err(problem) => format!("{problem}"),
    };
    Ok(images.iter().zip(answers).map(line).collect())
}
