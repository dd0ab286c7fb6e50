//! Optimizers' trajectories against PyTorch in double precision.

mod common;

use common::OfPyTorch;
use ocelli_kernels::Isa;
use ocelli_nn::plan::{Update, UpdateStep};
use ocelli_nn::{ParameterSpec, Role};
use ocelli_testing::{Fixture, Report};
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
