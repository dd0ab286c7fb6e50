//! Simple regret of samplers, each run a study of its own, and the time that a suggestion of the Gaussian process takes.
//!
//! ```text
//! cargo run --release -p ocelli-tune --example regret -- regret [FIRST..LAST] [PROBLEM] [SAMPLER]
//! cargo run --release -p ocelli-tune --example regret -- time
//! ```
//!
//! Four functions whose minimum is known, and `lessons`: the validation losses of real trainings, all that a grid of settings has, looked up in
//! `lessons.csv` (`bench/peers/record_lessons.py` recorded them). `bench/peers/optuna_regret.py` does the same with Optuna's
//! samplers, and compares: both print JSON lines.

use ocelli_kernels::random::{Stream, hash};
use ocelli_tune::gp::{Column, GpOptions, Kind, Tried, suggest};
use ocelli_tune::{
    ActiveTrial, GpSampler, GpSamplerOptions, Journal, Outcome, RandomSampler, Space, Study, StudyOptions,
    TpeOptions, TpeSampler,
};
use std::collections::HashMap;
use std::f64::consts::{E, PI, TAU};
use std::ops::Range;
use std::sync::LazyLock;
use std::time::Instant;

/// Histories whose next suggestion is timed.
const TIMED: [usize; 2] = [100, 1000];
const LESSONS: &str = include_str!("lessons.csv");

