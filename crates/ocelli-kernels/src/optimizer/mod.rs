//! Optimizer updates over slices of parameters, elementwise, in PyTorch's order of operations: one file for each.
//!
//! All are plain loops: with the kernel's features on, the compiler makes full vectors of them. Where value, gradient and buffers are 0,
//! as in the padding of packed parameters, the value stays 0.

mod adagrad;
mod adam;
mod clip;
mod lamb;
mod lion;
mod muon;
mod nadam;
mod radam;
mod rmsprop;
mod sgd;

pub use adagrad::{AdagradStep, adagrad};
pub use adam::{AdamStep, adam};
pub use clip::{clamp, scale, sum_of_squared_products, sum_of_squares};
pub use lamb::{LambStep, lamb, lamb_means};
pub use lion::{LionStep, lion};
pub use muon::{muon_direction, shrink_and_step};
pub use nadam::{NAdamStep, nadam};
pub use radam::{RAdamStep, radam};
pub use rmsprop::{RmsPropStep, rmsprop};
pub use sgd::{SgdStep, sgd};

/// What a step is divided by. Without an eps, what never had a gradient (padding, above all) stays: 0/0 is no number.
#[inline(always)]
fn divisor(deviation: f32) -> f32 {
    if deviation > 0.0 { deviation } else { 1.0 }
}

/// Values that are added up together: as many as there are sums side by side, which fill vectors of doubles.
const TOGETHER: usize = 16;

/// A sum of squares in double precision.
struct Squares([f64; TOGETHER]);

impl Squares {
    #[inline(always)]
    fn new() -> Self {
        Self([0.0; TOGETHER])
    }

    /// Adds the squares of at most [`TOGETHER`] values.
    #[inline(always)]
    fn add(&mut self, values: impl Iterator<Item = f64>) {
        for (sum, value) in self.0.iter_mut().zip(values) {
            *sum += value * value;
        }
    }

    #[inline(always)]
    fn total(&self) -> f64 {
        self.0.iter().sum()
    }
}

/// The factor by which decoupled decay shrinks a weight, and that of the weight in its gradient otherwise.
fn decays(lr: f64, weight_decay: f64, decoupled: bool) -> (f32, f32) {
    if decoupled { ((1.0 - lr * weight_decay) as f32, 0.0) } else { (1.0, weight_decay as f32) }
}

/// `1 - beta^number`: what an average of `number` values, begun at 0, lacks of a mean.
fn bias_correction(beta: f64, number: u64) -> f64 {
    1.0 - beta.powi(i32::try_from(number).unwrap_or(i32::MAX))
}
