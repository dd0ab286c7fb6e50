//! Simple regret of the Gaussian-process sampler on functions whose minimum is known, and the time that a suggestion takes.
//!
//! ```text
//! cargo run --release -p ocelli-tune --example regret -- regret [SEEDS] [FUNCTION]
//! cargo run --release -p ocelli-tune --example regret -- time
//! ```
//!
//! `bench/peers/optuna_regret.py` does the same with Optuna's samplers; both print JSON lines.

use ocelli_tune::gp::{Column, GpOptions, Kind, Tried, suggest};
use std::f64::consts::{E, PI, TAU};
use std::time::Instant;

/// Points at random before the sampler begins, as Optuna's `GPSampler` has it.
const STARTUP: usize = 10;
/// Histories whose next suggestion is timed.
const TIMED: [usize; 2] = [100, 1000];

struct Problem {
    name: &'static str,
    columns: Vec<Column>,
    value: fn(&[f64]) -> f64,
    minimum: f64,
    trials: usize,
}

fn branin(point: &[f64]) -> f64 {
    let (x, y) = (15.0 * point[0] - 5.0, 15.0 * point[1]);
    let bent = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
    bent * bent + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0
}

fn hartmann6(point: &[f64]) -> f64 {
    const ALPHA: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const A: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const P: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let term = |i: usize| {
        let squares: f64 = (0..6).map(|j| A[i][j] * (point[j] - P[i][j]).powi(2)).sum();
        ALPHA[i] * (-squares).exp()
    };
    -(0..4).map(term).sum::<f64>()
}

fn ackley5(point: &[f64]) -> f64 {
    let x: Vec<f64> = point.iter().map(|u| 65.536 * u - 32.768).collect();
    let count = x.len() as f64;
    let length = (x.iter().map(|x| x * x).sum::<f64>() / count).sqrt();
    let waves = x.iter().map(|x| (TAU * x).cos()).sum::<f64>() / count;
    -20.0 * (-0.2 * length).exp() - waves.exp() + 20.0 + E
}

/// Two numbers, a whole number from 0 to 10, and two choices: what the second choice is decides where the numbers should be, what the first is,
/// how much they matter. The minimum is 0.
fn mixed(point: &[f64]) -> f64 {
    const STEEP: [f64; 3] = [1.0, 3.0, 8.0];
    const PENALTY: [f64; 3] = [0.6, 0.0, 0.3];
    const PLACE: [(f64, f64); 4] = [(0.2, 0.8), (0.7, 0.3), (0.45, 0.55), (0.9, 0.9)];
    const OFFSET: [f64; 4] = [0.5, 0.0, 0.2, 0.8];
    let (kind, place) = (point[3] as usize, point[4] as usize);
    let whole = (point[2] * 11.0 - 0.5).round();
    let numbers = (point[0] - PLACE[place].0).powi(2) + (point[1] - PLACE[place].1).powi(2);
    STEEP[kind] * numbers
        + 0.05 * (whole - 7.0).powi(2) * (1.0 + OFFSET[place])
        + PENALTY[kind]
        + OFFSET[place]
}

fn problems() -> Vec<Problem> {
    let ranges = |count: usize| vec![Column::from(Kind::Range); count];
    let wholes = (0..11).map(|whole| (f64::from(whole) + 0.5) / 11.0).collect();
    let kinds = [Kind::Range, Kind::Range, Kind::Grid(wholes), Kind::Category(3), Kind::Category(4)];
    vec![
        Problem {
            name: "branin",
            columns: ranges(2),
            value: branin,
            minimum: 0.397_887_357_729_738_2,
            trials: 50,
        },
        Problem {
            name: "hartmann6",
            columns: ranges(6),
            value: hartmann6,
            minimum: -3.322_368_011_415_515,
            trials: 100,
        },
        Problem { name: "ackley5", columns: ranges(5), value: ackley5, minimum: 0.0, trials: 100 },
        Problem {
            name: "mixed",
            columns: kinds.map(Column::from).to_vec(),
            value: mixed,
            minimum: 0.0,
            trials: 60,
        },
    ]
}

