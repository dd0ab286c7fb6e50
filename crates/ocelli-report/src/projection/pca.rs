//! Principal components: the directions in which vectors differ most.

use nalgebra::{DMatrix, SymmetricEigen};
use rayon::prelude::*;

use crate::{ReportError, pool};

/// Directions that are multiplied by the data at once.
const BLOCK: usize = 4;
/// Rows whose sums are added up apart, so that sums do not depend on the number of threads.
const ROWS: usize = 1024;
/// How far a component may be from being one, over the largest variance.
const TOLERANCE: f64 = 1e-12;
/// How much the space that is searched grows between looks at what is in it.
const GROWTH: f64 = 1.25;

/// The principal components of vectors (Pearson, 1901), as scikit-learn's `PCA` has them, in double precision. The coefficient of a
/// component that is largest in size is positive.
///
/// They are exact up to rounding: a space that the covariance has been applied to again and again (Krylov's) grows until the components
/// that it holds are eigenvectors to one part in 10¹². The covariance itself is never made, so that long vectors take little memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    /// The mean vector.
    pub mean: Vec<f64>,
    /// The components, the largest variance first, each of length 1; fewer than asked for where vectors do not differ in as many.
    pub components: Vec<Vec<f64>>,
    /// The variance along each.
    pub variances: Vec<f64>,
    /// The variance in all directions.
    pub total_variance: f64,
}

impl Pca {
    /// The first `count` components of `values`, rows of `columns` numbers, on so many threads (0: as many as the machine has). The result
    /// does not depend on how many there are.
    ///
    /// # Errors
    /// Threads cannot be started.
    ///
    /// # Panics
    /// If `values` are not whole rows, or there are fewer than two.
    pub fn new(values: &[f32], columns: usize, count: usize, threads: usize) -> Result<Self, ReportError> {
        assert!(columns > 0 && values.len().is_multiple_of(columns), "rows of {columns}");
        let rows = values.len() / columns;
        assert!(rows > 1, "one vector does not differ");
        let data = Data { values, columns, mean: mean(values, columns) };
        let total_variance = data.total_variance();
        let (variances, components) =
            pool(threads)?.install(|| data.components(count.min(columns).min(rows - 1)));
        Ok(Self { mean: data.mean, components, variances, total_variance })
    }

    /// Vectors along the components: rows of as many numbers as there are components.
    #[must_use]
    pub fn project(&self, values: &[f32]) -> Vec<f64> {
        let along = |row: &[f32], component: &[f64]| -> f64 {
            let centred = row.iter().zip(&self.mean).map(|(value, mean)| f64::from(*value) - mean);
            centred.zip(component).map(|(value, part)| value * part).sum()
        };
        let row = |row| self.components.iter().map(move |component| along(row, component));
        values.chunks_exact(self.mean.len()).flat_map(row).collect()
    }
}

fn mean(values: &[f32], columns: usize) -> Vec<f64> {
    let mut mean = vec![0.0; columns];
    for row in values.chunks_exact(columns) {
        mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    let rows = (values.len() / columns) as f64;
    mean.iter_mut().for_each(|sum| *sum /= rows);
    mean
}

/// Rows, and their mean.
struct Data<'a> {
    values: &'a [f32],
    columns: usize,
    mean: Vec<f64>,
}

