//! A run that is stopped and resumed ends with the same bits as one that never stopped.

mod common;

use common::{NETWORK, write_data};
use ocelli_model::{Attachment, Classifier};
use ocelli_train::{Event, Observer, Recipe, RecipeBuilder, Resume, Run, RunOptions, TrainError, resume};
use std::fs;
use std::path::Path;

fn recipe(folder: &Path, settings: &str) -> Recipe {
    write_data(&folder.join("data"));
    fs::write(folder.join("tiny.toml"), NETWORK).unwrap();
    let path = |name: &str| folder.join(name).display().to_string();
    let text = format!(
        "seed = 3\n[data]\npath = '{}'\n[model]\nnetwork = '{}'\n[train]\nepochs = 4\nbatch_size = 16\n{settings}",
        path("data"),
        path("tiny.toml"),
    );
    RecipeBuilder::new().text(&text, "test").unwrap().build().unwrap()
}

fn options(threads: usize) -> RunOptions {
    RunOptions { threads }
}

fn quiet() -> impl Observer + Send {
    |_: &Event<'_>| {}
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn read(folder: &Path, file: &str) -> Vec<u8> {
    fs::read(folder.join(file)).unwrap()
}

fn checkpoint(path: &Path) -> (Classifier, Attachment) {
    let (classifier, attachment) = Classifier::load_with(path).unwrap();
    (classifier, attachment.unwrap())
}

/// The metrics' lines without what the clock decides.
fn metrics(folder: &Path) -> Vec<serde_json::Value> {
    let text = String::from_utf8(read(folder, "metrics.jsonl")).unwrap();
    let line = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        for clock in ["seconds", "waited_seconds", "images_per_second"] {
            line.as_object_mut().unwrap().remove(clock);
        }
        line
    };
    text.lines().map(line).collect()
}

/// Model, checkpoint and figures of two runs are the same.
fn assert_same(whole: &Path, stopped: &Path) {
    assert!(read(whole, "model.safetensors") == read(stopped, "model.safetensors"), "the best weights");
    assert_eq!(metrics(whole), metrics(stopped));
    let last = |folder: &Path| checkpoint(&folder.join("last.safetensors"));
    let ((one, of_one), (two, of_two)) = (last(whole), last(stopped));
    assert!(one.weights() == two.weights() && of_one.tensors == of_two.tensors, "the last checkpoint");
}

/// Stops after a number of batches; notes those that it saw.
#[derive(Default)]
struct Stopper {
    after: usize,
    batches: Vec<(u64, u64)>,
    figures: Vec<(f64, f64)>,
    /// Asked for a stop when evaluation asks, not training.
    in_evaluation: bool,
    asked: usize,
}

impl Observer for Stopper {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Batch(done) = event {
            self.batches.push((done.epoch, done.batch));
            self.figures.push((done.mean_loss, done.accuracy));
            self.asked = 0;
        }
    }

    fn wants_stop(&mut self) -> bool {
        self.asked += 1;
        // Training asks once for each batch, and validation then asks again.
        self.batches.len() >= self.after && (!self.in_evaluation || self.asked > 1)
    }
}

