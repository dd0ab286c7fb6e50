//! Products of matrices that are kept by rows, each row padded with zeros to a multiple of 16 values.

use crate::isa::{Isa, Kernel, Loop};
use crate::layout::padded;
use crate::simd::Simd;

/// Rows of the register tile.
const ROWS: usize = 6;

/// `out = alpha · a · b + beta · add`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Product {
    /// Columns of `a`, and rows of `b`.
    pub inner: usize,
    /// Columns of `b`, and of the result.
    pub columns: usize,
    /// Factor of the product.
    pub alpha: f32,
    /// Factor of what is added.
    pub beta: f32,
}

impl Product {
    /// Writes rows of the result: `a` and `add` have as many, `b` is whole. Without `add` nothing is added. Every value is a
    /// sum in the order of `inner`, so that it does not matter which rows are asked for together.
    ///
    /// # Panics
    /// If a slice has not the length that the sizes say.
    pub fn rows(&self, isa: Isa, a: &[f32], b: &[f32], add: Option<&[f32]>, out: &mut [f32]) {
        let (width, depth) = (padded(self.columns), padded(self.inner));
        let rows = out.len() / width.max(1);
        assert!(out.len() == rows * width && a.len() == rows * depth && b.len() == self.inner * width);
        if let Some(add) = add {
            assert_eq!(add.len(), out.len());
        }
        isa.run(Rows { product: *self, rows, a, b, add, out });
    }
}

/// Writes the transpose of a matrix of `rows` × `columns`. The padding of `out` stays as it is.
///
/// # Panics
/// If a slice is too short.
pub fn transpose(rows: usize, columns: usize, matrix: &[f32], out: &mut [f32]) {
    /// A square of this side is read and written while it is in the first-level cache.
    const SIDE: usize = 16;
    let (width, height) = (padded(columns), padded(rows));
    for top in (0..rows).step_by(SIDE) {
        for left in (0..columns).step_by(SIDE) {
            for row in top..rows.min(top + SIDE) {
                for column in left..columns.min(left + SIDE) {
                    out[column * height + row] = matrix[row * width + column];
                }
            }
        }
    }
}

/// Writes rows of `columns` values, which lie one after the other in `plain`, as rows of a matrix, each value divided in double
/// precision. The padding of `matrix` stays as it is.
///
/// # Panics
/// If the slices have not as many rows.
pub fn pad_divided(isa: Isa, columns: usize, divisor: f64, plain: &[f32], matrix: &mut [f32]) {
    assert!(matrix.len() == plain.len() / columns * padded(columns) && plain.len().is_multiple_of(columns));
    isa.compile(PadDivided { columns, divisor, plain, matrix });
}

/// Writes the rows of a matrix one after the other, without their padding.
///
/// # Panics
/// If the slices have not as many rows.
pub fn unpad(columns: usize, matrix: &[f32], plain: &mut [f32]) {
    assert!(matrix.len() == plain.len() / columns * padded(columns) && plain.len().is_multiple_of(columns));
    for (plain, row) in plain.chunks_exact_mut(columns).zip(matrix.chunks_exact(padded(columns))) {
        plain.copy_from_slice(&row[..columns]);
    }
}

struct PadDivided<'a> {
    columns: usize,
    divisor: f64,
    plain: &'a [f32],
    matrix: &'a mut [f32],
}

impl Loop for PadDivided<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let rows = self.matrix.chunks_exact_mut(padded(self.columns));
        for (row, plain) in rows.zip(self.plain.chunks_exact(self.columns)) {
            for (value, plain) in row.iter_mut().zip(plain) {
                *value = (f64::from(*plain) / self.divisor) as f32;
            }
        }
    }
}

struct Rows<'a> {
    product: Product,
    rows: usize,
    a: &'a [f32],
    b: &'a [f32],
    add: Option<&'a [f32]>,
    out: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let width = padded(self.product.columns);
        let mut column = 0;
        // Columns outside, so that those of `b` stay in the cache while the rows of `a` pass by.
        while column < width {
            let two = column + 2 * S::LANES <= width;
            let mut row = 0;
            while row < self.rows {
                let rows = (self.rows - row).min(ROWS);
                match (two, rows) {
                    (true, ROWS) => self.tile::<S, ROWS, 2>(simd, row, column),
                    (false, ROWS) => self.tile::<S, ROWS, 1>(simd, row, column),
                    (true, _) => (row..row + rows).for_each(|row| self.tile::<S, 1, 2>(simd, row, column)),
                    (false, _) => (row..row + rows).for_each(|row| self.tile::<S, 1, 1>(simd, row, column)),
                }
                row += rows;
            }
            column += if two { 2 * S::LANES } else { S::LANES };
        }
    }
}

