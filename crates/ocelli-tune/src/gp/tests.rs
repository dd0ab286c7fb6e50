//! Expected improvements against mpmath's (`testing/fixtures/expected_improvements.py`), and what the process and suggestions keep to.

use super::acquisition::Acquisition;
use super::column::{Column, Condition, Kind};
use super::kernel::Kernel;
use super::log_ei::log_expected_improvement;
use super::model::Model;
use super::*;
use ndarray::{Array1, Array2};
use proptest::prelude::*;

#[test]
fn expected_improvements_are_exact_far_in_the_tails() {
    let text = include_str!("../../../../testing/fixtures/expected_improvements.json");
    let triples: Vec<[f64; 3]> = serde_json::from_str(text).expect("JSON");
    for triple in triples {
        let (value, slope) = log_expected_improvement(triple[0]);
        assert!(
            (value - triple[1]).abs() <= 1e-12 * triple[1].abs().max(1.0),
            "log at {}: {value}, not {}",
            triple[0],
            triple[1]
        );
        assert!(
            (slope - triple[2]).abs() <= 1e-11 * triple[2],
            "slope at {}: {slope}, not {}",
            triple[0],
            triple[2]
        );
    }
    // Where even the square of z is infinite, there is an order of a kind, and no NaN.
    assert_eq!(log_expected_improvement(-1e200), (f64::NEG_INFINITY, 1e200));
}

fn wave(point: &[f64]) -> f64 {
    point.iter().enumerate().map(|(at, x)| (5.0 * x + at as f64).sin() + x).sum()
}

fn spread(count: usize, columns: usize) -> Vec<Vec<f64>> {
    let value = |row: usize, column: usize| {
        ((row + 1) as f64 * [0.754_877_666, 0.569_840_29, 0.430_159_7][column]).fract()
    };
    (0..count).map(|row| (0..columns).map(|column| value(row, column)).collect()).collect()
}

fn array(points: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((points.len(), 2), |(row, column)| points[row][column])
}

fn model_of_wave(pending: &[Vec<f64>]) -> Model {
    let known = spread(20, 2);
    let values: Array1<f64> = standardised(&known.iter().map(|point| wave(point)).collect::<Vec<_>>()).into();
    let kernel = Kernel { theta: Array1::from_vec(vec![2.4, 1.7]), noise: 1e-3 };
    Model::new(&array(&known), &values, &array(pending), kernel).expect("positive definite")
}

#[test]
fn values_are_told_again_where_they_are_known() {
    let (model, known) = (model_of_wave(&[]), spread(20, 2));
    let values = standardised(&known.iter().map(|point| wave(point)).collect::<Vec<_>>());
    let told = model.predict(&array(&known));
    for ((mean, variance), value) in told.iter().zip(&values) {
        assert!((mean - value).abs() < 0.05 && *variance < 0.05, "{mean} ± {variance} for {value}");
    }
    let smallest = told.iter().map(|(mean, _)| *mean).fold(f64::INFINITY, f64::min);
    assert_eq!(model.best(), smallest);
    let (_, far) = model.predict(&array(&[vec![40.0, -40.0]]))[0];
    assert!(told.iter().all(|(_, variance)| far > 10.0 * variance), "variance {far} where nothing is known");
}

#[test]
fn slopes_of_the_acquisition_are_its_derivatives() {
    let columns = [Column::from(Kind::Range), Column::from(Kind::Range)];
    let (features, model) = (Features::new(&columns), model_of_wave(&[vec![0.31, 0.62]]));
    let acquisition = Acquisition { columns: &columns, features: &features, model: &model };
    for point in spread(12, 2) {
        let (value, slopes) = acquisition.value_with_slopes(&point);
        assert!((value - acquisition.value(&point)).abs() < 1e-8 * value.abs().max(1.0));
        for (column, slope) in slopes.iter().enumerate() {
            let at = |step: f64| {
                let mut moved = point.clone();
                moved[column] += step;
                acquisition.value(&moved)
            };
            let quotient = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(
                (slope - quotient).abs() < 1e-4 * quotient.abs().max(1.0),
                "{slope}, by differences {quotient}"
            );
        }
    }
}

#[test]
fn believed_points_leave_the_mean_and_take_the_variance() {
    let pending = vec![0.5, 0.9];
    let (without, with) = (model_of_wave(&[]), model_of_wave(std::slice::from_ref(&pending)));
    let asked = array(&spread(15, 2).into_iter().chain([pending]).collect::<Vec<_>>());
    let (without, with) = (without.predict(&asked), with.predict(&asked));
    for ((mean, variance), (mean_with, variance_with)) in without.iter().zip(&with) {
        assert!((mean - mean_with).abs() < 1e-9);
        assert!(*variance_with <= variance + 1e-9);
    }
    let (at, at_with) = (without[15].1, with[15].1);
    assert!(at_with < at / 5.0, "variance {at}, {at_with} once believed");
}

