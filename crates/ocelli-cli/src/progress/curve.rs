//! A curve that is drawn while it grows.

/// Points kept, at most: more than a terminal has columns.
const MOST: usize = 2048;

/// Points over the length of a run, however many there come: where there are too many, neighbours become their mean.
#[derive(Clone, Debug, Default)]
pub(super) struct Curve {
    points: Vec<(f64, f64)>,
    /// What becomes one point: how many values, and the sums so far.
    every: u32,
    open: (u32, f64, f64),
}

impl Curve {
    /// Adds a value; what is no number has no place.
    pub(super) fn push(&mut self, x: f64, y: f64) {
        if !(x.is_finite() && y.is_finite()) {
            return;
        }
        let (count, xs, ys) = &mut self.open;
        (*count, *xs, *ys) = (*count + 1, *xs + x, *ys + y);
        if *count >= self.every.max(1) {
            let share = f64::from(*count);
            self.points.push((*xs / share, *ys / share));
            self.open = (0, 0.0, 0.0);
        }
        if self.points.len() == MOST {
            let mean = |pair: &[(f64, f64)]| ((pair[0].0 + pair[1].0) / 2.0, (pair[0].1 + pair[1].1) / 2.0);
            self.points = self.points.chunks_exact(2).map(mean).collect();
            self.every = self.every.max(1) * 2;
        }
    }

    /// The points so far.
    pub(super) fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    /// The least and the largest value.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        let ys = self.points.iter().map(|point| point.1);
        ys.fold(None, |range, y| {
            range.map_or(Some((y, y)), |(low, high): (f64, f64)| Some((low.min(y), high.max(y))))
        })
    }

    /// The values, each the mean of itself and those before it with weights that fall by `keep`.
    pub(super) fn smooth(&self, keep: f64) -> Curve {
        let (mut mean, mut weight) = (0.0, 0.0);
        let points = self.points.iter().map(|&(x, y)| {
            (mean, weight) = (keep * mean + (1.0 - keep) * y, keep * weight + (1.0 - keep));
            (x, mean / weight)
        });
        Curve { points: points.collect(), ..Curve::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_bounded_and_keeps_its_shape() {
        let mut curve = Curve::default();
        let all = 100_000;
        for step in 0..all {
            let x = f64::from(step) / f64::from(all);
            curve.push(x, 2.0 * x);
        }
        assert!((MOST / 2..MOST).contains(&curve.points().len()));
        assert!(curve.points().iter().all(|(x, y)| (y - 2.0 * x).abs() < 1e-9));
        assert!(curve.points().is_sorted_by(|a, b| a.0 < b.0));
        let (low, high) = curve.range().unwrap();
        assert!(low < 0.002 && high > 1.99);
    }

    #[test]
    fn what_is_no_number_has_no_place() {
        let mut curve = Curve::default();
        [1.0, f64::NAN, f64::INFINITY, 3.0].into_iter().for_each(|y| curve.push(0.0, y));
        assert_eq!(curve.points(), [(0.0, 1.0), (0.0, 3.0)]);
        let smooth = curve.smooth(0.5);
        assert_eq!(smooth.points()[0].1, 1.0);
        assert!((smooth.points()[1].1 - 7.0 / 3.0).abs() < 1e-12);
        assert_eq!(Curve::default().range(), None);
    }
}