#[test]
fn a_run_may_stop_after_any_batch() {
    for settings in [
        "optimizer = 'sgd'",
        "optimizer = { name = 'sgd', momentum = 0.9 }\nschedule = 'cosine'\nema_decay = 0.9",
        "optimizer = 'muon'\nwarmup = { length = 1 }\nclip_norm = 0.5",
        "optimizer = 'nadam'\nschedule = { name = 'cyclic', step_size_up = 3 }",
        "optimizer = { name = 'rmsprop', centered = true, momentum = 0.9 }",
        "optimizer = 'lamb'\nclip_value = 0.1",
        "optimizer = { name = 'adamw', amsgrad = true }",
        "optimizer = 'radam'\nschedule = { name = 'plateau', patience = 0, threshold = 9.0, threshold_mode = 'abs', factor = 0.5 }",
        "lookahead = { k = 3 }\nsam = { rho = 0.1 }",
        "swa_start = 1",
        "freeze = ['0.*', '1.*']\nunfreeze = [{ pattern = '0.*', epoch = 3 }]\noptimizer = 'adam'",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (whole, stopped) = (folder.path().join("whole"), folder.path().join("stopped"));
        let run = Run::prepare(recipe(folder.path(), settings), options(1)).unwrap();
        let mut all = Stopper { after: usize::MAX, ..Stopper::default() };
        let outcome = run.train(&whole, &mut all).unwrap();
        assert_eq!(all.batches.len(), 16, "four epochs of four batches");

        let mut seen = Stopper::default();
        let mut stops = 0;
        let last = loop {
            let threads = 1 + stops % 2;
            let mut observer = Stopper { after: 1, in_evaluation: threads == 2, ..Stopper::default() };
            let result = match stops {
                0 => run.train(&stopped, &mut observer),
                _ => resume(&stopped, options(threads), &mut observer),
            };
            seen.batches.append(&mut observer.batches);
            seen.figures.append(&mut observer.figures);
            match result {
                Ok(outcome) => break outcome,
                Err(error) => {
                    assert!(
                        matches!(&error, TrainError::Stopped { folder, .. } if *folder == stopped),
                        "{error}"
                    );
                }
            }
            stops += 1;
        };
        assert_eq!(seen.batches, all.batches, "every batch once, in order");
        assert_eq!(seen.figures, all.figures, "with the epoch's figures so far");
        assert!(stops >= 8, "{stops}");
        assert_eq!(outcome.test, last.test);
        assert_same(&whole, &stopped);
        assert!(!stopped.join(".ocelli-lock").exists() && !stopped.join(".next.safetensors").exists());
    }
}

#[test]
fn a_plateau_goes_on_where_it_stood() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "lr = 0.01\nschedule = { name = 'plateau', patience = 0, threshold = 9.0, threshold_mode = 'abs', factor = 0.5 }";
    let (_, out) = stopped(folder.path(), settings);
    let rates = |folder: &Path| -> Vec<f64> {
        metrics(folder).iter().filter_map(|line| line.get("lr")?.as_f64()).collect()
    };
    // Stopped within the second epoch: that it is no better than the first is only told after it.
    assert_eq!(rates(&out), [0.01]);
    resume(&out, options(2), &mut quiet()).unwrap();
    assert_eq!(rates(&out), [0.01, 0.01, 0.005, 0.0025]);
    // A checkpoint that another plateau made is not gone on from.
    let other = RecipeBuilder::new().file(&out.join("recipe.toml")).unwrap();
    let other = other.set("train.schedule.patience=3").unwrap().build().unwrap();
    let error = Resume::open(&out, Some(other), options(1)).unwrap_err().to_string();
    assert!(error.contains("train.schedule.patience is 3, but the run began with 0"), "{error}");
}

