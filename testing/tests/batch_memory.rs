//! What the batch-size finder counts is what training allocates, and not much more.

use std::fs;
use std::path::Path;

use ocelli_testing::Counting;
use ocelli_train::{Event, RecipeBuilder, Run, RunOptions};

#[global_allocator]
static COUNTING: Counting = Counting::new();

/// Bytes of the network's description, names of parameters, lists and the like, of what stands for the program in the count.
const DESCRIPTIONS: usize = 512 << 10;

/// IDX files of so many noisy images of 28×28 pixels in two classes.
fn write_data(folder: &Path, images: u32) {
    for part in ["train", "t10k"] {
        let (mut pixels, mut labels) = (vec![0, 0, 8, 3], vec![0, 0, 8, 1]);
        [images, 28, 28].iter().for_each(|size| pixels.extend(size.to_be_bytes()));
        labels.extend(images.to_be_bytes());
        labels.extend((0..images).map(|image| (image % 2) as u8));
        pixels.extend((0..images * 28 * 28).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8));
        fs::write(folder.join(format!("{part}-images-idx3-ubyte")), pixels).expect("a file");
        fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).expect("a file");
    }
}

/// One test at a time: the counts are those of the whole process.
#[test]
fn training_allocates_no_more_than_is_counted() {
    for (network, batch_size, settings) in [
        ("lesson-bn", 256, ""),
        ("mobilenet_v2", 32, ""),
        (
            "lesson-bn",
            128,
            "optimizer = { name = 'sgd', momentum = 0.9 }\naccumulate = 2\nsam = {}\nema_decay = 0.9",
        ),
        ("lesson-bn", 96, "optimizer = 'muon'\nswa_start = 1\nlookahead = {}"),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write_data(folder.path(), 512);
        let text = format!(
            "[data]\npath = '{}'\n[model]\nnetwork = '{network}'\n[train]\nepochs = 2\nbatch_size = {batch_size}\n{settings}",
            folder.path().display()
        );
        let (counted, taken) = COUNTING.watch(|| {
            let recipe = RecipeBuilder::new().text(&text, "test").expect("TOML").build().expect("a recipe");
            let run = Run::prepare(recipe, RunOptions { threads: 2 }).expect("a run");
            let memory = run.memory_at(batch_size).expect("a plan");
            run.train(&folder.path().join("run"), &mut |_: &Event<'_>| {}).expect("it trains");
            // The program itself is no allocation, but for names and descriptions.
            (memory.total() - memory.program) as usize + DESCRIPTIONS
        });
        println!("{network}, batches of {batch_size}: {counted} bytes counted, {taken} allocated at most");
        assert!(
            taken <= counted,
            "{network}, batches of {batch_size}: {taken} bytes allocated, {counted} counted"
        );
        assert!(
            counted < 2 * taken,
            "{network}, batches of {batch_size}: {taken} bytes allocated, {counted} counted"
        );
    }
}
