//! The batch-size finder: the largest batch that fits, and no larger one.

mod common;

use common::{NETWORK, write_data};
use ocelli_train::{BatchLimit, Event, Measuring, RecipeBuilder, Run, RunOptions, TrainError};
use std::fs;
use std::path::Path;

/// A run on 54 training images of 10×10 pixels.
fn run(folder: &Path, settings: &str) -> Run {
    write_data(&folder.join("data"));
    fs::write(folder.join("tiny.toml"), NETWORK).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let text = format!(
        "seed = 3\n[data]\npath = '{}'\n[model]\nnetwork = '{}'\n[train]\nepochs = 3\nbatch_size = 16\n{settings}",
        path("data"),
        path("tiny.toml"),
    );
    let recipe = RecipeBuilder::new().text(&text, "test").unwrap().build().unwrap();
    Run::prepare(recipe, RunOptions { threads: 2 }).unwrap()
}

fn bytes(run: &Run, batch_size: usize) -> u64 {
    run.memory_at(batch_size).unwrap().total()
}

#[test]
fn the_largest_fits_and_one_image_more_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), "");
    let there = fs::read_dir(folder.path()).unwrap().count();
    let (least, budget) = (bytes(&run, 2), bytes(&run, 20));
    assert!(least < budget);
    let mut told = Vec::new();
    let found = run.find_batch_size(budget, &mut |measuring| told.push(measuring)).unwrap();
    assert_eq!(found.limit, BatchLimit::Memory);
    let largest = found.largest.batch_size;
    assert!(largest >= 20 && found.largest.total() <= budget && bytes(&run, largest + 1) > budget);
    let sizes: Vec<usize> = found.measured.iter().map(|size| size.memory.batch_size).collect();
    assert_eq!(sizes, [2, 4, 8, 16]);
    let heard = |(place, batch_size): (usize, usize)| Measuring { place, of: 4, batch_size };
    assert_eq!(told, [2, 4, 8, 16].into_iter().enumerate().map(heard).collect::<Vec<_>>());
    assert!(found.measured.iter().all(|size| size.images_per_second.is_some_and(|speed| speed > 0.0)));
    assert!(sizes.contains(&found.suggested().unwrap().memory.batch_size));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), there, "nothing is written");
}

#[test]
fn more_memory_takes_batches_no_smaller_up_to_all_images() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), "");
    let images = run.data().train;
    let mut before = 0;
    for batch_size in (2..=images).step_by(13) {
        let needed = bytes(&run, batch_size);
        assert!(needed >= before, "{batch_size}");
        before = needed;
    }
    let found = run.find_batch_size(u64::MAX, &mut |_| {}).unwrap();
    assert_eq!((found.largest.batch_size, found.limit), (images, BatchLimit::Images));
}

#[test]
fn where_nothing_fits_the_error_says_how_much_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), "");
    let least = bytes(&run, 2);
    let error = run.find_batch_size(least - 1, &mut |_| {}).unwrap_err();
    assert!(
        matches!(error, TrainError::NoBatchFits { batch_size: 2, needed, budget } if needed == least && budget == least - 1)
    );
    assert!(error.is_request());
    let said = error.to_string();
    for word in ["2 images", " MiB", "transforms.size", "train.accumulate"] {
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn whatever_a_recipe_adds_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let plain = run(folder.path(), "optimizer = 'adamw'").memory_at(16).unwrap();
    let with = |settings: &str| run(folder.path(), settings).memory_at(16).unwrap();
    let sgd = with("optimizer = { name = 'sgd', momentum = 0.0 }");
    assert!(sgd.parameters < plain.parameters && sgd.maps == plain.maps);
    let mut sets = Vec::new();
    for settings in ["ema_decay = 0.9", "swa_start = 1", "lookahead = {}", "accumulate = 2", "sam = {}"] {
        let more = with(&format!("optimizer = 'adamw'\n{settings}"));
        assert!(more.parameters > plain.parameters && more.between >= plain.between, "{settings}");
        sets.push(more.parameters - plain.parameters);
    }
    assert!(sets.iter().all(|set| *set == sets[0]), "one set of weights each: {sets:?}");
    let larger = with("optimizer = 'adamw'\n[transforms]\nsize = [20, 20]");
    assert!(larger.maps > 2 * plain.maps && larger.batches > 3 * plain.batches);
}

#[test]
fn a_run_trains_as_ever_after_a_search() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), "");
    let train = |out: &str| {
        let out = folder.path().join(out);
        run.train(&out, &mut |_: &Event<'_>| {}).unwrap();
        fs::read(out.join("model.safetensors")).unwrap()
    };
    let before = train("before");
    run.find_batch_size(bytes(&run, 4), &mut |_| {}).unwrap();
    assert!(train("after") == before);
}
