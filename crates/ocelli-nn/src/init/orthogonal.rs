//! Orthogonal matrices from random ones.

/// Partial sums of [`dot`], so that it runs in vectors.
const LANES: usize = 8;

/// How many vectors are taken out of those after them at once.
const PANEL: usize = 16;

/// The orthogonal factor of a matrix (rows one after another) or, if it is wider than tall, of its transpose, given back
/// transposed: `torch.linalg.qr` with each column's sign such that R's diagonal is positive. With that sign the factor is
/// unique, so Gram and Schmidt's method gives PyTorch's; in its modified form and in `f64` its rounding is far below
/// `f32`'s.
pub(super) fn orthonormal(matrix: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    if rows <= columns {
        let mut vectors = matrix.to_vec();
        gram_schmidt(&mut vectors, columns);
        return vectors;
    }
    let mut vectors = transposed(matrix, rows, columns);
    gram_schmidt(&mut vectors, rows);
    transposed(&vectors, columns, rows)
}

fn transposed(matrix: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| matrix[row * columns + column])).collect()
}

/// Makes vectors of this length, lying one after another, orthonormal: each keeps what is orthogonal to those before it.
/// Those before it come a panel at a time, so that a vector is read from memory once for each panel.
fn gram_schmidt(vectors: &mut [f64], length: usize) {
    let mut rest = vectors;
    while !rest.is_empty() {
        let (panel, after) = rest.split_at_mut(length * PANEL.min(rest.len() / length));
        for index in 0..panel.len() / length {
            let (done, vector) = panel.split_at_mut(index * length);
            let vector = &mut vector[..length];
            take_out(vector, done);
            let norm = dot(vector, vector).sqrt();
            // A vector of zeros alone stays: PyTorch gives it the sign 0.
            if norm > 0.0 {
                vector.iter_mut().for_each(|value| *value /= norm);
            }
        }
        after.chunks_exact_mut(length).for_each(|vector| take_out(vector, panel));
        rest = after;
    }
}

/// Takes what lies along each of these unit vectors out of a vector of their length.
fn take_out(vector: &mut [f64], units: &[f64]) {
    for unit in units.chunks_exact(vector.len()) {
        let along = dot(unit, vector);
        vector.iter_mut().zip(unit).for_each(|(value, unit)| *value -= along * unit);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0; LANES];
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `torch.linalg.qr` of these matrices (of the second one's transpose), with the signs of `torch.nn.init.orthogonal_`.
    #[test]
    fn is_pytorchs() {
        let tall = [1.0, 2.0, -3.0, 0.5, 2.0, -1.0];
        let wide = [1.0, -3.0, 2.0, 2.0, 0.5, -1.0];
        let of_tall = [
            0.2672612419124243,
            0.9340401906204225,
            -0.8017837257372731,
            0.07915594835766293,
            0.5345224838248487,
            -0.34828617277371693,
        ];
        for (found, expected) in orthonormal(&tall, 3, 2).iter().zip(of_tall) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        let by_columns = [0, 2, 4, 1, 3, 5].map(|place| of_tall[place]);
        for (found, expected) in orthonormal(&wide, 2, 3).iter().zip(by_columns) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn large_and_square_is_orthogonal() {
        let side = 67;
        let matrix: Vec<_> =
            (0..side * side).map(|place| ((place * place + 7 * place) as f64).sin()).collect();
        let found = orthonormal(&matrix, side, side);
        for (one, a) in found.chunks(side).enumerate() {
            for (other, b) in found.chunks(side).enumerate() {
                let expected = if one == other { 1.0 } else { 0.0 };
                assert!((dot(a, b) - expected).abs() < 1e-10, "{one} {other}: {}", dot(a, b));
            }
        }
        assert_eq!(orthonormal(&[0.0], 1, 1), [0.0]);
        assert_eq!(orthonormal(&[-0.3], 1, 1), [-1.0]);
    }
}
