//! What an experienced colleague would say of a network: things that are allowed and that people regret.
//!
//! Each rule is a small function over a [`Network`] and a few [`Facts`]; one file holds one rule, or rules of a kin. A rule
//! says nothing where it meets a layer that it does not know.

mod batch_norm;
mod chain;
mod field;
mod finding;
mod head;
mod linear;
mod shrunk;

pub use finding::{Finding, Severity};

use crate::network::Network;
use chain::Chains;

/// What is known of how a network will be trained, beside the network itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Images in one step; without it, nothing is said of batches.
    pub batch_size: Option<usize>,
    /// Images in the last step of an epoch, if it has fewer than the others.
    pub last_batch: Option<usize>,
}

/// A rule: what it looks at, and what it finds.
type Check = fn(&Chains<'_>, &Facts) -> Vec<Finding>;

const RULES: [Check; 9] = [
    batch_norm::dropout_before,
    batch_norm::dropout_a_layer_before,
    batch_norm::bias_before,
    batch_norm::small_batch,
    linear::nothing_between,
    shrunk::single_pixels,
    shrunk::repeated,
    field::receptive_field,
    head::heavy,
];

/// What there is to say of a network for images of its input's size, what is serious first.
///
/// ```
/// use ocelli_nn::lint::{Facts, Severity, lint};
/// use ocelli_nn::{Conv2d, Sequential, Shape};
///
/// let network = Sequential::new(Shape::map(3, 32, 32))
///     .conv2d(Conv2d::new(3, 16, 3))
///     .dropout(0.5)
///     .batch_norm2d(16)
///     .build("wrong order")?;
/// let findings = lint(&network, &Facts::default());
/// assert_eq!((findings[0].severity, findings[0].rule), (Severity::Serious, "dropout-before-batch-norm"));
/// # Ok::<(), ocelli_nn::NetworkError>(())
/// ```
pub fn lint(network: &Network, facts: &Facts) -> Vec<Finding> {
    let chains = Chains::new(network);
    let mut findings: Vec<_> = RULES.iter().flat_map(|rule| rule(&chains, facts)).collect();
    // Stable: within a severity the rules keep their order.
    findings.sort_by_key(|finding| finding.severity);
    findings
}

#[cfg(test)]
mod tests;
