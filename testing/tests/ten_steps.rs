//! Ten training steps from the same weights and batches as PyTorch, dropout off; and the same bits with any number of threads.

mod common;

use common::OfPyTorch;
use ocelli_kernels::Isa;
use ocelli_nn::plan::{Passes, PlanOptions, SampleKeys, TrainPlan};
use ocelli_nn::{Network, Tensor, Weights};
use ocelli_testing::{Case, Fixture, Report, formula, initial_weights, to_channels_last};
use ocelli_train::CrossEntropy;
use serde::Deserialize;

const STEPS: usize = 10;
const BATCH: usize = 16;
const CLASSES: usize = 10;
const SAMPLES: usize = 64;
/// What is promised of losses and weights, relative to the largest of a tensor. PyTorch in f32 is itself within 3e-6 of
/// PyTorch in f64 here.
const TOLERANCE: f64 = 1e-4;
/// For the way that weights have gone, of which rounding is a larger part.
const TOLERANCE_OF_WAY: f64 = 1e-3;

#[derive(Deserialize)]
struct Run {
    #[serde(flatten)]
    case: Case,
    /// What the keys of its formulas begin with.
    key: String,
    optimizer: OfPyTorch,
    clip_norm: Option<f64>,
    clip_value: Option<f64>,
}

/// Images (channels last) and labels, as `fixtures/ten_steps.py` has them.
fn batch(key: &str, step: usize, network: &Network) -> (Vec<f32>, Vec<u32>) {
    let size = network.input().elements();
    let labels = formula(&format!("{key}/labels/{step}"), BATCH);
    let labels: Vec<u32> = labels.iter().map(|value| ((value + 1.0) * CLASSES as f32 / 2.0) as u32).collect();
    let noise = formula(&format!("{key}/noise/{step}"), BATCH * size);
    let classes = formula(&format!("{key}/classes"), CLASSES * size);
    let pixel = |at: usize| classes[labels[at / size] as usize * size + at % size] + noise[at] * 0.5;
    let images: Vec<f32> = (0..BATCH * size).map(pixel).collect();
    (to_channels_last(&images, network.input()), labels)
}

/// What ten steps came to.
#[derive(Debug, PartialEq)]
struct Trained {
    losses: Vec<f32>,
    /// The norms of gradients that were clipped by norm, before that.
    norms: Vec<f32>,
    weights: Weights,
}

fn train(run: &Run, options: PlanOptions) -> Trained {
    let case = &run.case.name;
    let network = run.case.network();
    let mut plan = TrainPlan::new(&network, &initial_weights(&run.key, &network), options)
        .unwrap_or_else(|error| panic!("{case}: {error}"));
    let optimizer = run.optimizer.build().for_network(&network);
    let samples: Vec<u64> = (0..BATCH as u64).collect();
    let mut grad = vec![0.0; BATCH * CLASSES];
    let (mut losses, mut norms) = (Vec::new(), Vec::new());
    for step in 0..STEPS {
        let (images, labels) = batch(&run.key, step, &network);
        let logits = plan.forward(&images, &SampleKeys { seed: 0, epoch: 0, samples: &samples });
        losses.push(CrossEntropy::default().forward(logits, &labels, &mut grad) as f32);
        plan.backward(&grad);
        norms.extend(run.clip_norm.map(|norm| plan.clip_gradient_norm(norm, |_| true) as f32));
        if let Some(value) = run.clip_value {
            plan.clip_gradient_value(value);
        }
        plan.step(optimizer.as_update());
    }
    Trained { losses, norms, weights: plan.weights() }
}

#[test]
fn optimizers_go_on_where_they_were_saved() {
    for run in
        Fixture::load("ten_steps").cases::<Run>().iter().filter(|run| run.case.name.starts_with("small"))
    {
        let network = run.case.network();
        let optimizer = run.optimizer.build().for_network(&network);
        let options = PlanOptions { batch: BATCH, ..PlanOptions::default() };
        let mut whole = TrainPlan::new(&network, &initial_weights(&run.key, &network), options).unwrap();
        let mut grad = vec![0.0; BATCH * CLASSES];
        let mut step = |plan: &mut TrainPlan, number: usize| {
            let (images, labels) = batch(&run.key, number, &network);
            let samples: Vec<u64> = (0..BATCH as u64).collect();
            let logits = plan.forward(&images, &SampleKeys { seed: 0, epoch: 0, samples: &samples });
            CrossEntropy::default().forward(logits, &labels, &mut grad);
            plan.backward(&grad);
            plan.step(optimizer.as_update());
        };
        (0..4).for_each(|number| step(&mut whole, number));
        let mut resumed = TrainPlan::new(&network, &whole.weights(), options).unwrap();
        resumed.load_optimizer_state(&whole.optimizer_state()).unwrap();
        for plan in [&mut whole, &mut resumed] {
            (4..7).for_each(|number| step(plan, number));
        }
        assert_eq!(whole.weights(), resumed.weights(), "{}", run.case.name);
        assert_eq!(whole.optimizer_state(), resumed.optimizer_state(), "{}", run.case.name);
    }
}

fn every(step: usize, values: &[f32]) -> Vec<f32> {
    values.iter().copied().step_by(step).collect()
}

fn compare(report: &mut Report, fixture: &Fixture, run: &Run, options: PlanOptions) {
    let case = &run.case.name;
    let mode = format!("{}, passes {:?}", options.isa.name(), options.passes);
    let Trained { losses, norms, weights } = train(run, options);
    if !norms.is_empty() {
        let expected = fixture.values(case, "norms");
        report.compare(case, &format!("norms, {mode}"), &norms, expected, 0.0, TOLERANCE);
    }
    report.compare(case, &format!("losses, {mode}"), &losses, fixture.values(case, "losses"), 0.0, TOLERANCE);
    let start = initial_weights(&run.key, &run.case.network());
    for (name, expected) in fixture.group(case, "after").iter() {
        let expected = expected.as_f32().expect("ten_steps stores f32");
        let Some(got) = weights.get(name).and_then(Tensor::as_f32) else { continue };
        let from = start.get(name).and_then(Tensor::as_f32).expect("the start has what the end has");
        let step = (got.len() / SAMPLES).max(1);
        let (got, from) = (every(step, got), every(step, from));
        report.compare(case, &format!("{name}, {mode}"), &got, expected, 1e-3, TOLERANCE);
        let way = |values: &[f32]| values.iter().zip(&from).map(|(to, from)| to - from).collect::<Vec<_>>();
        let what = format!("way of {name}, {mode}");
        report.compare(case, &what, &way(&got), &way(expected), 1e-3, TOLERANCE_OF_WAY);
    }
}

#[test]
fn ten_steps_follow_pytorch() {
    let fixture = Fixture::load("ten_steps");
    let mut report = Report::default();
    for run in fixture.cases::<Run>() {
        for isa in Isa::available() {
            for passes in [Passes::all(), Passes::none()] {
                compare(
                    &mut report,
                    &fixture,
                    &run,
                    PlanOptions { batch: BATCH, passes, isa, ..PlanOptions::default() },
                );
            }
        }
    }
    report.finish();
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let with_threads = |run: &Run, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads");
        pool.install(|| train(run, PlanOptions { batch: BATCH, ..PlanOptions::default() }))
    };
    for run in Fixture::load("ten_steps").cases::<Run>() {
        let one = with_threads(&run, 1);
        for threads in [1, 2, 3, 8] {
            assert_eq!(with_threads(&run, threads), one, "{} with {threads} threads", run.case.name);
        }
    }
}