/// A number, one on a coarse grid, one on a fine grid, a choice, and a number that only the second choice has.
fn columns() -> Vec<Column> {
    let grid = |count: usize| (0..count).map(|i| i as f64 / (count - 1) as f64).collect();
    let when = vec![Condition { column: 3, values: vec![1.0] }];
    vec![
        Kind::Range.into(),
        Column::from(Kind::Grid(grid(5))),
        Column::from(Kind::Grid(grid(100))),
        Kind::Category(3).into(),
        Column { when, ..Kind::Range.into() },
    ]
}

fn points(count: usize) -> Vec<Vec<f64>> {
    let point = |row: Vec<f64>| {
        let choice = (row[2] * 3.0).floor();
        let child = if choice == 1.0 { row[0] } else { f64::NAN };
        vec![row[0], (row[1] * 4.0).round() / 4.0, (row[1] * 99.0).round() / 99.0, choice, child]
    };
    spread(count, 3).into_iter().map(point).collect()
}

/// Best with the second choice and its number at 0.25.
fn value(point: &[f64]) -> f64 {
    let child = if point[4].is_nan() { 0.5 } else { (point[4] - 0.25).powi(2) - 0.5 };
    (point[0] - 0.7).powi(2) + (point[1] - 0.5).powi(2) + (point[2] - 0.3).powi(2) + child
}

fn check_point(columns: &[Column], point: &[f64]) {
    for (column, value) in columns.iter().zip(point) {
        match &column.kind {
            Kind::Range if column.when.is_empty() => assert!((0.0..=1.0).contains(value)),
            Kind::Range => assert!(value.is_nan() || (0.0..=1.0).contains(value)),
            Kind::Grid(values) => assert!(values.contains(value), "{value} is not on the grid"),
            Kind::Category(count) => assert!((0..*count).any(|choice| choice as f64 == *value)),
        }
    }
    assert_eq!(point[4].is_nan(), point[3] != 1.0, "a number that only the second choice has: {point:?}");
}

#[test]
fn mixed_and_conditional_columns_are_searched_to_their_best() {
    let (columns, mut points) = (columns(), points(12));
    let mut values: Vec<f64> = points.iter().map(|point| value(point)).collect();
    for seed in 0..18 {
        let tried = Tried { points: &points, values: &values, pending: &[] };
        let point = suggest(&columns, tried, seed, &GpOptions::default()).expect("points that fit");
        check_point(&columns, &point);
        values.push(value(&point));
        points.push(point);
    }
    let best = values.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(best < -0.4999, "best {best}, the minimum is -0.499991");
}

#[test]
fn suggestions_depend_on_the_arguments_alone() {
    let (columns, points) = (columns(), points(25));
    let values: Vec<f64> = points.iter().map(|point| value(point)).collect();
    let tried = Tried { points: &points, values: &values, pending: &points[..2] };
    let of = |seed| suggest(&columns, tried, seed, &GpOptions::default()).expect("points that fit");
    let bits = |point: Vec<f64>| point.into_iter().map(f64::to_bits).collect::<Vec<_>>();
    assert_eq!(bits(of(5)), bits(of(5)));
}

#[test]
fn pending_points_are_kept_away_from() {
    let columns = vec![Column::from(Kind::Range); 2];
    let points = spread(15, 2);
    let values: Vec<f64> = points.iter().map(|point| wave(point)).collect();
    let mut pending: Vec<Vec<f64>> = Vec::new();
    for seed in 0..5 {
        let suggested = |pending: &[Vec<f64>]| {
            let tried = Tried { points: &points, values: &values, pending };
            suggest(&columns, tried, seed, &GpOptions::default()).expect("points that fit")
        };
        let nearest = |point: &[f64]| {
            let distance = |other: &Vec<f64>| (point[0] - other[0]).hypot(point[1] - other[1]);
            pending.iter().map(distance).fold(f64::INFINITY, f64::min)
        };
        let (point, blind) = (suggested(&pending), suggested(&[]));
        if !pending.is_empty() {
            // Who does not know of them goes where the first went.
            let (known, unknown) = (nearest(&point), nearest(&blind));
            assert!(unknown < 1e-3, "{blind:?} is {unknown} from what is being tried");
            assert!(known > 0.01, "{point:?} is {known} from what is being tried");
        }
        pending.push(point);
    }
}

