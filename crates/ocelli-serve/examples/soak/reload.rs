//! The file of a model that changes: good, damaged, the other one, and so on.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::samples::Known;

/// Longest until a changed file must be what answers: a look each second, and time to load on a busy machine.
const SETTLED: Duration = Duration::from_secs(15);

/// What the file of `first` has held, and since when.
pub(crate) struct History {
    path: PathBuf,
    changes: Mutex<Vec<(Instant, usize)>>,
}

impl History {
    /// Writes the first content.
    pub(crate) fn begin(path: PathBuf, known: &Known) -> Result<Self, Box<dyn Error>> {
        known.first[0].save(&path)?;
        Ok(Self { path, changes: Mutex::new(vec![(Instant::now(), 0)]) })
    }

    /// Replaces the file: every other time by the other model, else by one that ends early, which must change nothing. Says whether it
    /// was a model.
    pub(crate) fn change(&self, turn: usize, known: &Known) -> Result<bool, Box<dyn Error>> {
        if turn % 2 == 1 {
            let whole = std::fs::read(&self.path)?;
            let temporary = self.path.with_extension("part");
            std::fs::write(&temporary, &whole[..whole.len() / 2])?;
            std::fs::rename(temporary, &self.path)?;
            return Ok(false);
        }
        let mut changes = self.changes.lock().expect("nobody panics while changing");
        let next = 1 - changes.last().map_or(0, |(_, content)| *content);
        known.first[next].save(&self.path)?;
        changes.push((Instant::now(), next));
        Ok(true)
    }

    /// What may answer a request that was begun then and answered now: what the file held a while before it, and whatever came after.
    pub(crate) fn since(&self, begun: Instant) -> Vec<usize> {
        let changes = self.changes.lock().expect("nobody panics while changing");
        let settled = changes.iter().rposition(|(at, _)| *at + SETTLED <= begun).unwrap_or(0);
        let mut may: Vec<usize> = changes[settled..].iter().map(|(_, content)| *content).collect();
        may.sort_unstable();
        may.dedup();
        may
    }
}