impl Data<'_> {
    fn rows(&self) -> f64 {
        (self.values.len() / self.columns) as f64
    }

    fn total_variance(&self) -> f64 {
        let squares = |row: &[f32]| -> f64 {
            row.iter().zip(&self.mean).map(|(value, mean)| (f64::from(*value) - mean).powi(2)).sum()
        };
        self.values.chunks_exact(self.columns).map(squares).sum::<f64>() / (self.rows() - 1.0)
    }

    /// The eigenvectors of the covariance of the largest eigenvalues, with these.
    fn components(&self, count: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
        let (mut space, mut images): (Vec<Vec<f64>>, Vec<Vec<f64>>) = Default::default();
        let mut next = self.beginning();
        let mut look_at = 2 * count;
        loop {
            let fresh = orthonormal(next, &space);
            let exhausted = fresh.is_empty() || space.len() + fresh.len() >= self.columns;
            next = self.covariance_times(&fresh);
            space.extend(fresh);
            images.extend(next.iter().cloned());
            if space.len() < look_at && !exhausted {
                continue;
            }
            look_at = (space.len() as f64 * GROWTH) as usize;
            let (values, vectors) = within(&space, &images);
            let count = count.min(values.len());
            let combined = |of: &[Vec<f64>], place: usize| combined(of, &vectors[place]);
            let is_one = |place: usize| {
                let (image, direction) = (combined(&images, place), combined(&space, place));
                let squares = image.iter().zip(&direction).map(|(i, d)| (i - values[place] * d).powi(2));
                squares.sum::<f64>().sqrt() <= TOLERANCE * values[0]
            };
            if exhausted || (0..count).all(is_one) {
                let kept = |place: &usize| values[*place] > TOLERANCE * values[0];
                let places: Vec<usize> = (0..count).filter(kept).collect();
                let components = places.iter().map(|place| positive(combined(&space, *place))).collect();
                return (places.iter().map(|place| values[*place]).collect(), components);
            }
        }
    }

    /// Directions that no component is at right angles to but by chance.
    fn beginning(&self) -> Vec<Vec<f64>> {
        let value = |k: usize, i: usize| (((k + 1) * (i + 1)) as f64 * 0.754_877_666 + k as f64).sin();
        (0..BLOCK).map(|k| (0..self.columns).map(|i| value(k, i)).collect()).collect()
    }

    /// The covariance times each of at most [`BLOCK`] directions, in one pass over the rows.
    fn covariance_times(&self, directions: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let part =
            |i: usize| std::array::from_fn(|k| directions.get(k).map_or(0.0, |direction| direction[i]));
        let by_column: Vec<[f64; BLOCK]> = (0..self.columns).map(part).collect();
        let parts: Vec<Vec<[f64; BLOCK]>> =
            self.values.par_chunks(ROWS * self.columns).map(|rows| self.of_rows(rows, &by_column)).collect();
        let mut sums = vec![[0.0; BLOCK]; self.columns];
        for part in &parts {
            sums.iter_mut().zip(part).for_each(|(sum, part)| add(sum, part, 1.0));
        }
        let scale = 1.0 / (self.rows() - 1.0);
        (0..directions.len()).map(|k| sums.iter().map(|sum| sum[k] * scale).collect()).collect()
    }

    fn of_rows(&self, rows: &[f32], directions: &[[f64; BLOCK]]) -> Vec<[f64; BLOCK]> {
        let mut sums = vec![[0.0; BLOCK]; self.columns];
        let mut centred = vec![0.0; self.columns];
        for row in rows.chunks_exact(self.columns) {
            let differences = row.iter().zip(&self.mean).map(|(value, mean)| f64::from(*value) - mean);
            centred.iter_mut().zip(differences).for_each(|(to, value)| *to = value);
            let mut along = [0.0; BLOCK];
            centred.iter().zip(directions).for_each(|(value, part)| add(&mut along, part, *value));
            sums.iter_mut().zip(&centred).for_each(|(sum, value)| add(sum, &along, *value));
        }
        sums
    }
}

fn add(sum: &mut [f64; BLOCK], part: &[f64; BLOCK], factor: f64) {
    sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part * factor);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// What is new in vectors: of length 1 and at right angles to `space` and to each other. Where nothing is new but rounding, there is
/// nothing.
fn orthonormal(vectors: Vec<Vec<f64>>, space: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut fresh: Vec<Vec<f64>> = Vec::new();
    for mut vector in vectors {
        let before = dot(&vector, &vector).sqrt();
        // Twice: what rounding left the first time.
        for _ in 0..2 {
            for known in space.iter().chain(&fresh) {
                let along = dot(&vector, known);
                vector.iter_mut().zip(known).for_each(|(value, part)| *value -= along * part);
            }
        }
        let length = dot(&vector, &vector).sqrt();
        if length > 1e-13 * before && length > f64::MIN_POSITIVE {
            vector.iter_mut().for_each(|value| *value /= length);
            fresh.push(vector);
        }
    }
    fresh
}

