//! Muon: PyTorch's `torch.optim.Muon`, for convolutions too.

use super::{AdamW, Checked, Moving, Spec, below_one, check_adam, not_negative};
use ocelli_kernels::matrix::{Product, pad_divided, transpose, unpad};
use ocelli_kernels::{Isa, optimizer, padded};
use ocelli_nn::plan::{Update, UpdateStep, Whole};
use ocelli_nn::{Network, ParameterSpec, Role};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Muon with PyTorch's names, defaults and arithmetic, in single precision where PyTorch goes through bfloat16: the step of a
/// weight is the mean of its gradients made nearly orthogonal, as a matrix of outputs by all that each reads, by a few
/// Newton–Schulz iterations.
///
/// Biases, normalisations and, unless `last_layer` is set, the weight of the last layer go by AdamW, as Muon's authors advise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Muon {
    /// Learning rate (default 0.001). In a recipe this is `train.lr`.
    #[serde(skip)]
    pub lr: f64,
    /// The share of each weight, times the learning rate, that is taken away in every step (default 0.1).
    pub weight_decay: f64,
    /// How slowly the mean of gradients moves, 0 up to 1 (default 0.95).
    pub momentum: f64,
    /// Whether a step goes from the gradient towards the mean, and not by the mean itself (default true).
    pub nesterov: bool,
    /// The polynomial of an iteration: factors of the first, third and fifth power (default 3.4445, -4.775 and 2.0315).
    pub ns_coefficients: [f64; 3],
    /// The least norm that a matrix is divided by (default 1e-7). A matrix of zeros stays, whatever this is.
    pub eps: f64,
    /// Iterations, 1 to 99 (default 5).
    pub ns_steps: u32,
    /// How the shape of a matrix changes the learning rate (default `original`).
    pub adjust_lr_fn: AdjustLr,
    /// Whether the weight of the last layer goes by Muon too (default false).
    pub last_layer: bool,
    /// How the other parameters step.
    pub adamw: AdamWWithin,
    /// The node of the last layer with a weight, which [`Optimizer::for_network`](super::Optimizer::for_network) finds.
    #[serde(skip)]
    pub last_node: Option<usize>,
}

/// How the shape of a matrix, outputs A by inputs B, changes Muon's learning rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdjustLr {
    /// Times √max(1, A/B): Keller Jordan's.
    #[default]
    Original,
    /// Times 0.2 · √max(A, B): steps as large as AdamW's, whose learning rate then serves.
    MatchRmsAdamw,
    /// Times √(A/B): Jeremy Bernstein's.
    SpectralUnclamped,
}

/// AdamW for the parameters that [`Muon`] leaves to it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamWWithin {
    /// Its learning rate as a multiple of Muon's (default 0.25).
    pub lr_scale: f64,
    /// How slowly the averages of the gradient and of its square move, each 0 up to 1 (default 0.9 and 0.999).
    pub betas: [f64; 2],
    /// Keeps the division from a division by nothing (default 1e-8).
    pub eps: f64,
    /// The share of each weight, times the learning rate, that is taken away in every step (default 0.01).
    pub weight_decay: f64,
}

impl Default for AdamWWithin {
    fn default() -> Self {
        AdamWWithin { lr_scale: 0.25, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 1e-2 }
    }
}

impl Default for Muon {
    fn default() -> Self {
        Muon {
            lr: 1e-3,
            weight_decay: 0.1,
            momentum: 0.95,
            nesterov: true,
            ns_coefficients: [3.4445, -4.775, 2.0315],
            eps: 1e-7,
            ns_steps: 5,
            adjust_lr_fn: AdjustLr::Original,
            last_layer: false,
            adamw: AdamWWithin::default(),
            last_node: None,
        }
    }
}

impl Muon {
    /// Whether a parameter goes by Muon, not by AdamW.
    fn takes(&self, of: &ParameterSpec) -> bool {
        let last = !self.last_layer && self.last_node == Some(of.node);
        of.role == Role::Weight && of.shape.len() >= 2 && !last
    }

