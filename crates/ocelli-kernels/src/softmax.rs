//! Softmax and cross-entropy over rows of logits.

/// `y = exp(x − max x) / Σ exp(x − max x)` for one row, in f32.
///
/// # Panics
/// If the slices differ in length.
pub fn softmax(x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len());
    let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (y, x) in y.iter_mut().zip(x) {
        *y = (x - max).exp();
        sum += *y;
    }
    y.iter_mut().for_each(|y| *y /= sum);
}

/// The input's gradient `y · (dy − Σ dy · y)` of one row, from the output and its gradient.
///
/// # Panics
/// If the slices differ in length.
pub fn softmax_backward(y: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert!(y.len() == dy.len() && dy.len() == dx.len());
    let dot: f32 = y.iter().zip(dy).map(|(y, d)| y * d).sum();
    for ((dx, y), dy) in dx.iter_mut().zip(y).zip(dy) {
        *dx = y * (dy - dot);
    }
}

/// The cross-entropy `log Σ exp x − x[label]` of each row of `logits` (rows × `classes`), summed in
/// f64, and in `gradient` the logits' gradient of its mean over the rows: PyTorch's
/// `CrossEntropyLoss` with `reduction="mean"`.
///
/// # Panics
/// If the slices do not have one row for each label, or a label is not below `classes`.
pub fn cross_entropy(logits: &[f32], labels: &[u32], classes: usize, gradient: &mut [f32]) -> f64 {
    assert_eq!(logits.len(), labels.len() * classes, "one row of {classes} logits for each label");
    assert_eq!(gradient.len(), logits.len());
    let scale = 1.0 / labels.len() as f32;
    let mut total = 0.0;
    for ((row, gradient), &label) in
        logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes)).zip(labels)
    {
        let label = label as usize;
        assert!(label < classes, "label {label} of {classes} classes");
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for (g, x) in gradient.iter_mut().zip(row) {
            *g = (x - max).exp();
            sum += *g;
        }
        total += f64::from(max - row[label]) + f64::from(sum).ln();
        gradient.iter_mut().for_each(|g| *g *= scale / sum);
        gradient[label] -= scale;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_logits_do_not_overflow() {
        let mut y = [0.0; 3];
        softmax(&[1000.0, 1000.0, -1000.0], &mut y);
        assert_eq!(y, [0.5, 0.5, 0.0]);
        let mut g = [0.0; 3];
        assert_eq!(cross_entropy(&[1000.0, 0.0, 0.0], &[1], 3, &mut g), 1000.0);
        assert_eq!(g, [1.0, -1.0, 0.0]);
    }
}
