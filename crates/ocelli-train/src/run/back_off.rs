//! Going back to a checkpoint with a lower learning rate, where training diverged and the recipe asks for it.

use super::session::Session;
use crate::checkpoint::{Checkpoint, Line};
use crate::error::TrainError;
use crate::events::{BackedOff, Event};
use crate::recipe::OnDivergence;

/// How often a run goes back before it gives up.
const MOST: usize = 5;
/// What each time does to the learning rate.
const FACTOR: f64 = 0.5;

impl Session<'_> {
    /// Whether the recipe asks to go back where training diverges.
    pub(super) fn backs_off(&self) -> bool {
        self.run.recipe().train.on_divergence == OnDivergence::BackOff
    }

    /// What the learning rates are multiplied by, so often as the run went back.
    pub(super) fn lr_scale(&self) -> f64 {
        FACTOR.powi(self.back_offs() as i32)
    }

    fn back_offs(&self) -> usize {
        self.lines.iter().filter(|line| matches!(line, Line::BackedOff(_))).count()
    }

    /// Goes back after `error`, if that is a divergence, the recipe asks for it, and it was not too often.
    ///
    /// Only to a regular checkpoint: a run that was stopped, or a slower one, goes back to the same.
    pub(super) fn back_off(&mut self, error: TrainError) -> Result<(), TrainError> {
        let TrainError::Diverged(divergence) = error else { return Err(error) };
        let is_regular = self.saved.is_some_and(|name| name.regular);
        let found = match is_regular {
            true => Some(self.folder.last()),
            false => self.folder.newest_regular()?,
        };
        let Some(path) = found.filter(|_| self.backs_off() && self.back_offs() < MOST) else {
            return Err(TrainError::Diverged(divergence));
        };
        let checkpoint = Checkpoint::load(&path)?;
        let back_off = self.back_offs() as u64 + 1;
        let step = checkpoint.state.position.step;
        self.folder.go_back_to(&path, step)?;
        self.take_up(&checkpoint)?;
        let back = BackedOff {
            back_off,
            epoch: divergence.epoch,
            batch: divergence.batch,
            reason: divergence.to_string(),
            back_to_step: step,
            lr_scale: FACTOR.powi(back_off as i32),
        };
        self.lines.push(Line::BackedOff(back.clone()));
        self.trainer.set_lr_scale(self.lr_scale());
        // The same place, but now it knows of the lower learning rate.
        self.save(checkpoint.state.position, false)?;
        self.folder.set_metrics(&self.lines)?;
        self.observer.event(&Event::BackedOff(&back));
        Ok(())
    }
}