    fn adamw(&self) -> AdamW {
        let AdamWWithin { lr_scale, betas, eps, weight_decay } = self.adamw;
        AdamW { lr: self.lr * lr_scale, betas, eps, weight_decay, amsgrad: false }
    }

    /// How far a step goes along an orthogonal matrix of a shape.
    fn length(&self, (rows, columns): (usize, usize)) -> f64 {
        let (a, b) = (rows as f64, columns as f64);
        self.lr
            * match self.adjust_lr_fn {
                AdjustLr::Original => (a / b).max(1.0).sqrt(),
                AdjustLr::MatchRmsAdamw => 0.2 * a.max(b).sqrt(),
                AdjustLr::SpectralUnclamped => (a / b).sqrt(),
            }
    }
}

/// A parameter's shape as a matrix: its first dimension by all others.
fn shape(of: &ParameterSpec) -> (usize, usize) {
    (of.shape[0], of.shape[1..].iter().product())
}

impl Spec for Muon {
    fn usual_lr(&self) -> f64 {
        match self.adjust_lr_fn {
            AdjustLr::MatchRmsAdamw => 5e-3,
            AdjustLr::Original | AdjustLr::SpectralUnclamped => 2e-2,
        }
    }

    fn moving(&mut self) -> Moving<'_> {
        Moving { lr: &mut self.lr, momentum: Some(&mut self.momentum), weight_decay: &mut self.weight_decay }
    }

    fn set_weight_decay(&mut self, weight_decay: f64) {
        self.weight_decay = weight_decay;
        self.adamw.weight_decay = weight_decay;
    }

    fn look_at(&mut self, network: &Network) {
        let weights = network.parameters().into_iter().filter(|spec| spec.role == Role::Weight);
        self.last_node = weights.map(|spec| spec.node).max();
    }

    fn check(&self) -> Checked {
        below_one("momentum", self.momentum)?;
        not_negative("weight_decay", self.weight_decay)?;
        not_negative("eps", self.eps)?;
        if !(1..100).contains(&self.ns_steps) {
            return Err(("ns_steps", format!("is {}, but must be 1 to 99", self.ns_steps)));
        }
        if !self.ns_coefficients.iter().all(|coefficient| coefficient.is_finite()) {
            return Err(("ns_coefficients", "are no numbers".into()));
        }
        let AdamWWithin { lr_scale, betas, eps, weight_decay } = self.adamw;
        let within = not_negative("lr_scale", lr_scale).and(check_adam(betas, eps, weight_decay));
        within.map_err(|(key, problem)| ("adamw", format!("has a setting out of its range: {key} {problem}")))
    }
}

impl Update for Muon {
    /// Of parameters that go by Muon, the mean and the direction of the step; of the others, AdamW's.
    fn slots(&self) -> usize {
        2
    }

    fn whole(&self, of: &ParameterSpec) -> Whole {
        if !self.takes(of) {
            return Whole::Nothing;
        }
        let (rows, columns) = shape(of);
        Whole::Matrix { slot: 1, work: Room::of(rows.min(columns), rows.max(columns)).len() }
    }

    fn prepare(
        &self,
        _: UpdateStep,
        _: &ParameterSpec,
        isa: Isa,
        _: &[f32],
        grad: &[f32],
        state: &mut [&mut [f32]],
    ) -> [f64; 2] {
        let [mean, direction] = state else { panic!("Muon keeps two buffers for each parameter") };
        optimizer::muon_direction(isa, (self.momentum, self.nesterov), grad, mean, direction);
        [0.0; 2]
    }

    fn rework(&self, of: &ParameterSpec, isa: Isa, matrix: &mut [f32], work: &mut [f32]) {
        NewtonSchulz { coefficients: self.ns_coefficients, eps: self.eps, steps: self.ns_steps, isa }
            .orthogonalise(shape(of), matrix, work);
    }