#[test]
fn the_newest_checkpoints_stay_and_each_can_be_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let settings = "checkpoint_steps = 3\nkeep_checkpoints = 4";
    Run::prepare(recipe(folder.path(), settings), options(2)).unwrap().train(&out, &mut quiet()).unwrap();
    let names = |folder: &Path| {
        let mut names: Vec<String> = fs::read_dir(folder.join("checkpoints"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    // Steps 3, 6, 9, 12 and 15, and the epochs' ends at 4, 8, 12 and 16; the last is last.safetensors.
    assert_eq!(
        names(&out),
        ["step-00000009.safetensors", "step-00000012.safetensors", "step-00000015.safetensors"]
    );
    let (_, attachment) = checkpoint(&out.join("checkpoints/step-00000009.safetensors"));
    assert_eq!(attachment.note["position"]["batch"], 1);

    for name in names(&out) {
        let again = folder.path().join("again");
        copy(&out, &again);
        let from = again.join("checkpoints").join(&name);
        assert_eq!(Resume::folder_of(&from).unwrap(), again);
        resume(&from, options(1), &mut quiet()).unwrap();
        assert_same(&out, &again);
        fs::remove_dir_all(&again).unwrap();
    }
    // A process that is killed between two renames leaves the new checkpoint aside, or none but older ones.
    fs::rename(out.join("last.safetensors"), out.join(".next.safetensors")).unwrap();
    let aside = Resume::open(&out, None, options(1)).unwrap();
    assert_eq!((aside.position().step, aside.finished().is_some()), (16, true));
    drop(aside);
    fs::remove_file(out.join(".next.safetensors")).unwrap();
    let older = Resume::open(&out, None, options(1)).unwrap();
    assert_eq!((older.position().step, older.finished().is_some()), (15, false));
    let error = Resume::open(&out, None, options(1)).unwrap_err();
    assert!(error.is_request() && error.to_string().contains("another process is training"), "{error}");
    drop(older);
    let error = Resume::folder_of(&out.join("model.safetensors")).unwrap_err().to_string();
    assert!(error.contains("neither the folder of a run nor a checkpoint"), "{error}");
}

#[test]
fn a_run_that_is_over_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    Run::prepare(recipe(folder.path(), ""), options(1)).unwrap().train(&out, &mut quiet()).unwrap();
    let before = read(&out, "last.safetensors");
    let error = resume(&out, options(1), &mut quiet()).unwrap_err();
    assert!(error.to_string().contains("all 4 epochs are done"), "{error}");
    assert_eq!(read(&out, "last.safetensors"), before);
}

/// The run in `folder`, stopped after its sixth batch.
fn stopped(folder: &Path, settings: &str) -> (Recipe, std::path::PathBuf) {
    let (recipe, out) = (recipe(folder, settings), folder.join("out"));
    let mut observer = Stopper { after: 6, ..Stopper::default() };
    Run::prepare(recipe.clone(), options(1)).unwrap().train(&out, &mut observer).unwrap_err();
    (recipe, out)
}

#[test]
fn what_decides_results_must_be_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (_, out) = stopped(folder.path(), "schedule = { name = 'step', step_size = 2 }");
    let with = |settings: &[&str]| {
        let recipe = RecipeBuilder::new().file(&out.join("recipe.toml")).unwrap();
        let recipe = settings.iter().fold(recipe, |recipe, setting| recipe.set(setting).unwrap());
        Resume::open(&out, Some(recipe.build().unwrap()), options(1))
    };
    for (setting, said) in [
        ("train.lr=0.25", "train.lr is 0.25, but the run began with 0.005"),
        ("seed=4", "seed is 4"),
        ("train.batch_size=8", "train.batch_size is 8"),
        ("train.optimizer.eps=1e-3", "train.optimizer.eps is 0.001"),
        ("transforms.train=[{type='Normalize'}]", "transforms.train is "),
        ("train.epochs=1", "train.epochs is 1, but epoch 2 has begun"),
    ] {
        let error = with(&[setting]).unwrap_err();
        let text = error.to_string();
        assert!(error.is_request() && text.contains("last.safetensors: ") && text.contains(said), "{text}");
    }
    let free = [
        "train.checkpoint_steps=1",
        "train.checkpoint_minutes=0.5",
        "train.keep_checkpoints=1",
        "data.strict=true",
    ];
    assert_eq!(with(&free).unwrap().position().step, 6);

    // More epochs under a schedule that does not go by their number are the run that would have had them from the beginning.
    with(&["train.epochs=5"]).unwrap().train(&mut quiet()).unwrap();
    let longer = folder.path().join("longer");
    let mut recipe = recipe(folder.path(), "schedule = { name = 'step', step_size = 2 }");
    recipe.train.epochs = 5;
    Run::prepare(recipe, options(1)).unwrap().train(&longer, &mut quiet()).unwrap();
    assert_same(&longer, &out);
    // The same after it was over: there is something left to do again.
    let resume = with(&["train.epochs=6"]).unwrap();
    assert!(resume.finished().is_none());
    resume.train(&mut quiet()).unwrap();
    assert_eq!(metrics(&out).len(), 7, "six epochs and the test");
}

