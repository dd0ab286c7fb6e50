//! Blocks of remote files that are in memory.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::DataError;

/// Bytes of a block: long enough that the way there and back is a small part of its time, even on a fast network.
pub(super) const BLOCK: u64 = 4 << 20;
/// Bytes of blocks that are kept, under way ones included: those of the samples that a loader shuffles with each other, those of
/// the next ones, and as much again.
const KEPT: u64 = 512 << 20;

/// A block: the number of its file, and its own number in that.
pub(super) type Key = (u32, u64);
/// The bytes of a block, or why there are none.
pub(super) type Fetched = Result<Arc<Vec<u8>>, DataError>;

/// The blocks that were used last, and those under way.
pub(super) struct Blocks {
    state: Mutex<State>,
    /// Told when a block has arrived.
    arrived: Condvar,
    most: u64,
}

#[derive(Default)]
struct State {
    blocks: HashMap<Key, Block>,
    /// The lengths of all blocks.
    bytes: u64,
    /// Counts uses.
    clock: u64,
}

struct Block {
    fetched: Arc<OnceLock<Fetched>>,
    len: u64,
    /// Whether it was fetched because the one before was: then so is the next.
    in_order: bool,
    used: u64,
}

/// A block that was asked for.
#[derive(Clone)]
pub(super) struct Asked {
    fetched: Arc<OnceLock<Fetched>>,
    pub(super) in_order: bool,
    /// Whether nobody asked before: whoever asked now must fetch it and [hand it in](Blocks::hand_in).
    pub(super) is_new: bool,
}

impl Default for Blocks {
    fn default() -> Self {
        Self::keeping(KEPT)
    }
}

impl Blocks {
    fn keeping(most: u64) -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), most }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block that is there or under way.
    pub(super) fn find(&self, key: Key) -> Option<Asked> {
        self.lock().touch(key)
    }

    /// A block; if it is not there, it counts as under way from now on.
    pub(super) fn ask(&self, key: Key, len: u64, in_order: bool) -> Asked {
        let mut state = self.lock();
        if let Some(found) = state.touch(key) {
            return found;
        }
        state.make_room(self.most.saturating_sub(len));
        state.add(key, len, in_order)
    }

    /// The same for a block that will be needed later: only if there is room for it.
    pub(super) fn ask_ahead(&self, key: Key, len: u64, in_order: bool) -> Option<Asked> {
        let mut state = self.lock();
        if let Some(found) = state.touch(key) {
            return Some(found);
        }
        let has_room = state.make_room(self.most.saturating_sub(len));
        has_room.then(|| state.add(key, len, in_order))
    }

    /// Takes up a block that was under way. What could not be fetched is not kept: the next who asks tries again.
    pub(super) fn hand_in(&self, key: Key, asked: &Asked, fetched: Fetched) {
        let mut state = self.lock();
        if fetched.is_err() {
            state.remove(key);
        }
        let _ = asked.fetched.set(fetched);
        drop(state);
        self.arrived.notify_all();
    }

    /// Waits for a block.
    pub(super) fn wait(&self, asked: &Asked) -> Fetched {
        let mut state = self.lock();
        loop {
            if let Some(fetched) = asked.fetched.get() {
                return fetched.clone();
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl State {
    fn touch(&mut self, key: Key) -> Option<Asked> {
        self.clock += 1;
        let block = self.blocks.get_mut(&key)?;
        block.used = self.clock;
        Some(Asked { fetched: Arc::clone(&block.fetched), in_order: block.in_order, is_new: false })
    }

    fn add(&mut self, key: Key, len: u64, in_order: bool) -> Asked {
        let fetched = Arc::new(OnceLock::new());
        self.bytes += len;
        self.blocks.insert(key, Block { fetched: Arc::clone(&fetched), len, in_order, used: self.clock });
        Asked { fetched, in_order, is_new: true }
    }

    fn remove(&mut self, key: Key) {
        if let Some(block) = self.blocks.remove(&key) {
            self.bytes -= block.len;
        }
    }

    /// Lets go of blocks, those used longest ago first, until so many bytes are left; whether that went. Blocks under way stay.
    fn make_room(&mut self, most: u64) -> bool {
        while self.bytes > most {
            let there = self.blocks.iter().filter(|(_, block)| block.fetched.get().is_some());
            let Some((&oldest, _)) = there.min_by_key(|(_, block)| block.used) else { return false };
            self.remove(oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn fetch(blocks: &Blocks, key: Key, len: u64) {
        let asked = blocks.ask(key, len, false);
        assert!(asked.is_new);
        blocks.hand_in(key, &asked, Ok(Arc::new(vec![key.1 as u8; len as usize])));
    }

    #[test]
    fn the_blocks_used_last_stay_and_no_more_than_may() {
        let blocks = Blocks::keeping(40);
        (0..4).for_each(|number| fetch(&blocks, (0, number), 10));
        assert_eq!(*blocks.wait(&blocks.find((0, 0)).unwrap()).unwrap(), [0; 10]);
        fetch(&blocks, (0, 4), 10);
        assert!(blocks.find((0, 1)).is_none(), "used longest ago");
        assert!([0, 2, 3, 4].into_iter().all(|number| blocks.find((0, number)).is_some()));
        assert_eq!(blocks.lock().bytes, 40);
    }

    #[test]
    fn what_is_under_way_takes_room_and_is_not_asked_for_twice() {
        let blocks = Blocks::keeping(20);
        let first = blocks.ask_ahead((0, 0), 10, true).unwrap();
        assert!(first.is_new && !blocks.ask((0, 0), 10, false).is_new);
        let second = blocks.ask_ahead((0, 1), 10, true).unwrap();
        assert!(blocks.ask_ahead((0, 2), 10, true).is_none(), "no room for what is needed later");
        assert!(blocks.ask((0, 2), 10, true).is_new, "what is needed now is fetched all the same");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| blocks.wait(&blocks.find((0, 0)).unwrap()));
            blocks.hand_in((0, 0), &first, Ok(Arc::new(vec![7])));
            assert_eq!(*waiting.join().unwrap().unwrap(), [7]);
        });
        let failed = DataError::about(ErrorKind::Unavailable, "a", "is away");
        blocks.hand_in((0, 1), &second, Err(failed));
        assert!(blocks.wait(&second).is_err() && blocks.find((0, 1)).is_none(), "it is tried again");
    }
}