impl Rows<'_> {
    /// `R` rows of `C` vectors of the result.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const C: usize>(&mut self, simd: S, row: usize, column: usize) {
        let Product { inner, columns, alpha, beta } = self.product;
        let (width, depth) = (padded(columns), padded(inner));
        debug_assert!(row + R <= self.rows && column + C * S::LANES <= width);
        let mut sums = [[simd.splat(0.0); C]; R];
        for k in 0..inner {
            let mut b = [simd.splat(0.0); C];
            for (c, b) in b.iter_mut().enumerate() {
                // SAFETY: `b` has `inner` rows of `width`, and the tile lies within the width.
                *b = unsafe { simd.load(self.b.as_ptr().add(k * width + column + c * S::LANES)) };
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: `a` has `rows` rows of `depth`, at least `inner`.
                let a = simd.splat(unsafe { *self.a.get_unchecked((row + r) * depth + k) });
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = simd.fma(a, b, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (c, sum) in sums.iter().enumerate() {
                let at = (row + r) * width + column + c * S::LANES;
                let mut value = simd.mul(simd.splat(alpha), *sum);
                if let Some(add) = self.add {
                    // SAFETY: `add` is as long as `out`, which has `rows` rows of `width`.
                    value = simd.fma(simd.splat(beta), unsafe { simd.load(add.as_ptr().add(at)) }, value);
                }
                // SAFETY: as above.
                unsafe { simd.store(self.out.as_mut_ptr().add(at), value) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A matrix of small whole numbers, in which sums have no rounding.
    fn matrix(rows: usize, columns: usize, seed: usize) -> Vec<f32> {
        let value = |at: usize| match (at / padded(columns), at % padded(columns)) {
            (_, column) if column >= columns => 0.0,
            (row, column) => ((row * 7 + column * 13 + seed) % 11) as f32 - 5.0,
        };
        (0..rows * padded(columns)).map(value).collect()
    }

    fn check(rows: usize, inner: usize, columns: usize) {
        let (a, b) = (matrix(rows, inner, 1), matrix(inner, columns, 2));
        let add = matrix(rows, columns, 3);
        let (width, depth) = (padded(columns), padded(inner));
        let sum = |row: usize, column: usize| -> f32 {
            (0..inner).map(|k| a[row * depth + k] * b[k * width + column]).sum()
        };
        for isa in Isa::available() {
            for (with, alpha, beta) in [(None, 1.0, 0.0), (Some(&add[..]), -2.0, 3.0)] {
                let product = Product { inner, columns, alpha, beta };
                let mut out = vec![9.0; rows * width];
                product.rows(isa, &a, &b, with, &mut out);
                for (at, value) in out.iter().enumerate() {
                    let added = with.map_or(0.0, |add| beta * add[at]);
                    let expected = alpha * sum(at / width, at % width) + added;
                    assert_eq!(*value, expected, "{rows} × {inner} × {columns}, {at}, {}", isa.name());
                }
                // Rows by themselves are the same.
                let mut last = vec![9.0; width];
                let of = |m: &[f32], width: usize| m[(rows - 1) * width..].to_vec();
                let with = with.map(|add| of(add, width));
                product.rows(isa, &of(&a, depth), &b, with.as_deref(), &mut last);
                assert_eq!(last, of(&out, width));
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn products_are_sums_of_products(rows in 1..30_usize, inner in 1..50_usize, columns in 1..80_usize) {
            check(rows, inner, columns);
        }
    }

    #[test]
    fn rows_are_padded_and_back() {
        for isa in Isa::available() {
            for (rows, columns) in [(1, 1), (3, 40), (16, 16), (33, 17)] {
                let plain: Vec<f32> = (0..rows * columns).map(|at| at as f32 - 7.0).collect();
                let mut matrix = vec![9.0; rows * padded(columns)];
                pad_divided(isa, columns, 3.0, &plain, &mut matrix);
                for (at, value) in matrix.iter().enumerate() {
                    let (row, column) = (at / padded(columns), at % padded(columns));
                    let divided = |plain: f32| (f64::from(plain) / 3.0) as f32;
                    let expected =
                        if column < columns { divided(plain[row * columns + column]) } else { 9.0 };
                    assert_eq!(*value, expected, "{rows} × {columns}, {at}, {}", isa.name());
                }
                pad_divided(isa, columns, 1.0, &plain, &mut matrix);
                let mut back = vec![0.0; plain.len()];
                unpad(columns, &matrix, &mut back);
                assert_eq!(back, plain);
            }
        }
    }

    #[test]
    fn transposing_twice_gives_the_same() {
        for (rows, columns) in [(1, 1), (3, 40), (16, 16), (33, 17)] {
            let matrix = matrix(rows, columns, 4);
            let mut turned = vec![0.0; columns * padded(rows)];
            transpose(rows, columns, &matrix, &mut turned);
            assert_eq!(turned[(columns - 1) * padded(rows)], matrix[columns - 1]);
            let mut back = vec![0.0; matrix.len()];
            transpose(columns, rows, &turned, &mut back);
            assert_eq!(back, matrix);
        }
    }
}