#[test]
fn a_schedule_over_the_whole_run_fixes_its_length() {
    let folder = tempfile::tempdir().unwrap();
    let (_, out) = stopped(folder.path(), "schedule = 'cosine'");
    let recipe = RecipeBuilder::new().file(&out.join("recipe.toml")).unwrap().set("train.epochs=5").unwrap();
    let error = Resume::open(&out, Some(recipe.build().unwrap()), options(1)).unwrap_err().to_string();
    assert!(
        error.contains("train.epochs is 5, but the run began with 4") && error.contains("step 2"),
        "{error}"
    );
    // The same through the file in the folder.
    let text = fs::read_to_string(out.join("recipe.toml")).unwrap();
    fs::write(out.join("recipe.toml"), text.replace("epochs = 4", "epochs = 5")).unwrap();
    let error = Resume::open(&out, None, options(1)).unwrap_err().to_string();
    assert!(error.contains("train.epochs is 5"), "{error}");
    // Without one, the checkpoint knows.
    fs::remove_file(out.join("recipe.toml")).unwrap();
    resume(&out, options(1), &mut quiet()).unwrap();
    assert!(fs::read_to_string(out.join("recipe.toml")).unwrap() == text);
}

#[test]
fn other_data_is_refused_and_moved_data_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (_, out) = stopped(folder.path(), "");
    fs::rename(folder.path().join("data"), folder.path().join("moved")).unwrap();
    let moved = |out: &Path| {
        let recipe = RecipeBuilder::new().file(&out.join("recipe.toml")).unwrap();
        let path = folder.path().join("moved").display().to_string();
        let recipe = recipe.value("data.path", path, "--data").unwrap().build().unwrap();
        Resume::open(out, Some(recipe), options(1))
    };
    moved(&out).unwrap();
    let file = |name: &str| folder.path().join("moved").join(name);
    let labels = fs::read(file("train-images-idx3-ubyte")).unwrap();
    let mut other = labels.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(file("train-images-idx3-ubyte"), other).unwrap();
    let error = moved(&out).unwrap_err().to_string();
    assert!(error.contains("last.safetensors") && error.contains("images are others than"), "{error}");
    for kind in ["images-idx3-ubyte", "labels-idx1-ubyte"] {
        fs::copy(file(&format!("t10k-{kind}")), file(&format!("train-{kind}"))).unwrap();
    }
    let error = moved(&out).unwrap_err().to_string();
    assert!(error.contains("it was trained with 54 training images, but the data now has 18"), "{error}");
}

#[test]
fn a_run_without_a_checkpoint_begins_again() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let run = Run::prepare(recipe(folder.path(), ""), options(1)).unwrap();
    run.train(&whole, &mut quiet()).unwrap();
    fs::create_dir(&killed).unwrap();
    fs::copy(whole.join("recipe.toml"), killed.join("recipe.toml")).unwrap();
    fs::write(killed.join("..next.safetensors.77.tmp"), "half of").unwrap();
    resume(&killed, options(2), &mut quiet()).unwrap();
    assert_same(&whole, &killed);
    assert!(!killed.join("..next.safetensors.77.tmp").exists());

    let error = resume(folder.path(), options(1), &mut quiet()).unwrap_err();
    assert!(error.to_string().contains("holds no run"), "{error}");
}

#[test]
fn a_run_stops_only_between_steps() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, stopped) = (folder.path().join("whole"), folder.path().join("stopped"));
    let run =
        Run::prepare(recipe(folder.path(), "accumulate = 3\ncheckpoint_steps = 1"), options(2)).unwrap();
    run.train(&whole, &mut quiet()).unwrap();
    let mut stops = Vec::new();
    loop {
        let mut observer = Stopper { after: 1, ..Stopper::default() };
        let result = match stops.len() {
            0 => run.train(&stopped, &mut observer),
            _ => resume(&stopped, options(1), &mut observer),
        };
        match result {
            Ok(_) => break,
            Err(TrainError::Stopped { epoch, batch, .. }) => stops.push((epoch, batch)),
            Err(error) => panic!("{error}"),
        }
    }
    // Four batches an epoch: a step after three of them, and one for the one that is left, which the epoch's end makes.
    assert!(stops.contains(&(1, 3)) && stops.contains(&(2, 3)), "{stops:?}");
    assert!(stops.iter().all(|(_, batch)| [0, 3, 4].contains(batch)), "{stops:?}");
    assert_same(&whole, &stopped);
}
