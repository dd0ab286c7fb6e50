//! Beginning with weights from a file, and training a part of them.

mod common;

use common::{NETWORK, write_data};
use ocelli_model::{Classifier, save_weights};
use ocelli_nn::{Tensor, Weights};
use ocelli_train::{Event, Recipe, RecipeBuilder, Run, RunOptions, TrainError, resume};
use std::fs;
use std::path::{Path, PathBuf};

fn recipe(folder: &Path, settings: &str) -> Recipe {
    write_data(&folder.join("data"));
    fs::write(folder.join("tiny.toml"), NETWORK).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let text = format!(
        "[data]\npath = '{}'\n[model]\nnetwork = '{}'\n[train]\nepochs = 2\nbatch_size = 16\n{settings}",
        path("data"),
        path("tiny.toml")
    );
    RecipeBuilder::new().text(&text, "test").unwrap().build().unwrap()
}

/// As `recipe`, beginning with a file of weights.
fn recipe_from(folder: &Path, weights: &Path, settings: &str) -> Recipe {
    let mut recipe = recipe(folder, settings);
    recipe.model.weights = Some(weights.display().to_string());
    recipe
}

fn options() -> RunOptions {
    RunOptions { threads: 1 }
}

fn trained(recipe: Recipe, out: &Path) -> Weights {
    Run::prepare(recipe, options()).unwrap().train(out, &mut |_: &Event<'_>| {}).unwrap();
    last(out)
}

fn last(out: &Path) -> Weights {
    Classifier::load(out.join("last.safetensors")).unwrap().weights().clone()
}

/// A file of weights for the network, but for `classes` classes: those that seed 9 draws.
fn weights_for(folder: &Path, classes: usize) -> (PathBuf, Weights) {
    let mut weights = Run::prepare(recipe(folder, ""), options()).unwrap().network().init(9);
    if classes != 2 {
        let features = weights.get("5.weight").unwrap().shape[1];
        weights.insert("5.weight", Tensor::f32([classes, features], vec![0.5; classes * features]));
        weights.insert("5.bias", Tensor::f32([classes], vec![0.5; classes]));
    }
    let path = folder.join(format!("weights-{classes}.safetensors"));
    save_weights(&path, &weights).unwrap();
    (path, weights)
}

#[test]
fn frozen_parameters_stay_as_the_file_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let (path, weights) = weights_for(folder.path(), 7);
    // Momentum and weight decay move what has no gradient, too.
    let settings = "freeze = ['*', '!5.*']\noptimizer = { name = 'sgd', momentum = 0.9, weight_decay = 0.1 }";
    let recipe = recipe_from(folder.path(), &path, settings);
    let run = Run::prepare(recipe.clone(), options()).unwrap();
    let fit = run.fit().unwrap();
    assert_eq!(fit.replaced().map(|head| (head.layer.as_str(), head.found, head.classes)), Some(("5", 7, 2)));
    assert_eq!((fit.loaded().len(), fit.is_whole()), (7, true), "{fit}");
    let frozen: Vec<String> = run.frozen().into_iter().map(|parameter| parameter.name).collect();
    assert_eq!(frozen, ["0.weight", "0.bias", "1.weight", "1.bias"]);

    let after = trained(recipe, &folder.path().join("run"));
    for name in &frozen {
        assert_eq!(after.get(name), weights.get(name), "{name}");
    }
    let new = run.network().init(run.recipe().seed);
    for name in ["5.weight", "5.bias"] {
        assert_ne!(after.get(name), new.get(name), "{name} learns");
    }
    assert_ne!(after.get("1.running_mean"), weights.get("1.running_mean"), "statistics go on");
    let saved = fs::read_to_string(folder.path().join("run/recipe.toml")).unwrap();
    assert!(saved.contains("\"!5.*\"") && saved.contains(&path.display().to_string()), "{saved}");
}

