//! How alike two points are.

use nalgebra::DMatrix;

/// What stands for a number that a point has not.
pub(super) const INACTIVE: f64 = -1.0;

/// How two values of a column are compared: the squared distance is at most 1, and 1 where only one of the points has the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    /// The square of the difference.
    Line,
    /// The square of the chord between two places on an arc of radius and length 1, in whose centre is [`INACTIVE`] (the arc kernel of
    /// Swersky et al., "Raiders of the lost architecture", 2014). On the line, nothing has the same distance from all values.
    Arc,
    /// 0 or 1.
    Hamming,
}

impl Metric {
    fn squared(self, a: f64, b: f64) -> f64 {
        match self {
            Metric::Line => (a - b) * (a - b),
            Metric::Hamming => f64::from(u8::from(a != b)),
            Metric::Arc if a == INACTIVE || b == INACTIVE => f64::from(u8::from(a != b)),
            Metric::Arc => 2.0 * (1.0 - (a - b).cos()),
        }
    }

    /// The derivative of the squared distance by `a`.
    fn slope(self, a: f64, b: f64) -> f64 {
        match self {
            Metric::Line => 2.0 * (a - b),
            Metric::Hamming => 0.0,
            Metric::Arc if a == INACTIVE || b == INACTIVE => 0.0,
            Metric::Arc => 2.0 * (a - b).sin(),
        }
    }

    /// Adds `weight` times the squared distances of `a` from all of `others`.
    fn add_squared(self, weight: f64, a: f64, others: &[f64], sums: &mut [f64]) {
        match self {
            // The common case apart, so that it becomes vector instructions.
            Metric::Line => {
                for (sum, b) in sums.iter_mut().zip(others) {
                    *sum += weight * ((a - b) * (a - b));
                }
            }
            _ => {
                for (sum, b) in sums.iter_mut().zip(others) {
                    *sum += weight * self.squared(a, *b);
                }
            }
        }
    }

    /// The sum of `factors` times the squared distances of `a` from all of `others`.
    pub(super) fn dot_squared(self, factors: &[f64], a: f64, others: &[f64]) -> f64 {
        let pairs = factors.iter().zip(others);
        match self {
            Metric::Line => pairs.map(|(factor, b)| factor * ((a - b) * (a - b))).sum(),
            _ => pairs.map(|(factor, b)| factor * self.squared(a, *b)).sum(),
        }
    }

    /// The sum of `factors` times the derivatives of the squared distances of `a` from all of `others`.
    pub(super) fn dot_slope(self, factors: &[f64], a: f64, others: &[f64]) -> f64 {
        factors.iter().zip(others).map(|(factor, b)| factor * self.slope(a, *b)).sum()
    }
}

/// The Matérn kernel of smoothness 5/2 at a squared distance.
pub(super) fn matern52(squared: f64) -> f64 {
    let root = (5.0 * squared).sqrt();
    (1.0 + root + 5.0 / 3.0 * squared) * (-root).exp()
}

/// The kernel and its derivative by the squared distance.
pub(super) fn matern52_with_slope(squared: f64) -> (f64, f64) {
    let root = (5.0 * squared).sqrt();
    let decay = (-root).exp();
    ((1.0 + root + 5.0 / 3.0 * squared) * decay, -5.0 / 6.0 * (1.0 + root) * decay)
}

/// Points, by columns.
#[derive(Clone, Debug)]
pub(super) struct Points {
    pub(super) metrics: Vec<Metric>,
    values: DMatrix<f64>,
}

impl Points {
    /// Of rows that are as long as there are metrics.
    pub(super) fn new<'a>(metrics: Vec<Metric>, rows: impl ExactSizeIterator<Item = &'a Vec<f64>>) -> Self {
        let mut values = DMatrix::zeros(rows.len(), metrics.len());
        for (place, row) in rows.enumerate() {
            row.iter().enumerate().for_each(|(column, value)| values[(place, column)] = *value);
        }
        Self { metrics, values }
    }

    pub(super) fn len(&self) -> usize {
        self.values.nrows()
    }

    /// A column's values, from a row on.
    pub(super) fn column(&self, column: usize, from: usize) -> &[f64] {
        let rows = self.len();
        &self.values.as_slice()[column * rows + from..(column + 1) * rows]
    }

    /// One point.
    pub(super) fn row(&self, row: usize) -> Vec<f64> {
        self.values.row(row).iter().copied().collect()
    }

    /// The squared distances of a point from those of a row on, columns weighted (by the inverse squares of their lengthscales).
    pub(super) fn squared_distances(
        &self,
        weights: &[f64],
        point: &[f64],
        from: usize,
        distances: &mut [f64],
    ) {
        distances.fill(0.0);
        for (column, metric) in self.metrics.iter().enumerate() {
            metric.add_squared(weights[column], point[column], self.column(column, from), distances);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![3 => 0.0..1.0f64, 1 => Just(INACTIVE)]
    }

    #[test]
    fn an_inactive_number_is_as_far_from_all_values_as_two_categories_are() {
        for value in [0.0, 0.3, 1.0] {
            assert_eq!(Metric::Arc.squared(value, INACTIVE), 1.0);
            assert_eq!(Metric::Arc.squared(INACTIVE, value), 1.0);
        }
        assert_eq!(Metric::Arc.squared(INACTIVE, INACTIVE), 0.0);
        assert_eq!(Metric::Hamming.squared(2.0, INACTIVE), 1.0);
    }

    proptest! {
        // A covariance that had a negative eigenvalue would be none.
        #[test]
        fn covariances_are_positive_semidefinite(
            rows in prop::collection::vec((value(), 0.0..1.0f64, 0..3u8), 2..25),
            weights in prop::collection::vec(0.01..100.0f64, 3),
        ) {
            let metrics = vec![Metric::Arc, Metric::Line, Metric::Hamming];
            let rows: Vec<Vec<f64>> = rows.into_iter().map(|(a, b, c)| vec![a, b, f64::from(c)]).collect();
            let points = Points::new(metrics, rows.iter());
            let covariance = DMatrix::from_fn(rows.len(), rows.len(), |i, j| {
                let mut distances = vec![0.0; rows.len()];
                points.squared_distances(&weights, &rows[i], 0, &mut distances);
                matern52(distances[j])
            });
            let smallest = covariance.symmetric_eigenvalues().min();
            prop_assert!(smallest > -1e-10, "eigenvalue {smallest}");
        }

        #[test]
        fn slopes_are_derivatives(a in 0.05..0.95f64, b in value(), squared in 0.01..30.0f64) {
            let step = 1e-6;
            for metric in [Metric::Line, Metric::Arc] {
                let quotient = (metric.squared(a + step, b) - metric.squared(a - step, b)) / (2.0 * step);
                prop_assert!((metric.slope(a, b) - quotient).abs() < 1e-7);
            }
            let quotient = (matern52(squared + step) - matern52(squared - step)) / (2.0 * step);
            let (value, slope) = matern52_with_slope(squared);
            prop_assert_eq!(value, matern52(squared));
            prop_assert!((slope - quotient).abs() < 1e-7);
        }
    }
}