#[test]
fn no_point_is_tried_twice_while_there_are_others() {
    let columns = [Column::from(Kind::Category(3)), Column::from(Kind::Grid(vec![0.0, 1.0]))];
    let (mut points, mut values) = (vec![vec![0.0, 0.0], vec![2.0, 0.0]], vec![0.3, 2.0]);
    for seed in 0..4 {
        let tried = Tried { points: &points, values: &values, pending: &[] };
        let point = suggest(&columns, tried, seed, &GpOptions::default()).expect("points that fit");
        assert!(!points.contains(&point), "{point:?} again");
        values.push(point[0] - point[1]);
        points.push(point);
    }
    // All six were tried: now one must come again.
    let tried = Tried { points: &points, values: &values, pending: &[] };
    let again = suggest(&columns, tried, 9, &GpOptions::default()).expect("points that fit");
    assert!(points.contains(&again));
}

#[test]
fn fixed_columns_are_taken_and_their_conditions_hold() {
    let mut columns = columns();
    columns[0].fixed = Some(0.125);
    columns[3].fixed = Some(1.0);
    let points = points(15);
    let values: Vec<f64> = points.iter().map(|point| value(point)).collect();
    let tried = Tried { points: &points, values: &values, pending: &[] };
    let point = suggest(&columns, tried, 1, &GpOptions::default()).expect("points that fit");
    check_point(&columns, &point);
    assert_eq!((point[0], point[3]), (0.125, 1.0));
}

#[test]
fn what_is_not_finite_is_the_worst_or_the_best() {
    let found = finite(&[1.0, f64::INFINITY, 3.0, f64::NAN, f64::NEG_INFINITY]);
    assert_eq!(found, finite(&[1.0, 3.0, 3.0, 3.0, 1.0]));
    assert_eq!(finite(&[f64::NAN, f64::INFINITY]), [0.0, 0.0]);
    assert_eq!(standardised(&finite(&[7.0; 3])), [0.0; 3]);
    assert!(standardised(&finite(&[-1e308, 1e308, 0.0])).iter().all(|value| value.is_finite()));
}

#[test]
fn points_that_do_not_fit_are_errors() {
    let columns = columns();
    let good = points(3);
    let refused = |columns: &[Column], points: &[Vec<f64>], values: &[f64], pending: &[Vec<f64>]| {
        suggest(columns, Tried { points, values, pending }, 0, &GpOptions::default())
            .expect_err("does not fit")
            .to_string()
    };
    let with = |place: usize, value: f64| {
        let mut point = good[0].clone();
        point[place] = value;
        vec![point]
    };
    assert!(refused(&[], &good, &[0.0; 3], &[]).contains("no columns"));
    assert!(refused(&columns, &good, &[0.0; 2], &[]).contains("3 points have 2 values"));
    assert!(refused(&columns, &[], &[], &[]).contains("at least one"));
    assert!(refused(&columns, &[vec![0.5]], &[0.0], &[]).contains("1 numbers"));
    for (place, value) in [(0, 1.5), (0, f64::NAN), (1, -0.1), (3, 3.0), (3, 0.5), (4, f64::INFINITY)] {
        assert!(refused(&columns, &with(place, value), &[0.0], &[]).contains(&format!("column {place}")));
        assert!(
            refused(&columns, &good, &[0.0; 3], &with(place, value)).contains(&format!("column {place}"))
        );
    }
    for kind in [
        Kind::Grid(vec![]),
        Kind::Grid(vec![0.5, 0.2]),
        Kind::Grid(vec![0.5, f64::NAN]),
        Kind::Grid(vec![2.0]),
        Kind::Category(0),
    ] {
        assert!(refused(&[kind.into()], &[vec![0.0]], &[0.0], &[]).contains("column 0"));
    }
    let circle = Column { when: vec![Condition { column: 0, values: vec![0.5] }], ..Kind::Range.into() };
    assert!(refused(&[circle], &[vec![0.0]], &[0.0], &[]).contains("earlier"));
    let fixed = Column { fixed: Some(7.0), ..Kind::Range.into() };
    assert!(refused(&[fixed], &[vec![0.0]], &[0.0], &[]).contains("fixed value 7"));
}

#[test]
fn the_same_point_with_values_far_apart_is_noise() {
    let points = vec![vec![0.5]; 30];
    let values: Vec<f64> = (0..30).map(|i| if i % 2 == 0 { 1e6 } else { -1e6 }).collect();
    let tried = Tried { points: &points, values: &values, pending: &points };
    let point = suggest(&[Kind::Range.into()], tried, 0, &GpOptions::default()).expect("points that fit");
    assert_ne!(point, [0.5]);
}

#[test]
fn points_that_are_all_but_the_same_are_borne() {
    let columns = vec![Column::from(Kind::Range); 3];
    let points: Vec<Vec<f64>> =
        (0..80).map(|i| vec![0.5 + 1e-13 * f64::from(i), 0.25, f64::from(i % 2)]).collect();
    for value in
        [|i: usize| i as f64, |i: usize| (i as f64).exp2().exp2(), |i: usize| 1.0 + 1e-15 * (i % 7) as f64]
    {
        let values: Vec<f64> = (0..80).map(value).collect();
        let tried = Tried { points: &points, values: &values, pending: &points[..7] };
        let point = suggest(&columns, tried, 3, &GpOptions::default()).expect("points that fit");
        assert!(point.iter().all(|number| (0.0..=1.0).contains(number)), "{point:?}");
    }
}

