//! Learning rates and momenta step by step against PyTorch's schedulers.

use ocelli_train::{Clock, Pace, Schedule, Warmup};
use serde::Deserialize;
use std::path::Path;

/// PyTorch multiplies from step to step where a power is taken here.
const TOLERANCE: f64 = 1e-10;

#[derive(Deserialize)]
struct Fixture {
    lr: f64,
    epochs: u64,
    per_epoch: u64,
    cases: Vec<Case>,
    plateaus: Vec<PlateauCase>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    schedule: Schedule,
    warmup: Option<Warmup>,
    lrs: Vec<f64>,
    momenta: Option<Vec<f64>>,
}

#[derive(Deserialize)]
struct PlateauCase {
    name: String,
    schedule: Schedule,
    figures: Vec<f64>,
    lrs: Vec<f64>,
}

fn fixture() -> Fixture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/schedules.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= TOLERANCE * one.abs().max(1e-3)
}

#[test]
fn schedules_follow_pytorch() {
    let fixture = fixture();
    assert!(fixture.cases.len() > 20);
    for case in &fixture.cases {
        let pace = Pace::new(fixture.lr, case.schedule.clone(), case.warmup);
        for (step, lr) in case.lrs.iter().enumerate() {
            let rates = pace.at(Clock::new(step as u64, fixture.per_epoch, fixture.epochs));
            assert!(close(rates.lr, *lr), "{} at {step}: {} for {lr}", case.name, rates.lr);
            match &case.momenta {
                None => assert_eq!(rates.momentum, None, "{}", case.name),
                Some(momenta) => {
                    let momentum = rates.momentum.unwrap_or_else(|| panic!("{} moves momentum", case.name));
                    assert!(close(momentum, momenta[step]), "{} at {step}: momentum {momentum}", case.name);
                }
            }
        }
    }
}

#[test]
fn plateaus_follow_pytorch() {
    let fixture = fixture();
    for case in &fixture.plateaus {
        let mut pace = Pace::new(fixture.lr, case.schedule.clone(), None);
        for (epoch, (figure, lr)) in case.figures.iter().zip(&case.lrs).enumerate() {
            // One of them is watched.
            pace.after_epoch(*figure, *figure);
            let found = pace.at(Clock::new(epoch as u64 + 1, 1, 100)).lr;
            assert!(close(found, *lr), "{} after {epoch}: {found} for {lr}", case.name);
        }
        assert!(case.lrs.last() < case.lrs.first() || case.name == "plateau_eps", "{}", case.name);
    }
}
