//! What cannot be trained is refused before anything is trained, with the reason.

mod common;

use common::{NETWORK, write_data};
use ocelli_train::{Event, Recipe, RecipeBuilder, Run, RunOptions, TrainError, claim};
use std::fs;
use std::path::Path;

fn recipe(folder: &Path, network: &str, settings: &[&str]) -> Recipe {
    write_data(&folder.join("data"));
    fs::write(folder.join("net.toml"), network).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let mut recipe = RecipeBuilder::new()
        .value("data.path", path("data"), "test")
        .and_then(|recipe| recipe.value("model.network", path("net.toml"), "test"))
        .and_then(|recipe| recipe.set("train.epochs=1"))
        .unwrap();
    for setting in settings {
        recipe = recipe.set(setting).unwrap();
    }
    recipe.build().unwrap()
}

fn refused(network: &str, settings: &[&str]) -> TrainError {
    let folder = tempfile::tempdir().unwrap();
    Run::prepare(recipe(folder.path(), network, settings), RunOptions { threads: 1 }).unwrap_err()
}

#[test]
fn outputs_that_are_not_the_classes_are_refused() {
    for outputs in ["1", "3"] {
        let error = refused(&NETWORK.replace("\"classes\"", outputs), &[]);
        let said = error.to_string();
        assert!(error.is_request() && said.contains(&format!("gives {outputs} values")), "{said}");
        assert!(
            said.contains("net.toml") && said.contains("2 classes") && said.contains("out_features"),
            "{said}"
        );
    }
    let error = refused(&format!("{NETWORK}\n[[layers]]\ntype = \"Softmax\""), &[]);
    assert!(error.is_request() && matches!(error, TrainError::EndsInSoftmax { .. }), "{error}");
}

#[test]
fn lists_that_do_not_fit_are_refused() {
    let list = "transforms.eval=[{type=\"Resize\",size=[8,8]},{type=\"Normalize\"}]";
    let error = refused(NETWORK, &[list, "transforms.size=[10,10]"]);
    assert!(error.is_request() && error.to_string().starts_with("transforms.eval makes 8×8"), "{error}");
}

#[test]
fn a_list_decides_the_size_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let list = "transforms.train=[{type=\"RandomCrop\",size=8},{type=\"Normalize\"}]";
    let run =
        Run::prepare(recipe(folder.path(), NETWORK, &[list]), RunOptions { threads: 1 }).expect("a run");
    let outcome = run.train(&folder.path().join("run"), &mut |_: &Event<'_>| {}).unwrap();
    assert_eq!(run.recipe().transforms.size, Some([8, 8]));
    assert_eq!(outcome.test.map(|test| test.images), Some(20));
    assert_eq!(
        run.recipe().derived,
        ["train.lr", "transforms.channels", "transforms.size", "transforms.eval"]
    );
}

#[test]
fn rules_of_initialisation_follow_the_networks() {
    let folder = tempfile::tempdir().unwrap();
    let network = format!("initialisation = [{{ init = \"ones\" }}]\n{NETWORK}");
    let rules = "model.init=[{pattern=\"5.*\",role=\"weight\",init=\"orthogonal\"},{pattern=\"1.weight\",init=\"zeros\"}]";
    let run = Run::prepare(recipe(folder.path(), &network, &[rules]), RunOptions { threads: 1 }).unwrap();
    let weights = run.network().init(1);
    let of = |name: &str| weights.get(name).unwrap().as_f32().unwrap();
    assert!(of("0.weight").iter().chain(of("5.bias")).all(|&value| value == 1.0));
    assert!(of("1.weight").iter().all(|&value| value == 0.0));
    let square: f32 = of("5.weight").iter().map(|value| value * value).sum();
    assert!((square - 2.0).abs() < 1e-5, "two rows of length 1: {square}");
    // What is resolved says it again.
    let text = run.recipe().to_toml();
    assert!(
        text.contains("[[model.init]]\npattern = \"5.*\"\nrole = \"weight\"\ninit = \"orthogonal\"\n"),
        "{text}"
    );
    let again = RecipeBuilder::new().text(&text, "again").unwrap().build().unwrap();
    assert_eq!(again.model.init, run.recipe().model.init);
}

#[test]
fn rules_of_initialisation_that_cannot_be_are_refused() {
    let error = refused(NETWORK, &["model.init=[{pattern=\"fc.weight\",init=\"zeros\"}]"]);
    let said = error.to_string();
    assert!(
        error.is_request() && said.starts_with("model.init: initialisation by zeros of \"fc.weight\""),
        "{said}"
    );
    assert!(said.contains("the nearest: 0.weight, 1.weight, 5.weight"), "{said}");
    let said = RecipeBuilder::new().set("model.init=[{init=\"orthogonl\"}]").unwrap_err().to_string();
    assert!(said.contains("model.init") && said.contains("did you mean `orthogonal`?"), "{said}");
}

#[test]
fn the_reason_is_told_where_no_image_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let list = "transforms.train=[{type=\"RandomCrop\",size=64},{type=\"Normalize\"}]";
    let out = folder.path().join("run");
    let run =
        Run::prepare(recipe(folder.path(), NETWORK, &[list]), RunOptions { threads: 1 }).expect("a run");
    let mut problems = 0;
    let error = run
        .train(&out, &mut |event: &Event<'_>| problems += usize::from(matches!(event, Event::Problem(_))))
        .unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("not one of 54 images could be used; the first: "), "{said}");
    assert!(said.contains("RandomCrop"), "{said}");
    assert_eq!(problems, 54);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0, "the folder is free for another try");
}

#[test]
fn a_folder_with_a_file_of_a_run_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["recipe.toml", "metrics.jsonl", "last.safetensors", "model.safetensors"] {
        let path = folder.path().join(file);
        fs::write(&path, "# mine").unwrap();
        let error = claim(folder.path()).unwrap_err();
        assert!(error.is_request() && error.to_string().contains(file), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "# mine");
        fs::remove_file(path).unwrap();
    }
    let inner = folder.path().join("a/b");
    claim(&inner).unwrap();
    assert_eq!(fs::read_dir(&inner).unwrap().count(), 0, "nothing is left by trying");
    fs::write(folder.path().join("file"), "").unwrap();
    let error = claim(&folder.path().join("file")).unwrap_err().to_string();
    assert!(error.contains("file: cannot be made"), "{error}");
}