#[test]
fn what_makes_no_process_is_an_error() {
    let refused = |columns: &[Column], points: &[Vec<f64>], values: &[f64]| {
        let tried = Tried { points, values, pending: &[] };
        suggest(columns, tried, 0, &GpOptions::default()).expect_err("no process").to_string()
    };
    let range = [Column::from(Kind::Range)];
    assert!(refused(&range, &[vec![0.5]], &[1.0]).contains("all the same"));
    assert!(refused(&range, &[vec![0.5], vec![0.6]], &[7.0, 7.0]).contains("all the same"));
    assert!(refused(&range, &[vec![0.5], vec![0.6]], &[f64::NAN, f64::INFINITY]).contains("all the same"));
    assert!(
        refused(&[Kind::Category(1).into()], &[vec![0.0], vec![0.0]], &[1.0, 2.0])
            .contains("one value alone")
    );
}

#[test]
fn two_points_are_enough() {
    for points in [vec![vec![0.2, 1.0], vec![0.9, 0.0]], vec![vec![0.2, 1.0]; 2]] {
        let tried = Tried { points: &points, values: &[1.0, 2.0], pending: &[] };
        let columns = [Kind::Range.into(), Kind::Category(2).into()];
        let point = suggest(&columns, tried, 0, &GpOptions::default()).expect("points that fit");
        assert!(!points.contains(&point));
    }
}

#[test]
fn the_best_half_of_what_a_process_rests_on_are_the_best() {
    let order: Vec<usize> = (0..100).rev().collect();
    assert_eq!(leading(&order, 100), order);
    let chosen = leading(&order, 10);
    assert_eq!(chosen[..5], [99, 98, 97, 96, 95]);
    assert_eq!((chosen[5], chosen[9], chosen.len()), (94, 0, 10));
    assert_eq!(leading(&order, 2), [99, 98]);
    assert_eq!(evenly(&order, 2), [99, 0]);
}

#[test]
fn scalarised_values_keep_dominance_and_reach_both_ends_of_a_front() {
    let front: Vec<Vec<f64>> = (0..=10).map(|i| vec![f64::from(i), 100.0 - 10.0 * f64::from(i)]).collect();
    let dominated: Vec<Vec<f64>> = front.iter().map(|point| vec![point[0] + 0.5, point[1] + 5.0]).collect();
    let all: Vec<Vec<f64>> = front.iter().chain(&dominated).cloned().collect();
    let best: Vec<usize> = (0..40)
        .map(|seed| {
            let values = scalarise(&all, seed);
            assert!((0..11).all(|i| values[i] < values[i + 11]), "a dominated point is worse");
            ascending(&values)[0]
        })
        .collect();
    assert!(best.iter().any(|at| *at <= 2) && best.iter().any(|at| (8..11).contains(at)), "{best:?}");
    let bad = scalarise(&[vec![1.0, f64::NAN], vec![2.0, 5.0], vec![f64::INFINITY, 4.0]], 3);
    assert!(bad.iter().all(|value| value.is_finite()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn compressing_keeps_the_order_and_the_better_half(
        values in prop::collection::vec(prop_oneof![-1.0..1.0f64, 10.0..1e6f64, Just(0.5)], 1..40),
    ) {
        let found = compressed(values.clone());
        for (a, one) in values.iter().enumerate() {
            for (b, other) in values.iter().enumerate() {
                let (before, after) = (one.total_cmp(other), found[a].total_cmp(&found[b]));
                prop_assert!(before == after, "{one} and {other} became {} and {}", found[a], found[b]);
            }
        }
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[(values.len() - 1) / 2];
        for (value, found) in values.iter().zip(&found) {
            let kept = if *value > median { found <= value && *found > median } else { found == value };
            prop_assert!(kept, "{value} became {found}");
        }
    }

    #[test]
    fn suggestions_fit_whatever_the_values(
        values in prop::collection::vec(prop_oneof![any::<f64>(), -1.0..1.0f64], 1..30),
        pending in 0..4usize,
        seed in any::<u64>(),
    ) {
        let (columns, points) = (columns(), points(values.len() + pending));
        let (tried, pending) = points.split_at(values.len());
        let tried = Tried { points: tried, values: &values, pending };
        let options = GpOptions { candidates: 64, starts: 2, ..Default::default() };
        match suggest(&columns, tried, seed, &options) {
            Ok(point) => check_point(&columns, &point),
            // Nothing but this can be said against points that fit.
            Err(error) => prop_assert!(error.to_string().contains("all the same"), "{}", error),
        }
    }
}
