//! Softmax over one row of logits, its logarithm, and their gradients.

/// `y = exp(x − max x) / Σ exp(x − max x)` for one row, in f32.
///
/// # Panics
/// If the slices differ in length.
pub fn softmax(x: &[f32], y: &mut [f32]) {
    let (_, sum) = powers(x, y);
    y.iter_mut().for_each(|y| *y /= sum);
}

/// As [`softmax`]; gives `ln Σ exp x`, of which the logarithm and what comes after it are in f64.
///
/// # Panics
/// If the slices differ in length.
pub fn softmax_with_logarithm(x: &[f32], y: &mut [f32]) -> f64 {
    let (max, sum) = powers(x, y);
    y.iter_mut().for_each(|y| *y /= sum);
    f64::from(max) + f64::from(sum).ln()
}

/// `y = exp(x − max x)` for one row; gives max x and Σ y.
///
/// # Panics
/// If the slices differ in length.
pub(crate) fn powers(x: &[f32], y: &mut [f32]) -> (f32, f32) {
    assert_eq!(x.len(), y.len());
    let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (y, x) in y.iter_mut().zip(x) {
        *y = (x - max).exp();
        sum += *y;
    }
    (max, sum)
}

/// Adds to `dx` the input's gradient `y · (dy − Σ dy · y)` of one row, from the output and its gradient.
///
/// # Panics
/// If the slices differ in length.
pub fn softmax_backward(y: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert!(y.len() == dy.len() && dy.len() == dx.len());
    let dot: f32 = y.iter().zip(dy).map(|(y, d)| y * d).sum();
    for ((dx, y), dy) in dx.iter_mut().zip(y).zip(dy) {
        *dx += y * (dy - dot);
    }
}

/// `y = x − max x − ln Σ exp(x − max x)` for one row, in f32.
///
/// # Panics
/// If the slices differ in length.
pub fn log_softmax(x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len());
    let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = x.iter().map(|x| (x - max).exp()).sum();
    let logarithm = sum.ln();
    y.iter_mut().zip(x).for_each(|(y, x)| *y = x - max - logarithm);
}

/// Adds to `dx` the input's gradient `dy − exp(y) · Σ dy` of one row, from the output of [`log_softmax`] and its gradient.
///
/// # Panics
/// If the slices differ in length.
pub fn log_softmax_backward(y: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert!(y.len() == dy.len() && dy.len() == dx.len());
    let sum: f32 = dy.iter().sum();
    for ((dx, y), dy) in dx.iter_mut().zip(y).zip(dy) {
        *dx += dy - y.exp() * sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_logits_have_a_logarithm() {
        let mut y = [0.0; 3];
        log_softmax(&[1000.0, 1000.0, -1000.0], &mut y);
        let half = -std::f32::consts::LN_2;
        assert_eq!(y, [half, half, -2000.0 + half]);
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let mut y = [0.0; 3];
        softmax(&[1000.0, 1000.0, -1000.0], &mut y);
        assert_eq!(y, [0.5, 0.5, 0.0]);
        let logarithm = softmax_with_logarithm(&[1000.0, 1000.0, -1000.0], &mut y);
        assert_eq!((y, logarithm), ([0.5, 0.5, 0.0], 1000.0 + std::f64::consts::LN_2));
    }
}
