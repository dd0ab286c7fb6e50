//! Gradient accumulation, averages of the weights, gradual unfreezing, Lookahead and sharpness-aware minimisation over whole epochs, as PyTorch has them.

use ocelli_data::dataset::MemoryDataset;
use ocelli_data::{Loader, LoaderOptions, Source, SourceOptions, Transform};
use ocelli_nn::{Conv2d, Network, Pattern, Sequential, Shape, Tensor, Weights};
use ocelli_testing::{Case, Fixture, Report, formula, initial_weights};
use ocelli_train::{
    Adam, Averaging, CrossEntropy, Event, Freeze, Lookahead, Loss, Optimizer, Sam, Schedule, Sgd,
    TrainOptions, Trainer, TrainerState, Unfreeze, update_bn,
};
use serde::Deserialize;
use std::sync::Arc;

const IMAGES: usize = 22;
const CLASSES: usize = 3;
const BATCH: usize = 4;
const EPOCHS: u64 = 4;
const TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct Run {
    #[serde(flatten)]
    case: Case,
    #[serde(default = "one")]
    accumulate: u64,
    ema_decay: Option<f64>,
    swa_start: Option<u64>,
    lookahead: Option<Lookahead>,
    sam: Option<Sam>,
    clip_norm: Option<f64>,
    frozen: Option<Pattern>,
    #[serde(default)]
    unfreeze: Vec<Unfreeze>,
    #[serde(default)]
    adam: bool,
}

fn one() -> u64 {
    1
}

/// The images of `fixtures/regimes.py`, in order.
fn loader(batch: usize) -> Loader {
    let size = 3 * 6 * 6;
    let first: Vec<u8> =
        formula("regimes/pixels", IMAGES * size).iter().map(|value| ((value + 1.0) * 128.0) as u8).collect();
    let pixel = |at: usize| first[at / size * size + at % 3 * 36 + at % size / 3];
    let classes = (0..CLASSES).map(|class| class.to_string()).collect();
    let labels = (0..IMAGES).map(|image| (image % CLASSES) as u32).collect();
    let pixels = (0..IMAGES * size).map(pixel).collect();
    let set = MemoryDataset::new("regimes", classes, labels, (6, 6, 3), pixels).unwrap();
    let list = [Transform::normalize_with(&[0.5; 3], &[0.25; 3])];
    let source = Source::new(Arc::new(set), &list, &SourceOptions::default()).unwrap();
    Loader::new(Arc::new(source), &list, &LoaderOptions::in_order(batch)).unwrap()
}

fn options(batch_size: usize, accumulate: u64, averaging: Averaging) -> TrainOptions {
    TrainOptions {
        epochs: EPOCHS,
        steps_per_epoch: (IMAGES.div_ceil(batch_size) as u64).div_ceil(accumulate),
        batch_size,
        lr: 0.05,
        optimizer: Optimizer::Sgd(Sgd { momentum: 0.9, ..Sgd::default() }),
        schedule: Schedule::default(),
        warmup: None,
        clip_norm: None,
        clip_value: None,
        accumulate,
        sam: None,
        averaging,
        freeze: Vec::new(),
        unfreeze: Vec::new(),
        groups: Vec::new(),
        decay_norms_and_biases: true,
        loss: Loss::default(),
        seed: 1,
    }
}

fn trainer(run: &Run, network: &Network) -> Trainer {
    let averaging =
        Averaging { ema_decay: run.ema_decay, swa_start: run.swa_start, lookahead: run.lookahead };
    let frozen = run.frozen.iter();
    let mut options = TrainOptions {
        sam: run.sam,
        clip_norm: run.clip_norm,
        freeze: frozen.map(|pattern| Freeze { pattern: pattern.clone(), frozen: true }).collect(),
        unfreeze: run.unfreeze.clone(),
        ..options(BATCH, run.accumulate, averaging)
    };
    if run.adam {
        options.optimizer = Optimizer::Adam(Adam::default());
    }
    Trainer::new(network, &initial_weights("regimes", network), options).unwrap()
}

