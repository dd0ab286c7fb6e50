//! Passes over the graph: each is small, keeps what the network computes, and can be left out to
//! find one at fault.

mod absorb_flatten;
mod band_expansions;
mod fold_batch_norm;
mod fuse_epilogues;

use super::graph::Graph;

/// Which passes a plan applies: the first so many, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passes(usize);

impl Default for Passes {
    fn default() -> Self {
        Self::all()
    }
}

impl Passes {
    /// Every pass.
    #[must_use]
    pub fn all() -> Self {
        Self(usize::MAX)
    }

    /// None: every layer is a step of its own.
    #[must_use]
    pub fn none() -> Self {
        Self(0)
    }

    /// The first `n`.
    #[must_use]
    pub fn first(n: usize) -> Self {
        Self(n)
    }

    /// The names of all passes, in order.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        PASSES.iter().map(|(name, _)| *name).collect()
    }

    pub(super) fn apply(self, graph: &mut Graph, training: bool) {
        for (_, pass) in PASSES.iter().take(self.0) {
            pass(graph, training);
        }
    }
}

type Pass = fn(&mut Graph, bool);

const PASSES: [(&str, Pass); 4] = [
    ("absorb-flatten", absorb_flatten::run),
    ("fold-batch-norm", fold_batch_norm::run),
    ("fuse-epilogues", fuse_epilogues::run),
    ("band-expansions", band_expansions::run),
];
