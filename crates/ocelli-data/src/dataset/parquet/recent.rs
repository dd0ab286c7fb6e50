//! The row groups that were used last.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::group::{Group, Images};
use crate::DataError;

/// Bytes of images that are kept, at most; one row group is in any case, and has no more.
pub(super) const KEPT: u64 = 512 << 20;

type Slot = Arc<OnceLock<Result<Arc<Images>, DataError>>>;

/// Row groups that are in memory, the last used last.
#[derive(Default)]
pub(super) struct Recent(Mutex<VecDeque<(u32, Slot)>>);

impl Recent {
    /// The images of a group. Of several that ask at once, one reads it.
    pub(super) fn get(&self, groups: &[Group], number: u32) -> Result<Arc<Images>, DataError> {
        let slot = self.slot(groups, number);
        slot.get_or_init(|| groups[number as usize].read().map(Arc::new)).clone()
    }

    fn slot(&self, groups: &[Group], number: u32) -> Slot {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = kept.iter().position(|(group, _)| *group == number) {
            let found = kept.remove(place).expect("it was found there");
            kept.push_back(found.clone());
            return found.1;
        }
        let slot = Slot::default();
        kept.push_back((number, Arc::clone(&slot)));
        let bytes = |kept: &VecDeque<(u32, Slot)>| {
            kept.iter().map(|(group, _)| groups[*group as usize].bytes).sum::<u64>()
        };
        while kept.len() > 1 && bytes(&kept) > KEPT {
            kept.pop_front();
        }
        slot
    }
}
