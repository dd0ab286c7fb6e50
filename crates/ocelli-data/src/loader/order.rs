//! The order of samples.

use ocelli_kernels::random::{Stream, hash};

use crate::dataset::shuffle;

/// The order of `len` samples: that of the dataset, or the one that (seed, epoch) names.
pub(super) fn order(len: usize, shuffled: Option<(u64, u64)>) -> Vec<u32> {
    let len = u32::try_from(len).expect("a dataset has fewer than 2³² samples");
    let mut order: Vec<u32> = (0..len).collect();
    if let Some((seed, epoch)) = shuffled {
        shuffle(&mut order, &mut Stream::new(seed, hash("ocelli.order"), epoch, 0));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_and_epoch_name_the_order() {
        let one = order(1000, Some((1, 0)));
        assert_eq!(one, order(1000, Some((1, 0))));
        assert_ne!(one, order(1000, Some((1, 1))));
        assert_ne!(one, order(1000, Some((2, 0))));
        let mut sorted = one;
        sorted.sort_unstable();
        assert_eq!(sorted, order(1000, None));
    }
}