struct Problem {
    name: &'static str,
    space: Space,
    value: fn(&ActiveTrial) -> f64,
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
fn mixed(trial: &ActiveTrial) -> f64 {
    const STEEP: [f64; 3] = [1.0, 3.0, 8.0];
    const PENALTY: [f64; 3] = [0.6, 0.0, 0.3];
    const PLACE: [(f64, f64); 4] = [(0.2, 0.8), (0.7, 0.3), (0.45, 0.55), (0.9, 0.9)];
    const OFFSET: [f64; 4] = [0.5, 0.0, 0.2, 0.8];
    let number = |name| trial.float(name).expect("a parameter of the space");
    let (kind, place) = (number("kind") as usize, number("place") as usize);
    let numbers = (number("x") - PLACE[place].0).powi(2) + (number("y") - PLACE[place].1).powi(2);
    STEEP[kind] * numbers
        + 0.05 * (number("whole") - 7.0).powi(2) * (1.0 + OFFSET[place])
        + PENALTY[kind]
        + OFFSET[place]
}

/// The recorded losses, by the settings as the table's first columns have them.
static TABLE: LazyLock<HashMap<&str, f64>> = LazyLock::new(|| {
    let rows = LESSONS.lines().skip(1).filter_map(|line| line.rsplit_once(','));
    rows.map(|(settings, loss)| (settings, loss.parse().expect("a loss"))).collect()
});

fn lesson(trial: &ActiveTrial) -> f64 {
    let names = LESSONS.lines().next().unwrap_or_default().split(',');
    let text =
        |name| trial.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let settings: Vec<String> = names.filter_map(text).collect();
    TABLE[settings.join(",").as_str()]
}

/// The numbers `x0`, `x1` … of a trial.
fn numbers(trial: &ActiveTrial) -> Vec<f64> {
    (0..).map_while(|index| trial.float(&format!("x{index}"))).collect()
}

/// The space of `count` numbers from 0 to 1.
fn unit_cube(count: usize) -> String {
    (0..count).map(|index| format!("x{index} = {{ type = \"float\", low = 0, high = 1 }}\n")).collect()
}

const MIXED: &str = r#"
    x = { type = "float", low = 0, high = 1 }
    y = { type = "float", low = 0, high = 1 }
    whole = { type = "int", low = 0, high = 10 }
    kind = { type = "categorical", choices = [0, 1, 2] }
    place = { type = "categorical", choices = [0, 1, 2, 3] }
"#;

/// What `lessons.csv` has all combinations of: powers of two are given by their exponents, so that the steps are even.
const LESSON: &str = r#"
    optimizer = { type = "categorical", choices = ["sgd", "adamw"] }
    lr = { type = "int", low = -11, high = -4 }
    batch_size = { type = "int", low = 4, high = 7 }
    hidden = { type = "int", low = 6, high = 8 }
    dropout = { type = "float", low = 0.1, high = 0.5, step = 0.2 }
"#;

fn problems() -> [Problem; 5] {
    let branin: fn(&ActiveTrial) -> f64 = |trial| branin(&numbers(trial));
    let lowest = TABLE.values().copied().fold(f64::INFINITY, f64::min);
    [
        ("branin", unit_cube(2), branin, 0.397_887_357_729_738_2, 50),
        ("hartmann6", unit_cube(6), |trial| hartmann6(&numbers(trial)), -3.322_368_011_415_515, 100),
        ("ackley5", unit_cube(5), |trial| ackley5(&numbers(trial)), 0.0, 100),
        ("mixed", MIXED.to_owned(), mixed, 0.0, 60),
        ("lessons", LESSON.to_owned(), lesson, lowest, 40),
    ]
    .map(|(name, space, value, minimum, trials)| {
        let space = Space::parse(&space).expect("a space");
        Problem { name, space, value, minimum, trials }
    })
}

fn study(problem: &Problem, sampler: &str, seed: u64) -> Study {
    let options = StudyOptions::new("regret", problem.space.clone());
    let options = match sampler {
        "gp" => options.sampler(GpSampler::new(GpSamplerOptions { seed, ..GpSamplerOptions::default() })),
        "tpe" => options.sampler(TpeSampler::new(TpeOptions { seed, ..TpeOptions::default() })),
        "random" => options.sampler(RandomSampler::new(seed)),
        other => panic!("samplers are gp, tpe and random, not {other}"),
    };
    Study::open(Journal::memory(), options).expect("a study")
}

/// The distance of the best value so far from the minimum, after each trial.
fn regret(problem: &Problem, sampler: &str, seed: u64) -> Vec<f64> {
    let study = study(problem, sampler, seed);
    let mut best = f64::INFINITY;
    let mut next = || {
        let trial = study.ask().expect("a suggestion").expect("there is always another");
        let value = (problem.value)(&trial);
        trial.tell(Outcome::Complete(vec![value])).expect("the journal is memory");
        best = best.min(value);
        best - problem.minimum
    };
    (0..problem.trials).map(|_| next()).collect()
}

fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = share * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

fn print_regrets(seeds: Range<u64>, only: Option<&str>, sampler: &str) {
    for problem in problems().iter().filter(|problem| only.is_none_or(|name| name == problem.name)) {
        let begin = Instant::now();
        let runs: Vec<Vec<f64>> = seeds.clone().map(|seed| regret(problem, sampler, seed)).collect();
        let seconds = begin.elapsed().as_secs_f64() / runs.len() as f64;
        let after = |trials: usize| runs.iter().map(|run| run[trials - 1]).collect::<Vec<f64>>();
        let (last, half) = (after(problem.trials), after(problem.trials / 2));
        let line = serde_json::json!({
            "problem": problem.name, "sampler": format!("ocelli {sampler}"), "trials": problem.trials,
            "seeds": format!("{seeds:?}"), "median": quantile(&last, 0.5), "median_at_half": quantile(&half, 0.5),
            "seconds_a_run": seconds, "regrets": last, "regrets_at_half": half,
        });
        println!("{line}");
    }
}

fn random_point(number: u64) -> Vec<f64> {
    let mut stream = Stream::new(0, hash("regret"), number, 0);
    (0..6).map(|_| f64::from(stream.uniform())).collect()
}

/// On Hartmann-6, after so many points at random.
fn print_times() {
    let columns = vec![Column::from(Kind::Range); 6];
    for count in TIMED {
        let points: Vec<Vec<f64>> = (0..count as u64).map(random_point).collect();
        let values: Vec<f64> = points.iter().map(|point| hartmann6(point)).collect();
        let tried = Tried { points: &points, values: &values, pending: &[] };
        let (mut elapsed, mut busy) = (Vec::new(), Vec::new());
        for seed in 0..7 {
            let (begin, begin_busy) = (Instant::now(), processor_seconds());
            suggest(&columns, tried, seed, &GpOptions::default()).expect("points that fit");
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
            let ends = text(1).unwrap_or("0..30").split_once("..").expect("seeds as FIRST..LAST");
            let seed = |text: &str| text.parse::<u64>().expect("a seed");
            print_regrets(seed(ends.0)..seed(ends.1), text(2), text(3).unwrap_or("gp"));
        }
        Some("time") => print_times(),
        _ => eprintln!("regret [FIRST..LAST] [PROBLEM] [SAMPLER], or time"),
    }
}
