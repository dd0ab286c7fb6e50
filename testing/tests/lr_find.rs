//! The learning-rate finder beside fastai's: the same network, weights and batches.

mod common;

use common::OfPyTorch;
use ocelli_data::dataset::MemoryDataset;
use ocelli_data::{Loader, LoaderOptions, Source, SourceOptions, Transform};
use ocelli_nn::Shape;
use ocelli_testing::{Case, Fixture, Report, formula, initial_weights};
use ocelli_train::{
    Averaging, Ending, Event, Loss, LrCurve, LrFindOptions, Schedule, Suggestion, TrainOptions, Trainer,
};
use serde::Deserialize;
use std::sync::Arc;

const IMAGES: usize = 200;
const BATCH: usize = 16;
const CLASSES: usize = 10;
/// What is promised of smoothed losses up to their lowest, relative to the highest of them: fastai works in single precision.
const TOLERANCE: f64 = 2e-5;
/// The same after it, relative to the highest: there rates are too high and rounding grows with every step. In the last of them fastai in
/// single precision is itself 9e-3 from fastai in double precision.
const TOLERANCE_BEYOND: f64 = 5e-2;

#[derive(Deserialize)]
struct OfFastai {
    name: String,
    /// None where a curve was given.
    sweep: Option<Sweep>,
}

#[derive(Deserialize)]
struct Sweep {
    #[serde(flatten)]
    case: Case,
    optimizer: OfPyTorch,
    start_lr: f64,
    end_lr: f64,
    num_it: u64,
    #[serde(default = "yes")]
    stop_div: bool,
}

fn yes() -> bool {
    true
}

/// The images of `fixtures/lr_find.py`, in batches, in order.
fn loader(case: &Case) -> Loader {
    let Shape::Map { channels, height, width } = case.input else { panic!("images are maps") };
    let size = channels * height * width;
    let labels = formula("lr_find/labels", IMAGES);
    let labels: Vec<u32> = labels.iter().map(|value| ((value + 1.0) * CLASSES as f32 / 2.0) as u32).collect();
    let classes = formula("lr_find/classes", CLASSES * size);
    let noise = formula("lr_find/noise", IMAGES * size);
    let pixel = |at: usize| {
        let class = classes[labels[at / size] as usize * size + at % size];
        (128.0 + 40.0 * f64::from(class) + 60.0 * f64::from(noise[at])).floor() as u8
    };
    let pixels = (0..IMAGES * size).map(pixel).collect();
    let names = (0..CLASSES).map(|class| class.to_string()).collect();
    let images = MemoryDataset::new("images", names, labels, (height, width, channels), pixels).unwrap();
    let transforms: Vec<Transform> = serde_json::from_str(r#"[{ "type": "ToTensor" }]"#).unwrap();
    let source = Source::new(Arc::new(images), &transforms, &SourceOptions::default()).unwrap();
    Loader::new(Arc::new(source), &transforms, &LoaderOptions::in_order(BATCH)).unwrap()
}

fn trainer(sweep: &Sweep) -> Trainer {
    let network = sweep.case.network();
    let options = TrainOptions {
        epochs: 1,
        steps_per_epoch: IMAGES.div_ceil(BATCH) as u64,
        batch_size: BATCH,
        lr: 0.1,
        optimizer: sweep.optimizer.build(),
        schedule: Schedule::default(),
        warmup: None,
        clip_norm: None,
        clip_value: None,
        accumulate: 1,
        averaging: Averaging::default(),
        sam: None,
        freeze: Vec::new(),
        unfreeze: Vec::new(),
        groups: Vec::new(),
        decay_norms_and_biases: true,
        loss: Loss::default(),
        seed: 0,
    };
    Trainer::new(&network, &initial_weights("lr_find", &network), options).unwrap()
}

fn sweep(of: &Sweep) -> LrCurve {
    let stop = if of.stop_div { 4.0 } else { f64::INFINITY };
    let options = LrFindOptions {
        start: of.start_lr,
        end: of.end_lr,
        steps: of.num_it,
        stop,
        ..LrFindOptions::default()
    };
    trainer(of).find_lr(&mut loader(&of.case), &options, &mut |_: &Event<'_>| {}).unwrap()
}

#[test]
fn a_trainer_goes_on_as_if_nothing_had_been() {
    let cases = Fixture::load("lr_find").cases::<OfFastai>();
    let of = cases.iter().find_map(|case| case.sweep.as_ref()).expect("there are sweeps");
    let options = LrFindOptions { steps: 20, ..LrFindOptions::default() };
    let mut quiet = |_: &Event<'_>| {};
    let trained = [false, true].map(|sweeps| {
        let (mut trainer, mut batches) = (trainer(of), loader(&of.case));
        trainer.epoch(batches.epoch(0), &mut quiet).unwrap();
        if sweeps {
            let curve = trainer.find_lr(&mut batches, &options, &mut quiet).unwrap();
            assert_eq!((curve.lrs.len(), curve.lrs[0]), (20, options.start));
        }
        trainer.epoch(batches.epoch(1), &mut quiet).unwrap();
        let state = trainer.state();
        (state.position.step, state.weights, state.optimizer)
    });
    assert!(trained[0] == trained[1]);
}

/// A curve that fastai was given; where a loss is no number, a sweep here ends before it.
fn given(lrs: &[f32], losses: &[f32]) -> LrCurve {
    let numbers = losses.iter().take_while(|loss| loss.is_finite()).count();
    let doubles = |values: &[f32]| values[..numbers].iter().copied().map(f64::from).collect();
    LrCurve {
        lrs: doubles(lrs),
        losses: doubles(losses),
        smoothed: doubles(losses),
        steps: losses.len() as u64,
        ending: if numbers < losses.len() { Ending::NoNumber } else { Ending::Whole },
    }
}

#[test]
fn curves_and_suggestions_are_fastais() {
    let fixture = Fixture::load("lr_find");
    let mut report = Report::default();
    for OfFastai { name, sweep: of } in fixture.cases::<OfFastai>() {
        let of_fastai = |what: &str| fixture.values(&name, what);
        let (lrs, losses) = (of_fastai("lrs"), of_fastai("smoothed"));
        let curve = of.as_ref().map_or_else(|| given(lrs, losses), sweep);
        let floats = |values: &[f64]| values.iter().map(|value| *value as f32).collect::<Vec<_>>();
        if of.is_some() {
            assert_eq!(curve.lrs.len(), lrs.len(), "{name}: steps before the sweep ends");
            report.compare(&name, "rates", &floats(&curve.lrs), lrs, 0.0, 1e-6);
            let lowest = (0..losses.len()).min_by(|a, b| losses[*a].total_cmp(&losses[*b])).unwrap();
            let smoothed = floats(&curve.smoothed);
            report.compare(
                &name,
                "losses to the lowest",
                &smoothed[..lowest],
                &losses[..lowest],
                0.0,
                TOLERANCE,
            );
            report.compare(
                &name,
                "losses beyond",
                &smoothed[lowest..],
                &losses[lowest..],
                0.0,
                TOLERANCE_BEYOND,
            );
        }
        let suggested = [Suggestion::Valley, Suggestion::Steepest, Suggestion::Minimum]
            .map(|by| curve.suggest(by).unwrap_or(f64::NAN) as f32);
        for (got, expected) in suggested.iter().zip(of_fastai("suggested")) {
            report.compare(&name, "suggested", &[*got], &[*expected], 0.0, 1e-6);
        }
    }
    report.finish();
}
