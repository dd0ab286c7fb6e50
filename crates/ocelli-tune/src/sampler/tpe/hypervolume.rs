//! Which points of a Pareto front stand for it best: those that together dominate the greatest volume.

use crate::direction::front;

/// Some points, for each of whose numbers smaller is better, chosen one after the other such that each adds most to the volume that is
/// dominated (Guerreiro et al., "Greedy Hypervolume Subset Selection in Low Dimensions", 2016), as Optuna's `_solve_hssp`.
pub(super) fn subset(points: &[Vec<f64>], count: usize) -> Vec<usize> {
    let reference = reference_point(points);
    if count >= points.len() || !points.iter().flatten().chain(&reference).all(|number| number.is_finite()) {
        return (0..count.min(points.len())).collect();
    }
    let mut chosen: Vec<usize> = Vec::with_capacity(count);
    // What a point adds only gets less as others are chosen: an old figure bounds the new one.
    let mut bounds: Vec<f64> = points.iter().map(|point| volume_of(point, &reference)).collect();
    while chosen.len() < count {
        let mut order: Vec<usize> = (0..points.len()).filter(|index| !chosen.contains(index)).collect();
        order.sort_by(|one, other| bounds[*other].total_cmp(&bounds[*one]));
        let mut best: Option<usize> = None;
        for index in order {
            if best.is_some_and(|best| bounds[index] < bounds[best]) {
                break;
            }
            bounds[index] = added(&points[index], &chosen, points, &reference);
            if best.is_none_or(|best| {
                bounds[index] > bounds[best] || (bounds[index] == bounds[best] && index < best)
            }) {
                best = Some(index);
            }
        }
        chosen.extend(best);
    }
    chosen
}

/// A little worse than the worst of each number.
fn reference_point(points: &[Vec<f64>]) -> Vec<f64> {
    let numbers = points.first().map_or(0, Vec::len);
    let worst = |index: usize| points.iter().map(|point| point[index]).fold(f64::NEG_INFINITY, f64::max);
    let beyond = |worst: f64| if worst == 0.0 { 1e-12 } else { f64::max(1.1 * worst, 0.9 * worst) };
    (0..numbers).map(|index| beyond(worst(index))).collect()
}

/// The volume that a point dominates.
fn volume_of(point: &[f64], reference: &[f64]) -> f64 {
    point.iter().zip(reference).map(|(number, reference)| reference - number).product()
}

/// The volume that a point dominates and the chosen ones do not.
fn added(point: &[f64], chosen: &[usize], points: &[Vec<f64>], reference: &[f64]) -> f64 {
    let shared: Vec<Vec<f64>> = chosen.iter().map(|index| worse(point, &points[*index])).collect();
    volume_of(point, reference) - volume(shared, reference)
}

/// The volume that points dominate together (While et al., "A Fast Way of Calculating Exact Hypervolumes", 2012).
fn volume(points: Vec<Vec<f64>>, reference: &[f64]) -> f64 {
    let mut points: Vec<Vec<f64>> = front(&points).into_iter().map(|index| points[index].clone()).collect();
    points.sort_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
    points.dedup();
    if reference.len() == 2 {
        return area(&points, reference);
    }
    let alone = |(index, point): (usize, &Vec<f64>)| {
        let shared = points[index + 1..].iter().map(|other| worse(point, other)).collect();
        volume_of(point, reference) - volume(shared, reference)
    };
    points.iter().enumerate().map(alone).sum()
}

/// [`volume`] of two numbers: points sorted by the first fall in the second.
fn area(points: &[Vec<f64>], reference: &[f64]) -> f64 {
    let mut top = reference[1];
    let strip = |point: &Vec<f64>| {
        let strip = (reference[0] - point[0]) * (top - point[1]);
        top = point[1];
        strip
    };
    points.iter().map(strip).sum()
}

fn worse(one: &[f64], other: &[f64]) -> Vec<f64> {
    one.iter().zip(other).map(|(one, other)| one.max(*other)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By counting the unit cubes that a point dominates.
    fn counted(points: &[Vec<f64>], side: i32, numbers: usize) -> f64 {
        let cubes = (0..side.pow(numbers as u32)).filter(|cube| {
            let place: Vec<f64> =
                (0..numbers).map(|index| f64::from(cube / side.pow(index as u32) % side)).collect();
            points.iter().any(|point| point.iter().zip(&place).all(|(number, place)| number <= place))
        });
        cubes.count() as f64
    }

    proptest! {
        #[test]
        fn volumes_are_counted(points in prop::collection::vec(prop::collection::vec(0..5_i32, 4), 0..8), numbers in 2..5_usize) {
            let points: Vec<Vec<f64>> =
                points.iter().map(|point| point[..numbers].iter().map(|number| f64::from(*number)).collect()).collect();
            prop_assert_eq!(volume(points.clone(), &vec![5.0; numbers]), counted(&points, 5, numbers));
        }
    }
}