/// The eigenvalues of the covariance as it is within a space, the largest first, and the share that each vector of the space has in their
/// eigenvectors.
fn within(space: &[Vec<f64>], images: &[Vec<f64>]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let side = space.len();
    let entry = |i: usize, j: usize| dot(&space[i.max(j)], &images[i.min(j)]);
    let SymmetricEigen { eigenvalues, eigenvectors } =
        SymmetricEigen::new(DMatrix::from_fn(side, side, entry));
    let mut order: Vec<usize> = (0..side).collect();
    order.sort_by(|a, b| eigenvalues[*b].total_cmp(&eigenvalues[*a]));
    let shares = |place: &usize| eigenvectors.column(*place).iter().copied().collect();
    (order.iter().map(|place| eigenvalues[*place]).collect(), order.iter().map(shares).collect())
}

fn combined(vectors: &[Vec<f64>], shares: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; vectors.first().map_or(0, Vec::len)];
    for (vector, share) in vectors.iter().zip(shares) {
        sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += share * value);
    }
    sum
}

/// The direction whose largest coefficient is positive.
fn positive(mut direction: Vec<f64>) -> Vec<f64> {
    let largest = direction
        .iter()
        .copied()
        .fold(0.0, |largest: f64, value| if value.abs() > largest.abs() { value } else { largest });
    if largest < 0.0 {
        direction.iter_mut().for_each(|value| *value = -*value);
    }
    direction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_of_different_spread_are_found_in_order() {
        // A long, a broad and a flat direction, turned by 45° in the first two columns.
        let spreads = [8.0, 2.0, 0.5];
        let rows: Vec<f32> = (0..64)
            .flat_map(|row: i32| {
                let side = |bit: i32| if row >> bit & 1 == 1 { 1.0_f32 } else { -1.0 };
                let [a, b, c] = [side(0) * spreads[0], side(1) * spreads[1], side(2) * spreads[2]];
                let half = std::f32::consts::FRAC_1_SQRT_2;
                [half * (a - b) + 5.0, half * (a + b), c, 3.0]
            })
            .collect();
        let found = Pca::new(&rows, 4, 3, 1).unwrap();
        for (variance, spread) in found.variances.iter().zip(spreads) {
            let expected = f64::from(spread * spread) * 64.0 / 63.0;
            assert!((variance - expected).abs() < 1e-5 * expected, "{variance} {expected}");
        }
        assert!((found.variances.iter().sum::<f64>() - found.total_variance).abs() < 1e-9);
        let first = &found.components[0];
        assert!((first[0] - first[1]).abs() < 1e-6 && first[0] > 0.7 && first[3].abs() < 1e-12, "{first:?}");
        let points = found.project(&rows);
        assert!((points.chunks(3).map(|point| point[0]).sum::<f64>()).abs() < 1e-9);
        assert!((points[0].abs() - 8.0).abs() < 1e-5);
    }

    #[test]
    fn vectors_that_do_not_differ_have_no_component() {
        let found = Pca::new(&[1.0, 2.0, 1.0, 2.0], 2, 2, 1).unwrap();
        assert!(found.components.is_empty() && found.total_variance == 0.0);
        let line = Pca::new(&[0.0, 0.0, 1.0, 1.0, 2.0, 2.0], 2, 2, 1).unwrap();
        assert_eq!((line.components.len(), line.project(&[2.0, 2.0]).len()), (1, 1));
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let rows: Vec<f32> =
            (0..3000 * 7_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 20) as f32).collect();
        let with = |threads| Pca::new(&rows, 7, 2, threads).unwrap();
        assert_eq!(with(1), with(3));
    }
}