fn epochs(trainer: &mut Trainer, loader: &mut Loader, count: u64) {
    for epoch in 0..count {
        trainer.epoch(loader.epoch(epoch), &mut |_: &Event<'_>| {}).unwrap();
    }
}

/// What comes of the run: weights, and their average.
fn outcome(run: &Run, trainer: &Trainer, loader: &mut Loader) -> (Weights, Option<Weights>) {
    let averaged = match (run.ema_decay, trainer.swa_weights()) {
        (Some(_), _) => Some(trainer.model_weights()),
        (None, Some(mean)) => {
            let network = run.case.network();
            Some(update_bn(&network, &mean, BATCH, (1, EPOCHS), loader.epoch(EPOCHS)).unwrap())
        }
        (None, None) => None,
    };
    (trainer.weights(), averaged)
}

#[test]
fn regimes_follow_pytorch() {
    let fixture = Fixture::load("regimes");
    let mut report = Report::default();
    for run in fixture.cases::<Run>() {
        let case = &run.case.name;
        let (network, mut loader) = (run.case.network(), loader(BATCH));
        let mut trainer = trainer(&run, &network);
        epochs(&mut trainer, &mut loader, EPOCHS);
        let (after, averaged) = outcome(&run, &trainer, &mut loader);
        for (group, got) in [("after", Some(after)), ("averaged", averaged)] {
            let expected = fixture.group(case, group);
            assert_eq!(got.is_some(), expected.iter().next().is_some(), "{case} has {group}");
            for (name, expected) in expected.iter() {
                let got = got.as_ref().and_then(|got| got.get(name)).and_then(Tensor::as_f32).expect(name);
                report.compare(
                    case,
                    &format!("{group} {name}"),
                    got,
                    expected.as_f32().unwrap(),
                    1e-3,
                    TOLERANCE,
                );
            }
        }
    }
    report.finish();
}

#[test]
fn batches_that_accumulate_are_the_larger_batch() {
    let network = Sequential::new(Shape::map(3, 6, 6))
        .conv2d(Conv2d::new(3, 4, 3))
        .relu()
        .flatten()
        .linear(64, CLASSES)
        .build("no-norm")
        .unwrap();
    for weight in [None, Some(vec![0.5, 0.0, 3.0])] {
        let trained = |batch: usize, accumulate: u64| {
            let loss = CrossEntropy { weight: weight.clone(), ..CrossEntropy::default() };
            let options = TrainOptions {
                loss: Loss::CrossEntropy(loss),
                ..options(batch, accumulate, Averaging::default())
            };
            let mut trainer = Trainer::new(&network, &initial_weights("regimes", &network), options).unwrap();
            epochs(&mut trainer, &mut loader(batch), EPOCHS);
            (trainer.position().step, trainer.weights())
        };
        let (steps, whole) = trained(12, 1);
        // Down to batches of one image, some of which weigh nothing.
        for batch in [6, 4, 1] {
            let (steps_of_parts, parts) = trained(batch, 12 / batch as u64);
            assert_eq!(steps, steps_of_parts);
            for (name, whole) in whole.iter() {
                let parts = parts.get(name).unwrap().as_f32().unwrap();
                for (whole, part) in whole.as_f32().unwrap().iter().zip(parts) {
                    assert!((whole - part).abs() < 1e-5, "{name} in batches of {batch}: {whole}, {part}");
                }
            }
        }
    }
}

#[test]
fn a_restored_trainer_goes_on_with_its_averages() {
    for run in Fixture::load("regimes").cases::<Run>() {
        let (network, mut loader) = (run.case.network(), loader(BATCH));
        let mut whole = trainer(&run, &network);
        epochs(&mut whole, &mut loader, 3);
        let state: TrainerState = whole.state();
        epochs(&mut whole, &mut loader, 1);
        let mut resumed = trainer(&run, &network);
        resumed.restore(&state).unwrap();
        epochs(&mut resumed, &mut loader, 1);
        assert!(
            outcome(&run, &whole, &mut loader) == outcome(&run, &resumed, &mut loader),
            "{}",
            run.case.name
        );
    }
}

#[test]
fn a_climb_that_diverges_ends_where_it_began() {
    let run = Fixture::load("regimes").cases::<Run>().into_iter().find(|run| run.case.name == "sam").unwrap();
    let network = run.case.network();
    let rho = 1e37;
    let mut trainer = trainer(&Run { sam: Some(Sam { rho, adaptive: false }), ..run }, &network);
    let before = trainer.weights();
    let error = trainer.epoch(loader(BATCH).epoch(0), &mut |_: &Event<'_>| {}).unwrap_err();
    assert!(error.to_string().contains("at the weights that train.sam climbs to"), "{error}");
    let after = trainer.weights();
    for spec in network.parameters().iter().filter(|spec| spec.role.is_trainable()) {
        assert_eq!(after.get(&spec.name), before.get(&spec.name), "{}", spec.name);
    }
}

#[test]
fn threads_change_no_bit_of_a_climb() {
    let run = Fixture::load("regimes").cases::<Run>().into_iter().find(|run| run.case.name == "sam").unwrap();
    let network = run.case.network();
    let trained = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut trainer = trainer(&run, &network);
            epochs(&mut trainer, &mut loader(BATCH), 2);
            trainer.weights()
        })
    };
    assert!(trained(1) == trained(2) && trained(1) == trained(3));
}
