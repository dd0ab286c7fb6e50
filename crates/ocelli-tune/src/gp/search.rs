//! The most promising point: quasi-random points, then steps from the best of them.

use super::GpOptions;
use super::acquisition::Acquisition;
use super::column::{Column, Kind, masked};
use super::minimise::minimise;
use ocelli_kernels::random::{Stream, hash};

/// Grids of more values than this are searched as ranges, and the neighbours of what is found are looked at.
const FINE: usize = 32;
/// How often ranges and categories take turns.
const ROUNDS: usize = 8;
/// A gain that is worth another round.
const GAIN: f64 = 1e-6;
/// How far from the best known points others are tried, as shares of a range.
const AROUND: [f64; 3] = [0.1, 0.02, 0.004];

pub(super) struct Search<'a> {
    pub(super) acquisition: Acquisition<'a>,
    pub(super) options: &'a GpOptions,
    pub(super) seed: u64,
}

impl Search<'_> {
    /// A point, with a number in every column, that none of `taken` is the same as, unless there is no other. `known` are the best points so
    /// far, the best first; `taken` are as the kernel takes them.
    pub(super) fn best(&self, known: &[Vec<f64>], taken: &[Vec<f64>]) -> Vec<f64> {
        let mut candidates = self.candidates(known);
        candidates.extend(known.iter().cloned());
        let values = self.acquisition.values(&candidates);
        let mut found: Vec<(f64, Vec<f64>)> = self
            .starts(&values, known.len())
            .into_iter()
            .map(|place| self.climb(candidates[place].clone(), values[place]))
            .collect();
        let sort = |found: &mut Vec<(f64, Vec<f64>)>| found.sort_by(|a, b| b.0.total_cmp(&a.0));
        sort(&mut found);
        let is_new = |point: &Vec<f64>| !taken.contains(&masked(self.columns(), point));
        if let Some((_, point)) = found.iter().find(|(_, point)| is_new(point)) {
            return point.clone();
        }
        let mut all: Vec<(f64, Vec<f64>)> = values.into_iter().zip(candidates).collect();
        sort(&mut all);
        all.iter().find(|(_, point)| is_new(point)).unwrap_or(&found[0]).1.clone()
    }

    fn columns(&self) -> &[Column] {
        self.acquisition.columns
    }

    fn stream(&self, purpose: &str) -> Stream {
        Stream::new(self.seed, hash(purpose), 0, 0)
    }

    /// Points of a scrambled Sobol sequence; a part of them are drawn in towards one of the best known points.
    fn candidates(&self, known: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let scramble = self.stream("gp.sobol").next_u32();
        let mut stream = self.stream("gp.around");
        let near = if known.is_empty() { 0 } else { self.options.candidates / 4 };
        let point = |index: usize| -> Vec<f64> {
            let place = |column: usize| {
                let (set, column) = (column as u32 / 256, column as u32 % 256);
                f64::from(sobol_burley::sample(index as u32, column, scramble.wrapping_add(set)))
            };
            self.columns().iter().enumerate().map(|(at, column)| column.at(place(at))).collect()
        };
        let mut points: Vec<Vec<f64>> = (0..self.options.candidates.min(1 << 16)).map(point).collect();
        for (index, point) in points.iter_mut().take(near).enumerate() {
            let centre = &known[index % known.len()];
            self.draw_in(point, centre, AROUND[index / known.len() % AROUND.len()], &mut stream);
        }
        points
    }

    /// Moves a point to within `share` of a centre; choices are the centre's but for about one.
    fn draw_in(&self, point: &mut [f64], centre: &[f64], share: f64, stream: &mut Stream) {
        let columns = self.columns().len() as f64;
        for ((column, value), centre) in self.columns().iter().zip(point).zip(centre) {
            let keeps = f64::from(stream.uniform()) * columns >= 1.0;
            match &column.kind {
                _ if column.fixed.is_some() => {}
                Kind::Range => *value = (centre + share * (2.0 * *value - 1.0)).clamp(0.0, 1.0),
                Kind::Grid(values) if values.len() > FINE => {
                    let near = (centre + share * (2.0 * *value - 1.0)).clamp(0.0, 1.0);
                    *value = values[nearest(values, near)];
                }
                Kind::Grid(values) if keeps => *value = values[nearest(values, *centre)],
                Kind::Category(_) if keeps => *value = *centre,
                Kind::Grid(_) | Kind::Category(_) => {}
            }
        }
    }

    /// The places of the points to climb from: the best, the best known, and others by lot, each as likely as its expected improvement is large
    /// (by the trick of Gumbel's distribution: the largest of logarithms with such noise).
    fn starts(&self, values: &[f64], known: usize) -> Vec<usize> {
        let mut stream = self.stream("gp.starts");
        let mut lots: Vec<(f64, usize)> = values
            .iter()
            .enumerate()
            .map(|(place, value)| {
                let uniform = (f64::from(stream.next_u32()) + 0.5) / 4_294_967_296.0;
                (value - (-uniform.ln()).ln(), place)
            })
            .collect();
        lots.sort_by(|a, b| b.0.total_cmp(&a.0));
        let best = (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b]));
        let first_known = (known > 0).then(|| values.len() - known);
        let mut starts: Vec<usize> = best.into_iter().chain(first_known).collect();
        for (_, place) in lots {
            if starts.len() >= self.options.starts.max(1) {
                break;
            }
            if !starts.contains(&place) {
                starts.push(place);
            }
        }
        starts
    }

    /// Goes up from a point: along all ranges at once, then along each choice alone, until nothing gains.
    fn climb(&self, mut point: Vec<f64>, mut value: f64) -> (f64, Vec<f64>) {
        for _ in 0..ROUNDS {
            self.along_ranges(&mut point, &mut value);
            let before = value;
            (0..point.len()).for_each(|column| self.along_choices(column, &mut point, &mut value));
            if value - before < GAIN {
                break;
            }
        }
        self.onto_grids(&mut point, &mut value);
        (value, point)
    }

    /// The columns that are moved together, of those that the point has.
    fn ranges(&self, point: &[f64]) -> Vec<usize> {
        let has = masked(self.columns(), point);
        let moves = |place: &usize| {
            let column = &self.columns()[*place];
            let smooth = match &column.kind {
                Kind::Range => true,
                Kind::Grid(values) => values.len() > FINE,
                Kind::Category(_) => false,
            };
            smooth && column.fixed.is_none() && has[*place] >= 0.0
        };
        (0..point.len()).filter(moves).collect()
    }

    fn along_ranges(&self, point: &mut [f64], value: &mut f64) {
        let ranges = self.ranges(point);
        if ranges.is_empty() {
            return;
        }
        // In units of the lengthscales, all directions are alike to the optimiser.
        let theta = &self.acquisition.model.kernel().theta;
        let unit = |place: &usize| self.acquisition.features.number(*place).map_or(1.0, |at| theta[at]);
        let units: Vec<f64> = ranges.iter().map(unit).collect();
        let placed = |at: &[f64]| {
            let mut placed = point.to_vec();
            ranges
                .iter()
                .zip(at)
                .zip(&units)
                .for_each(|((place, x), unit)| placed[*place] = (x / unit).clamp(0.0, 1.0));
            placed
        };
        let function = |at: &[f64]| {
            let (value, slopes) = self.acquisition.value_with_slopes(&placed(at));
            let slopes = ranges.iter().zip(&units).map(|(place, unit)| -slopes[*place] / unit).collect();
            value.is_finite().then_some((-value, slopes))
        };
        let start = ranges.iter().zip(&units).map(|(place, unit)| point[*place] * unit).collect();
        let bounds: Vec<(f64, f64)> = units.iter().map(|unit| (0.0, *unit)).collect();
        if let Some((at, cost)) = minimise(function, start, &bounds).filter(|(_, cost)| -cost > *value) {
            let moved = placed(&at);
            point.copy_from_slice(&moved);
            *value = -cost;
        }
    }

    /// Takes the best of a column's values, where it has few.
    fn along_choices(&self, place: usize, point: &mut [f64], value: &mut f64) {
        let column = &self.columns()[place];
        let choices: Vec<f64> = match &column.kind {
            _ if column.fixed.is_some() => return,
            Kind::Category(count) => (0..*count).map(|choice| choice as f64).collect(),
            Kind::Grid(values) if values.len() <= FINE => values.clone(),
            Kind::Range | Kind::Grid(_) => return,
        };
        self.take_best(place, choices, point, value);
    }

    fn take_best(&self, place: usize, mut choices: Vec<f64>, point: &mut [f64], value: &mut f64) {
        choices.retain(|choice| *choice != point[place]);
        if choices.is_empty() || masked(self.columns(), point)[place] < 0.0 {
            return;
        }
        let with = |choice: &f64| {
            let mut with = point.to_vec();
            with[place] = *choice;
            with
        };
        let values = self.acquisition.values(&choices.iter().map(with).collect::<Vec<_>>());
        for (choice, other) in choices.into_iter().zip(values) {
            if other > *value {
                (*value, point[place]) = (other, choice);
            }
        }
    }

    /// Moves numbers of fine grids, which climbed as if they were ranges, onto their grids, each to the better side.
    fn onto_grids(&self, point: &mut [f64], value: &mut f64) {
        let mut off = Vec::new();
        for (place, column) in self.columns().iter().enumerate() {
            if let (Kind::Grid(values), None) = (&column.kind, column.fixed)
                && values.len() > FINE
            {
                off.push((place, values));
                point[place] = values[nearest(values, point[place])];
            }
        }
        if off.is_empty() {
            return;
        }
        *value = self.acquisition.value(point);
        for (place, values) in off {
            let at = nearest(values, point[place]);
            let around = values[at.saturating_sub(1)..(at + 2).min(values.len())].to_vec();
            self.take_best(place, around, point, value);
        }
    }
}

/// The place of the value of an ascending list that is nearest to `x`.
fn nearest(values: &[f64], x: f64) -> usize {
    let above = values.partition_point(|value| *value < x);
    match above {
        0 => 0,
        _ if above == values.len() || x - values[above - 1] <= values[above] - x => above - 1,
        _ => above,
    }
}
