//! A trial's recipe: that of the search with the trial's settings laid over it.

use crate::args::RunArgs;
use crate::commands::train::flagged;
use crate::failure::Failure;
use ocelli::train::{Recipe, RecipeError};
use ocelli::tune::{Params, Value};
use std::fs;
use std::path::Path;
use toml::{Table, Value as Toml};

/// What settings of the network's file begin with: `network.layers.0.out_channels`, or `network.NAME.out_channels` of a layer with a
/// name.
const NETWORK: &str = "network.";
const ORIGIN: &str = "--space";

/// The recipe of a trial; the network that it changes is written into the trial's folder.
pub(super) fn recipe(args: &RunArgs, params: &Params, folder: &Path) -> Result<Recipe, Failure> {
    let (network, settings): (Vec<_>, Vec<_>) = params.iter().partition(|(key, _)| key.starts_with(NETWORK));
    let mut builder = flagged(args, args.recipe.as_deref()).map_err(Failure::usage)?;
    for (key, value) in settings {
        if let Some(value) = value.to_toml() {
            builder = builder.value(key, value, ORIGIN).map_err(Failure::usage)?;
        }
    }
    let recipe = builder.clone().build().map_err(Failure::usage)?;
    if network.is_empty() {
        return Ok(recipe);
    }
    let file = folder.join("network.toml");
    let text = edited(Path::new(&recipe.model.network), &network)?;
    fs::create_dir_all(folder)?;
    fs::write(&file, text)?;
    let path = file.to_string_lossy().into_owned();
    let built = builder.value("model.network", path, ORIGIN).and_then(|builder| builder.build());
    built.map_err(|error: RecipeError| Failure::usage(error))
}

/// A network's file with other settings.
fn edited(path: &Path, settings: &[(&String, &Value)]) -> Result<String, Failure> {
    let about = |reason: String| Failure::usage(format!("{ORIGIN}: {reason}"));
    let text = fs::read_to_string(path).map_err(|error| {
        about(format!(
            "settings of layers need a network in a TOML file, and {} is none: {error}",
            path.display()
        ))
        .hint("give one with --model FILE; docs of networks in TOML are in README.md")
    })?;
    let mut table: Table = text.parse().map_err(|error| about(format!("{}: {error}", path.display())))?;
    for (key, value) in settings {
        let Some(value) = value.to_toml() else { continue };
        let place = place(&mut table, &key[NETWORK.len()..])
            .ok_or_else(|| about(format!("{key}: {} has no such layer", path.display())))?;
        let (layer, setting) = place;
        layer.insert(setting.to_owned(), value);
    }
    Ok(table.to_string())
}

/// The layer of `layers.0.out_channels` or `NAME.out_channels`, and the name of the setting.
fn place<'a, 'b>(table: &'a mut Table, key: &'b str) -> Option<(&'a mut Table, &'b str)> {
    let (layer, setting) = key.rsplit_once('.')?;
    let layers = table.get_mut("layers")?.as_array_mut()?;
    let found = match layer.strip_prefix("layers.") {
        Some(number) => layers.get_mut(number.parse::<usize>().ok()?),
        None => layers.iter_mut().find(|one| one.get("name").and_then(Toml::as_str) == Some(layer)),
    };
    Some((found?.as_table_mut()?, setting))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: &str = "name = \"n\"\n[[layers]]\ntype = \"Conv2d\"\nout_channels = 8\n[[layers]]\nname = \"head\"\ntype = \"Linear\"\n";

    #[test]
    fn layers_are_found_by_number_and_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n.toml");
        fs::write(&path, NETWORK).unwrap();
        let settings = [
            ("network.layers.0.out_channels".to_owned(), Value::Int(16)),
            ("network.head.bias".to_owned(), Value::Bool(false)),
        ];
        let settings: Vec<(&String, &Value)> = settings.iter().map(|(key, value)| (key, value)).collect();
        let table: Table = edited(&path, &settings).unwrap().parse().unwrap();
        assert_eq!(table["layers"][0]["out_channels"].as_integer(), Some(16));
        assert_eq!(table["layers"][1]["bias"].as_bool(), Some(false));
        let none = ("network.layers.7.out_channels".to_owned(), Value::Int(16));
        assert!(edited(&path, &[(&none.0, &none.1)]).is_err());
    }
}
