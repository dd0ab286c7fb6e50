//! Optimizers' trajectories against PyTorch in double precision.

mod common;

use common::OfPyTorch;
use ocelli_kernels::Isa;
use ocelli_nn::plan::{PlanOptions, SampleKeys, TrainPlan, Update, UpdateStep};
use ocelli_nn::{ParameterSpec, Role, Shape, Tensor, Weights, zoo};
use ocelli_testing::{Fixture, Report, formula, initial_weights};
use ocelli_train::Lamb;
use serde::Deserialize;

/// Ten steps of a few roundings each.
const TOLERANCE: f64 = 1e-6;

/// A trajectory.
#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(flatten)]
    optimizer: OfPyTorch,
}

#[test]
fn trajectories_follow_pytorch() {
    let fixture = Fixture::load("optimizers");
    let mut report = Report::default();
    for case in fixture.cases::<Case>() {
        for isa in Isa::available() {
            let optimizer = case.optimizer.build();
            let trajectory = run(optimizer.as_update(), &fixture, &case.name, isa);
            let expected = fixture.values(&case.name, "values");
            let start = fixture.values(&case.name, "start");
            report.compare(&case.name, isa.name(), &trajectory, expected, 1.0, TOLERANCE);
            // The way gone matters as well as the place: weights move little.
            let way = |values: &[f32]| {
                values.iter().zip(start.iter().cycle()).map(|(v, s)| v - s).collect::<Vec<_>>()
            };
            let what = format!("way gone, {}", isa.name());
            report.compare(&case.name, &what, &way(&trajectory), &way(expected), 0.1, 10.0 * TOLERANCE);
        }
    }
    report.finish();
}

fn run(update: &dyn Update, fixture: &Fixture, case: &str, isa: Isa) -> Vec<f32> {
    let mut value = fixture.values(case, "start").to_vec();
    let spec = ParameterSpec { name: "weight".into(), shape: vec![value.len()], node: 0, role: Role::Weight };
    let mut state = vec![vec![0.0; value.len()]; update.slots()];
    let (mut trajectory, mut carried) = (Vec::new(), 1.0);
    for (number, gradient) in (1..).zip(fixture.values(case, "gradients").chunks(value.len())) {
        let mut slots: Vec<&mut [f32]> = state.iter_mut().map(Vec::as_mut_slice).collect();
        carried = update.carry(number, carried);
        let step = UpdateStep { first: number == 1, number, carried, sums: [0.0; 2] };
        update.update(step, &spec, isa, &mut value, gradient, &mut slots);
        trajectory.extend_from_slice(&value);
    }
    trajectory
}

/// A parameter's values, in double precision.
fn values(of: &Weights, name: &str) -> Vec<f64> {
    of.get(name).and_then(Tensor::as_f32).expect(name).iter().copied().map(f64::from).collect()
}

/// Steps whose lengths are of whole parameters, the largest of which lies in many pieces: each from where the plan stood, by the
/// paper's formulas in double precision.
#[test]
fn lamb_steps_by_the_norms_of_whole_parameters() {
    const BATCH: usize = 4;
    let lamb = Lamb { lr: 0.01, weight_decay: 0.1, ..Lamb::default() };
    let Lamb { lr, betas: [b1, b2], eps, weight_decay } = lamb;
    let network = zoo::build("lesson-bn", Shape::map(3, 32, 32), 10).unwrap();
    let specs: Vec<ParameterSpec> =
        network.parameters().into_iter().filter(|spec| spec.role.is_trainable()).collect();
    assert!(specs.iter().any(|spec| spec.elements() > 6 * 16 * 1024));
    let norm = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>().sqrt();
    let trained = || {
        let options = PlanOptions { batch: BATCH, ..PlanOptions::default() };
        let mut plan = TrainPlan::new(&network, &initial_weights("lamb", &network), options).unwrap();
        let mut means: Vec<_> =
            specs.iter().map(|spec| [vec![0.0; spec.elements()], vec![0.0; spec.elements()]]).collect();
        for number in 1..=3 {
            let images = formula(&format!("lamb/images/{number}"), BATCH * network.input().elements());
            let keys = SampleKeys { seed: 1, epoch: number as u64, samples: &[0, 1, 2, 3] };
            plan.forward(&images, &keys);
            plan.backward(&formula(&format!("lamb/gradient/{number}"), BATCH * 10));
            let (before, gradients) = (plan.weights(), plan.gradients());
            plan.step(&lamb);
            let after = plan.weights();
            for (spec, [m, v]) in specs.iter().zip(&mut means) {
                let (w, g) = (values(&before, &spec.name), values(&gradients, &spec.name));
                m.iter_mut().zip(&g).for_each(|(m, g)| *m = b1 * *m + (1.0 - b1) * g);
                v.iter_mut().zip(&g).for_each(|(v, g)| *v = b2 * *v + (1.0 - b2) * g * g);
                let (of_m, of_v) = (1.0 - b1.powi(number), 1.0 - b2.powi(number));
                let direction = |((m, v), w): ((&f64, &f64), &f64)| {
                    m / of_m / ((v / of_v).sqrt() + eps) + weight_decay * w
                };
                let directions: Vec<f64> = m.iter().zip(&*v).zip(&w).map(direction).collect();
                let (of_w, of_direction) = (norm(&w), norm(&directions));
                let trust = if of_w > 0.0 && of_direction > 0.0 { of_w / of_direction } else { 1.0 };
                for ((after, w), u) in values(&after, &spec.name).iter().zip(&w).zip(&directions) {
                    let way = lr * trust * u;
                    let error = (after - (w - way)).abs();
                    assert!(
                        error <= 1e-7 * w.abs() + 1e-5 * (lr * trust).max(way.abs()),
                        "{} in step {number}: {w} to {after}, not by {way}",
                        spec.name
                    );
                }
            }
        }
        plan.weights()
    };
    let with_threads = |threads: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(trained)
    };
    assert!(with_threads(1) == with_threads(3), "the same bits with any number of threads");
}
