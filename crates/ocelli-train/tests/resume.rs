//! A run that is stopped and resumed ends with the same bits as one that never stopped.

mod common;

use common::{NETWORK, write_data};
use ocelli_model::Classifier;
use ocelli_train::{Event, Recipe, RecipeBuilder, Run, RunOptions, resume};
use std::fs;
use std::path::Path;

fn recipe(folder: &Path, optimizer: &str) -> Recipe {
    write_data(&folder.join("data"));
    fs::write(folder.join("tiny.toml"), NETWORK).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let text = format!(
        "seed = 3\n[data]\npath = '{}'\n[model]\nnetwork = '{}'\n[train]\nepochs = 4\nbatch_size = 16\noptimizer = '{optimizer}'",
        path("data"),
        path("tiny.toml"),
    );
    RecipeBuilder::new().text(&text, "test").unwrap().build().unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_resumed_run_ends_with_the_same_bits() {
    for optimizer in ["sgd", "adamw"] {
        let folder = tempfile::tempdir().unwrap();
        let (whole, stopped) = (folder.path().join("whole"), folder.path().join("stopped"));
        let run = Run::prepare(recipe(folder.path(), optimizer), RunOptions { threads: 1 }).unwrap();
        // The state of the folder after the second epoch is what a run that was stopped then leaves.
        let mut observer = |event: &Event<'_>| {
            if let Event::Epoch(done) = event
                && done.epoch == 2
            {
                copy(&whole, &stopped);
            }
        };
        let outcome = run.train(&whole, &mut observer).unwrap();

        let mut batches = Vec::new();
        let mut observer = |event: &Event<'_>| {
            if let Event::Batch(done) = event {
                batches.push((done.epoch, done.batch));
            }
        };
        let resumed = resume(&stopped, RunOptions { threads: 2 }, &mut observer).unwrap();
        assert_eq!(batches, [(3, 1), (3, 2), (3, 3), (3, 4), (4, 1), (4, 2), (4, 3), (4, 4)]);
        let read = |folder: &Path, file: &str| fs::read(folder.join(file)).unwrap();
        assert_eq!(read(&whole, "model.safetensors"), read(&stopped, "model.safetensors"));
        let last = |folder: &Path| Classifier::load_with(folder.join("last.safetensors")).unwrap();
        let ((one, of_one), (two, of_two)) = (last(&whole), last(&stopped));
        assert_eq!(one.weights(), two.weights());
        assert_eq!(of_one.unwrap().tensors, of_two.unwrap().tensors);
        assert_eq!(outcome.test, resumed.test);
        let lines = |folder: &Path| String::from_utf8(read(folder, "metrics.jsonl")).unwrap().lines().count();
        assert_eq!((lines(&whole), lines(&stopped)), (5, 5), "four epochs and the test");
    }
}

#[test]
fn a_resume_on_other_data_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let run = Run::prepare(recipe(folder.path(), "sgd"), RunOptions::default()).unwrap();
    run.train(&out, &mut |_: &Event<'_>| {}).unwrap();
    let file = |name: &str| folder.path().join("data").join(name);
    for kind in ["images-idx3-ubyte", "labels-idx1-ubyte"] {
        fs::copy(file(&format!("t10k-{kind}")), file(&format!("train-{kind}"))).unwrap();
    }
    let error = resume(&out, RunOptions::default(), &mut |_: &Event<'_>| {}).unwrap_err().to_string();
    assert!(error.contains("last.safetensors") && error.contains("54 images"), "{error}");
}

#[test]
fn a_folder_without_a_run_cannot_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let error = resume(folder.path(), RunOptions::default(), &mut |_: &Event<'_>| {}).unwrap_err();
    assert!(error.to_string().contains("last.safetensors: cannot be read"), "{error}");
}
