//! The recipes that are in the repository can be read, and their networks built.

use ocelli_nn::Shape;
use ocelli_train::{Recipe, build_network};
use std::fs;
use std::path::Path;

#[test]
fn the_repositorys_recipes_are_ready_to_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let recipes = files.filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.ends_with(".toml") && !name.ends_with("-network.toml")
    });
    let mut found = 0;
    for path in recipes {
        let recipe = Recipe::load(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let network = build_network(&recipe.model.network, Shape::map(3, 32, 32), 10);
        network.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lists =
            [&recipe.transforms.train, &recipe.transforms.eval].map(|list| list.as_ref().map(Vec::len));
        assert!(lists[0].is_some() == lists[1].is_some(), "{}: both lists or none", path.display());
        found += 1;
    }
    assert!(found >= 2);
}
