//! egobox's correlation, asked for in the way that is quick.

use egobox_gp::correlation_models::{CorrelationModel, Matern52Corr};
use ndarray::{Array1, Array2, ArrayBase, Axis, Data, Ix1, Ix2};
use std::fmt;

/// egobox's Matérn 5/2 with a parameter for each number of a point, which is handed over as the weights of a single component.
///
/// Without a dimension reduction egobox has as many components as numbers, each with a weight of 1 for its own number and 0 for all others, and goes
/// through all of these. The values are the same.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Correlation(Matern52Corr);

impl fmt::Display for Correlation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The parameter of the single component, and its weights.
fn single(theta: &ArrayBase<impl Data<Elem = f64>, Ix1>) -> (Array1<f64>, Array2<f64>) {
    (Array1::ones(1), theta.to_owned().insert_axis(Axis(1)))
}

impl CorrelationModel<f64> for Correlation {
    fn rval_from_distances(
        &self,
        distances: &ArrayBase<impl Data<Elem = f64>, Ix2>,
        theta: &ArrayBase<impl Data<Elem = f64>, Ix1>,
        _identity: &ArrayBase<impl Data<Elem = f64>, Ix2>,
    ) -> Array2<f64> {
        let (one, weights) = single(theta);
        self.0.rval_from_distances(distances, &one, &weights)
    }

    fn jac(
        &self,
        x: &ArrayBase<impl Data<Elem = f64>, Ix1>,
        xtrain: &ArrayBase<impl Data<Elem = f64>, Ix2>,
        theta: &ArrayBase<impl Data<Elem = f64>, Ix1>,
        _identity: &ArrayBase<impl Data<Elem = f64>, Ix2>,
    ) -> Array2<f64> {
        let (one, weights) = single(theta);
        self.0.jac(x, xtrain, &one, &weights)
    }

    fn rval_with_jac(
        &self,
        x: &ArrayBase<impl Data<Elem = f64>, Ix1>,
        xtrain: &ArrayBase<impl Data<Elem = f64>, Ix2>,
        theta: &ArrayBase<impl Data<Elem = f64>, Ix1>,
        _identity: &ArrayBase<impl Data<Elem = f64>, Ix2>,
    ) -> (Array2<f64>, Array2<f64>) {
        let (one, weights) = single(theta);
        self.0.rval_with_jac(x, xtrain, &one, &weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_egoboxs() {
        let theta = Array1::from_vec(vec![0.4, 2.0, 7.0]);
        let points = Array2::from_shape_fn((9, 3), |(row, column)| ((row * 5 + column * 3) as f64).sin());
        let (x, identity) = (Array1::from_vec(vec![0.1, -0.2, 0.3]), Array2::eye(3));
        let (value, jacobian) = Correlation::default().rval_with_jac(&x, &points, &theta, &identity);
        let near = |a: &Array2<f64>, b: &Array2<f64>| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-14);
        assert!(near(&value, &Matern52Corr::default().rval(&x, &points, &theta, &identity)));
        assert!(near(&jacobian, &Matern52Corr::default().jac(&x, &points, &theta, &identity)));
        assert!(near(&jacobian, &Correlation::default().jac(&x, &points, &theta, &identity)));
        assert!(value.iter().all(|value| *value > 0.0 && *value < 1.0));
    }
}
