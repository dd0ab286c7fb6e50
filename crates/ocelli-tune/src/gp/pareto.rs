//! Several objectives as one.

use ocelli_kernels::random::{Stream, hash};

/// The share of the plain sum, which tells points apart that are equal in their worst objective.
const SUM: f64 = 0.05;

/// One value for each point from its objectives, all to be made small: ParEGO's (Knowles, "ParEGO: a hybrid algorithm with on-line landscape
/// approximation for expensive multiobjective optimization problems", 2006).
///
/// Each objective is brought to 0 to 1 over the points; what counts is the largest of them times weights, and a twentieth of their sum. Weights
/// are drawn by `seed`, evenly among all that are positive and sum to 1: suggestions with different seeds look for different parts of the Pareto
/// front.
///
/// # Panics
/// If points have different numbers of objectives.
#[must_use]
pub fn scalarise(objectives: &[Vec<f64>], seed: u64) -> Vec<f64> {
    let count = objectives.first().map_or(0, Vec::len);
    assert!(objectives.iter().all(|point| point.len() == count), "points of {count} objectives");
    let mut stream = Stream::new(seed, hash("gp.weights"), 0, 0);
    // Exponential numbers over their sum are even on the simplex.
    let lots: Vec<f64> =
        (0..count).map(|_| -((f64::from(stream.next_u32()) + 0.5) / 4_294_967_296.0).ln()).collect();
    let sum: f64 = lots.iter().sum();
    let ranges: Vec<(f64, f64)> = (0..count).map(|objective| range(objectives, objective)).collect();
    let one = |point: &Vec<f64>| {
        let shares = point.iter().zip(&ranges).zip(&lots).map(|((value, (low, high)), lot)| {
            let share = ((value.clamp(*low, *high) - low) / (high - low).max(f64::MIN_POSITIVE)).min(1.0);
            lot / sum * share
        });
        shares.clone().fold(0.0, f64::max) + SUM * shares.sum::<f64>()
    };
    objectives.iter().map(one).collect()
}

/// The smallest and the largest finite value of an objective.
fn range(objectives: &[Vec<f64>], objective: usize) -> (f64, f64) {
    let finite = objectives.iter().map(|point| point[objective]).filter(|value| value.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low <= high { (low, high) } else { (0.0, 0.0) }
}
