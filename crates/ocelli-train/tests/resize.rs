//! Progressive resizing: smaller images first, and the same bits wherever the run was stopped.

mod common;

use common::{NETWORK, write_data};
use ocelli_model::Classifier;
use ocelli_nn::Shape;
use ocelli_train::{Event, Observer, RecipeBuilder, Run, RunOptions, TrainError, resume};
use std::fs;
use std::path::Path;

/// A network that pools to one size.
const ANY_SIZE: &str = r#"
name = "any-size"
[[layers]]
type = "Conv2d"
out_channels = 4
kernel_size = 3
[[layers]]
type = "BatchNorm2d"
[[layers]]
type = "ReLU"
[[layers]]
type = "AdaptiveAvgPool2d"
output_size = 2
[[layers]]
type = "Flatten"
[[layers]]
type = "Linear"
out_features = "classes"
"#;

const SIZES: &str = "resize = [{ size = [6, 6], until = 1 }, { size = [8, 7], until = 3 }]\n";

fn run(folder: &Path, network: &str, settings: &str) -> Result<Run, TrainError> {
    write_data(&folder.join("data"));
    fs::write(folder.join("network.toml"), network).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let text = format!(
        "seed = 3\n[data]\npath = '{}'\n[model]\nnetwork = '{}'\n[train]\nepochs = 4\nbatch_size = 16\n{SIZES}{settings}",
        path("data"),
        path("network.toml"),
    );
    Run::prepare(
        RecipeBuilder::new().text(&text, "test").unwrap().build().unwrap(),
        RunOptions { threads: 1 },
    )
}

/// Notes the sizes, and stops after a number of batches.
#[derive(Default)]
struct Watcher {
    sizes: Vec<(u64, [usize; 2])>,
    batches: usize,
    stop_after: Option<usize>,
}

impl Observer for Watcher {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Resized(resized) => self.sizes.push((resized.epoch, resized.size)),
            Event::Batch(_) => self.batches += 1,
            _ => {}
        }
    }

    fn wants_stop(&mut self) -> bool {
        self.stop_after.is_some_and(|after| self.batches >= after)
    }
}

#[test]
fn images_grow_and_a_run_may_stop_anywhere() {
    for settings in [
        "optimizer = { name = 'sgd', momentum = 0.9 }\nlookahead = { k = 3 }",
        "swa_start = 1\naccumulate = 2\n[transforms]\naugment = false",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (whole, stopped) = (folder.path().join("whole"), folder.path().join("stopped"));
        let run = run(folder.path(), ANY_SIZE, settings).unwrap();
        let mut watcher = Watcher::default();
        run.train(&whole, &mut watcher).unwrap();
        assert_eq!(watcher.sizes, [(1, [6, 6]), (2, [8, 7]), (4, [10, 10])]);
        let model = Classifier::load(whole.join("model.safetensors")).unwrap();
        assert_eq!(model.network().input(), Shape::map(1, 10, 10), "it evaluates at the full size");

        let mut first = true;
        loop {
            let mut next = Watcher { stop_after: Some(3), ..Watcher::default() };
            let result = match std::mem::take(&mut first) {
                true => run.train(&stopped, &mut next),
                false => resume(&stopped, RunOptions { threads: 2 }, &mut next),
            };
            match result {
                Ok(_) => break,
                Err(error) => assert!(matches!(error, TrainError::Stopped { .. }), "{error}"),
            }
        }
        for file in ["model.safetensors", "last.safetensors"] {
            let weights = |out: &Path| Classifier::load(out.join(file)).unwrap().weights().clone();
            assert!(weights(&whole) == weights(&stopped), "{file} has the same bits");
        }
    }
}

#[test]
fn a_head_of_one_size_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(folder.path(), NETWORK, "").unwrap_err().to_string();
    assert!(said.starts_with("train.resize cannot be 6×6: "), "{said}");
    assert!(said.contains("layer 5") && said.contains("AdaptiveAvgPool2d"), "{said}");
}
