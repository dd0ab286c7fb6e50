//! The recipe's network: one by name, or one from a file.

use super::prepare::absolute;
use crate::error::TrainError;
use crate::trainer::check_last_layer;
use ocelli_nn::init::Rule;
use ocelli_nn::suggest::nearest;
use ocelli_nn::{Network, Pair, Shape, Template, zoo};
use std::path::Path;

/// Builds the network called `name`, or described by the TOML file of that path, for images of the shape `input` and
/// this many classes.
///
/// # Errors
/// There is neither, the file is broken, or the network cannot take such images.
pub fn build(name: &str, input: Shape, classes: usize) -> Result<Network, TrainError> {
    check_name(name)?;
    let origin = |what: &str| format!("{what} for {input} images and {classes} classes");
    if zoo::NAMES.contains(&name) {
        return zoo::build(name, input, classes)
            .map_err(|source| TrainError::Network { origin: origin(name), source });
    }
    template(Path::new(name))?
        .build(input, classes)
        .map_err(|source| TrainError::Network { origin: origin(name), source })
}

/// The network with a recipe's rules of initialisation after its own.
///
/// # Errors
/// A rule that fills nothing, or has options that cannot be.
pub(super) fn initialised(network: Network, rules: &[Rule]) -> Result<Network, TrainError> {
    let initialisation = network.initialisation().clone().then(rules.iter().cloned());
    network
        .with_initialisation(initialisation)
        .map_err(|source| TrainError::Network { origin: "model.init".to_owned(), source })
}

/// The height and width of the images that a network was made for, where its name or its file says.
pub(super) fn made_for(name: &str) -> Result<Option<Pair>, TrainError> {
    if let Ok(input) = zoo::default_input(name) {
        return Ok(input.size());
    }
    Ok(template(Path::new(name))?.input().and_then(Shape::size))
}

/// Checks that the loss can be taken of what the network gives: one value for each class, without a softmax.
pub(super) fn check_output(network: &Network, name: &str, classes: usize) -> Result<(), TrainError> {
    check_last_layer(network)?;
    match network.output() {
        Shape::Features(outputs) if outputs == classes => Ok(()),
        found => Err(TrainError::Outputs { network: name.to_string(), found, classes }),
    }
}

fn template(path: &Path) -> Result<Template, TrainError> {
    let bytes =
        std::fs::read(path).map_err(|source| TrainError::NetworkFile { path: path.to_path_buf(), source })?;
    let text = String::from_utf8(bytes).map_err(|_| TrainError::NotANetwork { path: path.to_path_buf() })?;
    Template::from_toml(&text)
        .map_err(|source| TrainError::Network { origin: path.display().to_string(), source })
}

/// Checks that there is a network or a file of this name, before anything is done for it.
pub(super) fn check_name(name: &str) -> Result<(), TrainError> {
    if zoo::NAMES.contains(&name) || Path::new(name).exists() {
        return Ok(());
    }
    let suggestion = nearest(name, zoo::NAMES).map(str::to_string);
    Err(TrainError::UnknownNetwork { name: name.to_string(), suggestion })
}

/// The name as a recipe keeps it: a file's path means the same from any folder.
pub(super) fn resolved_name(name: &str) -> String {
    if zoo::NAMES.contains(&name) { name.to_string() } else { absolute(Path::new(name)) }
}