    fn update(
        &self,
        step: UpdateStep,
        of: &ParameterSpec,
        isa: Isa,
        value: &mut [f32],
        grad: &[f32],
        state: &mut [&mut [f32]],
    ) {
        if !self.takes(of) {
            return self.adamw().update(step, of, isa, value, grad, state);
        }
        let [_, direction] = state else { panic!("Muon keeps two buffers for each parameter") };
        let shrink = 1.0 - self.lr * self.weight_decay;
        optimizer::shrink_and_step(isa, shrink, self.length(shape(of)), value, direction);
    }
}

/// Room for the matrices of an iteration, rows padded: `x` and the next one, its transpose, and two squares.
struct Room {
    wide: usize,
    tall: usize,
    square: usize,
}

impl Room {
    /// For a matrix of `short` rows and `long` columns.
    fn of(short: usize, long: usize) -> Self {
        Room { wide: short * padded(long), tall: long * padded(short), square: short * padded(short) }
    }

    fn len(&self) -> usize {
        2 * self.wide + self.tall + 2 * self.square
    }
}

/// The iteration that brings all singular values of a matrix near to 1.
struct NewtonSchulz {
    coefficients: [f64; 3],
    eps: f64,
    steps: u32,
    isa: Isa,
}

impl NewtonSchulz {
    /// Makes a matrix, kept by rows, nearly orthogonal.
    fn orthogonalise(&self, (rows, columns): (usize, usize), matrix: &mut [f32], work: &mut [f32]) {
        let (short, long) = (rows.min(columns), rows.max(columns));
        let room = Room::of(short, long);
        let (mut x, rest) = work.split_at_mut(room.wide);
        let (mut next, rest) = rest.split_at_mut(room.wide);
        let (turned, rest) = rest.split_at_mut(room.tall);
        let (gram, polynomial) = rest.split_at_mut(room.square);
        let norm = optimizer::sum_of_squares(self.isa, matrix).sqrt().max(self.eps);
        // Where nothing had a gradient, and without an eps: 0/0 is no number.
        let norm = if norm == 0.0 { 1.0 } else { norm };
        x.fill(0.0);
        turned.fill(0.0);
        // Where there are more rows than columns, the transpose is worked on.
        let tall = rows > columns;
        pad_divided(self.isa, columns, norm, matrix, if tall { &mut *turned } else { &mut *x });
        if tall {
            transpose(rows, columns, turned, x);
        }
        let [a, b, c] = self.coefficients.map(|coefficient| coefficient as f32);
        for _ in 0..self.steps {
            transpose(short, long, x, turned);
            let of_rows = Product { inner: long, columns: short, alpha: 1.0, beta: 0.0 };
            self.product(of_rows, x, turned, None, gram);
            let of_square = Product { inner: short, columns: short, alpha: c, beta: b };
            self.product(of_square, gram, gram, Some(gram), polynomial);
            let of_all = Product { inner: short, columns: long, alpha: 1.0, beta: a };
            self.product(of_all, polynomial, x, Some(x), next);
            std::mem::swap(&mut x, &mut next);
        }
        if tall {
            transpose(short, long, x, turned);
        }
        unpad(columns, if tall { turned } else { x }, matrix);
    }