/// A point at random.
fn random_point(columns: &[Column], seed: u64, number: u64) -> Vec<f64> {
    let mut stream =
        ocelli_kernels::random::Stream::new(seed, ocelli_kernels::random::hash("regret"), number, 0);
    let value = |column: &Column| {
        let place = f64::from(stream.uniform());
        match &column.kind {
            Kind::Range => place,
            Kind::Grid(values) => values[(place * values.len() as f64) as usize],
            Kind::Category(count) => (place * *count as f64).floor(),
        }
    };
    columns.iter().map(value).collect()
}

/// The distance of the best value so far from the minimum, after each trial.
fn regret(problem: &Problem, seed: u64) -> Vec<f64> {
    let (mut points, mut values): (Vec<Vec<f64>>, Vec<f64>) = Default::default();
    for number in 0..problem.trials as u64 {
        let point = if points.len() < STARTUP {
            random_point(&problem.columns, seed, number)
        } else {
            let tried = Tried { points: &points, values: &values, pending: &[] };
            suggest(&problem.columns, tried, seed * 1_000_003 + number, &GpOptions::default())
                .expect("points that fit")
        };
        values.push((problem.value)(&point));
        points.push(point);
    }
    let best = |best: &mut f64, value: &f64| {
        *best = best.min(*value);
        Some(*best - problem.minimum)
    };
    values.iter().scan(f64::INFINITY, best).collect()
}

fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = share * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

fn print_regrets(seeds: u64, only: Option<&str>) {
    for problem in problems().iter().filter(|problem| only.is_none_or(|name| name == problem.name)) {
        let begin = Instant::now();
        let runs: Vec<Vec<f64>> = (0..seeds).map(|seed| regret(problem, seed)).collect();
        let seconds = begin.elapsed().as_secs_f64() / seeds as f64;
        let last: Vec<f64> = runs.iter().map(|run| run[problem.trials - 1]).collect();
        let half: Vec<f64> = runs.iter().map(|run| run[problem.trials / 2 - 1]).collect();
        println!(
            "{}",
            serde_json::json!({
                "function": problem.name, "sampler": "ocelli gp", "trials": problem.trials, "seeds": seeds,
                "median": quantile(&last, 0.5), "quartiles": [quantile(&last, 0.25), quantile(&last, 0.75)],
                "median_at_half": quantile(&half, 0.5), "seconds_a_run": seconds,
            })
        );
    }
}

/// On Hartmann-6, after so many points at random.
fn print_times() {
    let problem = &problems()[1];
    for count in TIMED {
        let points: Vec<Vec<f64>> =
            (0..count as u64).map(|number| random_point(&problem.columns, 0, number)).collect();
        let values: Vec<f64> = points.iter().map(|point| (problem.value)(point)).collect();
        let tried = Tried { points: &points, values: &values, pending: &[] };
        let (mut elapsed, mut busy) = (Vec::new(), Vec::new());
        for seed in 0..7 {
            let (begin, begin_busy) = (Instant::now(), processor_seconds());
            suggest(&problem.columns, tried, seed, &GpOptions::default()).expect("points that fit");
            elapsed.push(begin.elapsed().as_secs_f64());
            busy.extend(processor_seconds().zip(begin_busy).map(|(end, begin)| end - begin));
        }
        let busy = (!busy.is_empty()).then(|| quantile(&busy, 0.5));
        let line = serde_json::json!({
            "sampler": "ocelli gp", "after": count, "seconds": quantile(&elapsed, 0.5), "processor_seconds": busy,
        });
        println!("{line}");
    }
}

/// What the only thread has had of a processor so far, where the system tells it as Linux does: other work on the machine does not count.
fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e9)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let text = |place: usize| arguments.get(place).map(String::as_str);
    match text(0) {
        Some("regret") => {
            let seeds = text(1).map_or(30, |seeds| seeds.parse().expect("a number of seeds"));
            print_regrets(seeds, text(2));
        }
        Some("time") => print_times(),
        _ => eprintln!("regret [SEEDS] [FUNCTION], or time"),
    }
}