#[test]
fn weights_of_the_same_classes_are_taken_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (path, weights) = weights_for(folder.path(), 2);
    let run = Run::prepare(recipe_from(folder.path(), &path, ""), options()).unwrap();
    assert_eq!(run.fit().unwrap().to_string(), "9 of 9 tensors loaded");
    // A learning rate too small to tell from none: what comes out is what went in.
    let recipe = recipe_from(folder.path(), &path, "lr = 1e-30\nschedule = 'constant'\noptimizer = 'sgd'");
    let after = trained(recipe, &folder.path().join("run"));
    for name in ["0.weight", "0.bias", "1.weight", "5.weight", "5.bias"] {
        assert_eq!(after.get(name), weights.get(name), "{name}");
    }
    let model = folder.path().join("run/model.safetensors");
    let run = Run::prepare(recipe_from(folder.path(), &model, ""), options()).unwrap();
    assert_eq!(run.fit().unwrap().loaded().len(), 9, "a model's file is one of weights");
    // The same model with the classes called otherwise: the last layer knows other things.
    let classifier = Classifier::load(&model).unwrap();
    let names = ["cat", "dog"].map(String::from).to_vec();
    let (network, transforms) = (classifier.network().clone(), classifier.transforms().to_vec());
    let other = folder.path().join("other.safetensors");
    Classifier::new(network, after, transforms, names).unwrap().save(&other).unwrap();
    let run = Run::prepare(recipe_from(folder.path(), &other, ""), options()).unwrap();
    let fit = run.fit().unwrap();
    assert_eq!((fit.loaded().len(), fit.replaced().is_some()), (7, true), "{fit}");
}

#[test]
fn a_resumed_run_keeps_groups_and_needs_no_weights() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = weights_for(folder.path(), 2);
    let settings = "freeze = ['0.*']\n[[train.groups]]\npattern = '5.*'\nlr_scale = 10.0\nweight_decay = 0.0";
    let (whole, stopped) = (folder.path().join("whole"), folder.path().join("stopped"));
    let run = Run::prepare(recipe_from(folder.path(), &path, settings), options()).unwrap();
    let mut observer = |event: &Event<'_>| {
        if let Event::Epoch(done) = event
            && done.epoch == 1
        {
            fs::create_dir_all(&stopped).unwrap();
            for entry in fs::read_dir(&whole).unwrap() {
                let entry = entry.unwrap();
                fs::copy(entry.path(), stopped.join(entry.file_name())).unwrap();
            }
        }
    };
    run.train(&whole, &mut observer).unwrap();
    fs::remove_file(&path).unwrap();
    resume(&stopped, options(), &mut |_: &Event<'_>| {}).unwrap();
    assert_eq!(last(&whole), last(&stopped));
    let plain = trained(recipe(folder.path(), ""), &folder.path().join("plain"));
    assert_ne!(last(&whole).get("5.weight"), plain.get("5.weight"), "groups and weights do something");
}

#[test]
fn what_cannot_begin_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |recipe: Recipe| {
        let error = Run::prepare(recipe, options()).unwrap_err();
        assert!(error.is_request(), "{error}");
        error
    };
    let said = refused(recipe(folder.path(), "freeze = ['fc.*']")).to_string();
    assert!(said.starts_with("train.freeze cannot be: pattern \"fc.*\" matches no parameter"), "{said}");
    let absent = folder.path().join("absent.pth");
    let error = refused(recipe_from(folder.path(), &absent, ""));
    assert!(error.to_string().contains("absent.pth: cannot be read"), "{error}");
    let other = folder.path().join("other.safetensors");
    let weights: Weights = [("conv.weight", Tensor::f32([1], vec![0.0]))].into_iter().collect();
    save_weights(&other, &weights).unwrap();
    let error = refused(recipe_from(folder.path(), &other, ""));
    assert!(matches!(error, TrainError::NothingFits { .. }));
    let said = error.to_string();
    assert!(said.contains("none of its tensors is one of tiny's"), "{said}");
    assert!(said.contains("missing: 0.weight") && said.contains("unexpected: conv.weight"), "{said}");
}
