//! A search that the tests look at: conditional, logarithmic and named settings, trials that were pruned or failed and one that runs.

use ocelli_report::search::Search;
use ocelli_tune::{Direction, Journal, MedianPruner, Outcome, RandomSampler, Space, Study, StudyOptions};

const SPACE: &str = r#"
    "train.lr" = { type = "float", low = 1e-5, high = 0.1, log = true }
    "train.batch_size" = { type = "int", low = 16, high = 128, step = 16 }
    "train.optimizer.name" = { type = "categorical", choices = ["adamw", "sgd", "<b>a name that is long & strange</b>"] }
    "train.optimizer.momentum" = { type = "float", low = 0.0, high = 0.99, when = { "train.optimizer.name" = ["sgd"] } }
    "network.layers.0.out_channels" = { type = "int", low = 4, high = 64, log = true }
"#;

/// A search of so many trials for one objective, or for two.
pub(crate) fn searched(trials: usize, objectives: usize) -> Search {
    let space = Space::parse(SPACE).expect("a space");
    let directions = [Direction::Minimize, Direction::Maximize];
    let options = StudyOptions::new("search", space).directions(directions[..objectives].iter().copied());
    let options = options.sampler(RandomSampler::new(1)).heartbeat(None);
    let options = if objectives == 1 { options.pruner(MedianPruner::default()) } else { options };
    let mut journal = Journal::memory();
    assert!(journal.studies().expect("none").is_empty());
    let study = Study::open(journal, options).expect("a study");
    study.set_metric_names(&["val_loss", "images_per_second"][..objectives]).expect("names");
    for _ in 0..trials {
        let trial = study.ask().expect("asked").expect("random values do not end");
        let value = |name| trial.float(name).unwrap_or(0.9);
        let loss = 0.3
            + (value("train.lr").log10() + 2.3).abs() / 4.0
            + (value("train.optimizer.momentum") - 0.9).abs();
        let outcome = match (trial.number(), objectives) {
            (7, _) => Outcome::Fail("on purpose".into()),
            (_, 2) => Outcome::Complete(vec![loss, 1e4 / value("network.layers.0.out_channels")]),
            // One that goes astray.
            (12, _) => Outcome::Complete(vec![1e6]),
            _ => reported(&trial, loss),
        };
        trial.tell(outcome).expect("told");
    }
    std::mem::forget(study.ask().expect("asked"));
    let trials = study.history().expect("trials").all().to_vec();
    let names = ["val_loss", "images_per_second"];
    let objective = |(name, direction): (&&str, &Direction)| ocelli_report::search::Objective {
        name: (*name).into(),
        direction: *direction,
    };
    let objectives = names.iter().zip(study.directions()).map(objective).collect();
    Search { name: "runs/<i>search</i>".into(), objectives, trials }
}

fn reported(trial: &ocelli_tune::ActiveTrial, loss: f64) -> Outcome {
    for step in 1..=8 {
        trial.report(step, loss + 2.0 * (-step as f64 / 2.0).exp()).expect("reported");
        if trial.should_prune().expect("judged") {
            return Outcome::Pruned;
        }
    }
    Outcome::Complete(vec![loss])
}
