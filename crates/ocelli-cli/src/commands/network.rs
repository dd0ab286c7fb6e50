//! A network from whatever a command was given: a name, a TOML file, a trained model.

use super::{load, nearest_network, network_names};
use crate::failure::Failure;
use ocelli::nn::{Network, Shape, Template, zoo};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The number of classes where nothing says.
const CLASSES: usize = 10;

/// The input where nothing says.
const INPUT: Shape = Shape::map(3, 32, 32);

/// The network of this name, or in the file of this path, for the input that is asked for, else for its own.
pub(super) fn network(name: &str, input: Option<Shape>) -> Result<Network, Failure> {
    if zoo::NAMES.contains(&name) {
        let usual = zoo::default_input(name).map_err(Failure::usage)?;
        return zoo::build(name, input.unwrap_or(usual), CLASSES).map_err(Failure::usage);
    }
    let path = Path::new(name);
    if !path.exists() {
        let near = nearest_network(name).map_or_else(network_names, |near| format!("did you mean {near}?"));
        return Err(
            Failure::usage(format!("{name}: no network has this name, and there is no such file")).hint(near)
        );
    }
    if is_toml(path) {
        return template(path, input);
    }
    let network = load(path)?.network().clone();
    match input {
        Some(input) => network.with_input(input).map_err(Failure::usage),
        None => Ok(network),
    }
}

/// Whether a file is TOML, by its name or by how it begins.
pub(super) fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml") || begins_as_text(path)
}

/// Whether a file begins with text, as a TOML file does; a model begins with its header's length, which has zeros in it.
fn begins_as_text(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(8).read_to_end(&mut start));
    let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e);
    path.is_file() && read.is_ok() && !start.is_empty() && start.iter().all(is_text)
}

fn template(path: &Path, input: Option<Shape>) -> Result<Network, Failure> {
    let about = |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| about(&error))?;
    let template = Template::from_toml(&text).map_err(|error| about(&error))?;
    let input = input.or(template.input()).unwrap_or(INPUT);
    template.build(input, template.classes().unwrap_or(CLASSES)).map_err(|error| about(&error))
}
