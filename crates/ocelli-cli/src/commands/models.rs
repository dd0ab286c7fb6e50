//! `ocelli models`: the networks that have names.

use super::print_json;
use crate::args::ModelsArgs;
use crate::failure::Failure;
use crate::text::count;
use ocelli::nn::{NetworkError, Shape, Summary, zoo};
use serde::Serialize;
use std::io::{self, Write};

/// The classes of ImageNet, for which parameters of published networks are counted.
const CLASSES: usize = 1000;
/// Those of the data sets of small images.
const FEW_CLASSES: usize = 10;
/// Images as large as this, or larger, are ImageNet's.
const LARGE: usize = 64;

/// What is listed of a network.
#[derive(Serialize)]
struct Listed {
    name: &'static str,
    /// The images it was made for.
    input: Shape,
    /// Classes with which it is counted.
    classes: usize,
    parameters: u64,
    /// For one image.
    multiply_adds: u64,
    description: &'static str,
}

pub(crate) fn run(args: &ModelsArgs) -> Result<(), Failure> {
    let models =
        zoo::NAMES.into_iter().map(listed).collect::<Result<Vec<_>, _>>().map_err(Failure::failed)?;
    if args.json {
        return print_json(&models);
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:<18} {:>9} {:>7} {:>12} {:>15}  is",
        "name", "input", "classes", "parameters", "multiply-adds"
    )?;
    for model in &models {
        let [parameters, multiply_adds] = [model.parameters, model.multiply_adds].map(count);
        writeln!(
            out,
            "{:<18} {:>9} {:>7} {parameters:>12} {multiply_adds:>15}  {}",
            model.name,
            model.input.to_string(),
            model.classes,
            model.description
        )?;
    }
    writeln!(out, "\nEach adapts to the channels and size of the images and to the number of classes.")?;
    Ok(())
}

fn listed(name: &'static str) -> Result<Listed, NetworkError> {
    let input = zoo::default_input(name)?;
    let large = matches!(input, Shape::Map { height, .. } if height >= LARGE);
    let classes = if large { CLASSES } else { FEW_CLASSES };
    let total = Summary::new(&zoo::build(name, input, classes)?).total;
    Ok(Listed {
        name,
        input,
        classes,
        parameters: total.parameters,
        multiply_adds: total.multiply_adds,
        description: zoo::describe(name)?,
    })
}
