//! Writes the models that `bench/serving/run.py` has served: `serving_models FOLDER` gives a folder for each, with the file of the model.
//!
//! Their weights are random: what a network says is of no matter to how long it takes, and is the same in every contestant.

use std::error::Error;
use std::path::Path;

use ocelli_data::Transform;
use ocelli_data::transforms::{CenterCrop, Normalize, Resize};
use ocelli_model::Classifier;
use ocelli_nn::{Shape, zoo};

/// Name of the network, side of the images that it takes, shorter side before they are cut, classes.
const MODELS: [(&str, usize, usize, usize); 2] = [("lesson", 32, 32, 10), ("resnet18", 224, 256, 1000)];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: serving_models FOLDER")?;
    for (name, side, shorter, classes) in MODELS {
        let network = zoo::build(name, Shape::map(3, side, side), classes)?;
        let weights = network.init(1);
        let normalize =
            Normalize { mean: Some(vec![0.485, 0.456, 0.406]), std: Some(vec![0.229, 0.224, 0.225]) };
        let transforms = vec![
            Transform::Resize(Resize::new(shorter)),
            Transform::CenterCrop(CenterCrop { size: side.into() }),
            Transform::Normalize(normalize),
        ];
        let classes = (0..classes).map(|class| format!("class-{class}")).collect();
        let folder = Path::new(&folder).join(name);
        std::fs::create_dir_all(&folder)?;
        Classifier::new(network, weights, transforms, classes)?.save(folder.join("model.safetensors"))?;
    }
    Ok(())
}
