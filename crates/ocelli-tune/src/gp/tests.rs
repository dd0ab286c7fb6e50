//! The process against scikit-learn's, expected improvements against mpmath's (`testing/fixtures/gaussian_processes.py`), and what suggestions
//! keep to.

use super::acquisition::Acquisition;
use super::column::{Column, Condition, Kind};
use super::kernel::{Metric, Points};
use super::log_ei::log_expected_improvement;
use super::model::{Hyper, Model};
use super::*;
use proptest::prelude::*;
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("../../../../testing/fixtures/gaussian_processes.json")).expect("JSON")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|value| value.as_f64().expect("a number")).collect()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().expect("a list").iter().map(numbers).collect()
}

struct Case {
    name: String,
    points: Points,
    values: Vec<f64>,
    hyper: Hyper,
    figures: Value,
}

fn cases() -> Vec<Case> {
    let case = |figures: &Value| {
        let lengths = numbers(&figures["lengths"]);
        let mut metrics = vec![Metric::Line; lengths.len()];
        if figures["choices"].is_u64() {
            *metrics.last_mut().expect("a column") = Metric::Hamming;
        }
        let known = rows(&figures["known"]);
        Case {
            name: figures["name"].as_str().expect("a name").to_owned(),
            points: Points::new(metrics, known.iter()),
            values: numbers(&figures["values"]),
            hyper: Hyper {
                weights: lengths.iter().map(|length| length.powi(-2)).collect(),
                scale: figures["scale"].as_f64().expect("a number"),
                noise: figures["noise"].as_f64().expect("a number"),
            },
            figures: figures.clone(),
        }
    };
    fixture()["processes"].as_array().expect("a list").iter().map(case).collect()
}

#[test]
fn posteriors_are_scikit_learns() {
    for case in cases() {
        let model = Model::new(case.points, &case.values, case.hyper).expect("positive definite");
        let asked = rows(&case.figures["asked"]);
        let (means, variances) = (numbers(&case.figures["means"]), numbers(&case.figures["variances"]));
        for (at, (mean, variance)) in model.predict(&asked).into_iter().enumerate() {
            // With noise of a millionth, the values' eleven digits leave eight or so.
            assert!((mean - means[at]).abs() < 1e-7, "{}, {at}: mean {mean}, not {}", case.name, means[at]);
            assert!(
                (variance - variances[at]).abs() < 1e-8,
                "{}, {at}: variance {variance}, not {}",
                case.name,
                variances[at]
            );
            let one = model.predict_with_slopes(&asked[at]);
            assert!(
                (one.mean - mean).abs() < 1e-12 && (one.variance - variance).abs() < 1e-10,
                "{}",
                case.name
            );
        }
    }
}

#[test]
fn likelihoods_and_their_slopes_are_scikit_learns() {
    for case in cases() {
        let (likelihood, slopes) =
            fit::log_likelihood(&case.points, &case.values, &case.hyper).expect("positive definite");
        let expected = case.figures["likelihood"].as_f64().expect("a number");
        assert!(
            (likelihood - expected).abs() < 1e-7 * expected.abs(),
            "{}: {likelihood}, not {expected}",
            case.name
        );
        for (at, (slope, expected)) in slopes.iter().zip(numbers(&case.figures["slopes"])).enumerate() {
            assert!(
                (slope - expected).abs() < 1e-6 * expected.abs().max(1.0),
                "{}, {at}: {slope}, not {expected}",
                case.name
            );
        }
    }
}

#[test]
fn expected_improvements_are_exact_far_in_the_tails() {
    for triple in rows(&fixture()["improvements"]) {
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

fn model_of_wave(pending: &[Vec<f64>]) -> Model {
    let known = spread(20, 2);
    let values = standardised(&known.iter().map(|point| wave(point)).collect::<Vec<_>>());
    let points = Points::new(
        vec![Metric::Line, Metric::Arc],
        known.iter().chain(pending).collect::<Vec<_>>().into_iter(),
    );
    Model::new(points, &values, Hyper { weights: vec![6.0, 3.0], scale: 1.2, noise: 1e-3 })
        .expect("positive definite")
}

#[test]
fn slopes_of_the_acquisition_are_its_derivatives() {
    let columns = [Column::from(Kind::Range), Column::from(Kind::Range)];
    let model = model_of_wave(&[vec![0.31, 0.62]]);
    let acquisition = Acquisition { columns: &columns, model: &model };
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
    let asked: Vec<Vec<f64>> = spread(15, 2).into_iter().chain([pending]).collect();
    for ((mean, variance), (mean_with, variance_with)) in
        without.predict(&asked).into_iter().zip(with.predict(&asked))
    {
        assert!((mean - mean_with).abs() < 1e-9);
        assert!(variance_with <= variance + 1e-9);
    }
    let (at, at_with) = (without.predict(&asked[15..])[0].1, with.predict(&asked[15..])[0].1);
    assert!(at > 5e-3 && at_with < 1.1e-3, "variance {at}, {at_with} once believed");
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
    let (mut points, mut values) = (vec![vec![0.0, 0.0]], vec![0.3]);
    for seed in 0..5 {
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
        let point = suggest(&columns, tried, seed, &options).expect("points that fit");
        check_point(&columns, &point);
    }
}