    /// A product, on all threads of the pool, some rows each.
    fn product(&self, product: Product, a: &[f32], b: &[f32], add: Option<&[f32]>, out: &mut [f32]) {
        /// Rows of a task.
        const ROWS: usize = 24;
        let (width, depth) = (padded(product.columns), padded(product.inner));
        out.par_chunks_mut(ROWS * width).enumerate().for_each(|(task, out)| {
            let rows = task * ROWS..task * ROWS + out.len() / width;
            let a = &a[rows.start * depth..rows.end * depth];
            let add = add.map(|add| &add[rows.start * width..rows.end * width]);
            product.rows(self.isa, a, b, add, out);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The product of the matrix and its transpose, or of the transpose and it: nearly the unit matrix for an orthogonal one.
    fn gram(matrix: &[f32], (rows, columns): (usize, usize)) -> Vec<f32> {
        let short = rows.min(columns);
        let at = |i: usize, k: usize| {
            if rows > columns { matrix[k * columns + i] } else { matrix[i * columns + k] }
        };
        let dot = |i: usize, j: usize| (0..rows.max(columns)).map(|k| at(i, k) * at(j, k)).sum();
        (0..short * short).map(|place| dot(place / short, place % short)).collect()
    }

    #[test]
    fn the_iteration_makes_matrices_orthogonal() {
        // With these coefficients the singular values go to 1 and stay there.
        let coefficients = [1.875, -1.25, 0.375];
        for isa in Isa::available() {
            for (rows, columns) in [(1, 1), (3, 5), (17, 40), (40, 17), (33, 33)] {
                let value = |at: usize| ((at * 2_654_435_761) % 1000) as f32 / 500.0 - 1.0;
                let mut matrix: Vec<f32> = (0..rows * columns).map(value).collect();
                matrix.iter_mut().step_by(columns + 1).for_each(|diagonal| *diagonal += 4.0);
                let mut work = vec![3.0; Room::of(rows.min(columns), rows.max(columns)).len()];
                NewtonSchulz { coefficients, eps: 1e-7, steps: 30, isa }.orthogonalise(
                    (rows, columns),
                    &mut matrix,
                    &mut work,
                );
                let short = rows.min(columns);
                for (place, found) in gram(&matrix, (rows, columns)).into_iter().enumerate() {
                    let expected = if place % (short + 1) == 0 { 1.0 } else { 0.0 };
                    assert!((found - expected).abs() < 1e-4, "{rows} × {columns}, {place}: {found}");
                }
            }
        }
    }

    #[test]
    fn what_has_no_gradient_stays() {
        let mut matrix = vec![0.0; 12];
        let mut work = vec![0.0; Room::of(3, 4).len()];
        let isa = Isa::detect().unwrap();
        NewtonSchulz { coefficients: [3.4, -4.7, 2.0], eps: 1e-7, steps: 5, isa }.orthogonalise(
            (3, 4),
            &mut matrix,
            &mut work,
        );
        assert_eq!(matrix, [0.0; 12]);
    }

    #[test]
    fn without_an_eps_what_has_no_gradient_only_decays() {
        let muon = Muon { eps: 0.0, lr: 0.5, weight_decay: 0.5, ..Muon::default() };
        muon.check().unwrap();
        let of = ParameterSpec { name: "weight".into(), shape: vec![3, 4], node: 0, role: Role::Weight };
        let Whole::Matrix { work, .. } = muon.whole(&of) else {
            panic!("a weight of two dimensions is a matrix")
        };
        for isa in Isa::available() {
            let (mut value, mut mean, mut direction) = (vec![1.0; 12], vec![0.0; 12], vec![0.0; 12]);
            let step = UpdateStep { first: true, number: 1, carried: 1.0, sums: [0.0; 2] };
            muon.prepare(step, &of, isa, &value, &[0.0; 12], &mut [&mut mean, &mut direction]);
            muon.rework(&of, isa, &mut direction, &mut vec![0.0; work]);
            muon.update(step, &of, isa, &mut value, &[0.0; 12], &mut [&mut mean, &mut direction]);
            assert_eq!(value, [0.75; 12], "{}", isa.name());
        }
    }

    #[test]
    fn only_weights_before_the_last_layer_go_by_muon() {
        let network = ocelli_nn::zoo::build("lesson-bn", ocelli_nn::Shape::map(3, 32, 32), 10).unwrap();
        let taken = |muon: Muon| {
            let mut muon = muon;
            muon.look_at(&network);
            let specs = network.parameters();
            specs.into_iter().filter(|spec| muon.takes(spec)).map(|spec| spec.shape.len()).collect::<Vec<_>>()
        };
        assert_eq!(taken(Muon::default()), [4, 4, 4, 2]);
        assert_eq!(taken(Muon { last_layer: true, ..Muon::default() }), [4, 4, 4, 2, 2]);
    }
}
