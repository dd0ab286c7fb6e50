//! The learning-rate finder: Leslie Smith's range test ("Cyclical Learning Rates for Training Neural Networks", 2015), by fastai's rules.
//!
//! A sweep trains for a few steps, each with a learning rate that is the same factor higher than the one before, and notes the loss. Where
//! it begins to fall the rate is high enough to learn, where it rises too high.

mod curve;
mod sweep;

pub use curve::{Ending, LrCurve, Suggestion};

use crate::error::TrainError;
use crate::events::Observer;
use crate::schedule::{By, Lambda, Pace, Schedule};
use crate::trainer::Trainer;
use ocelli_data::Loader;
use sweep::Sweep;

/// How learning rates are swept. The defaults are fastai's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrFindOptions {
    /// The learning rate of the first step (default 1e-7).
    pub start: f64,
    /// The learning rate that the sweep goes up to: that of the step after the last (default 10).
    pub end: f64,
    /// Steps, 10 to 10,000 (default 100).
    pub steps: u64,
    /// How much of its past the smoothed loss keeps in every step, 0 up to 1 (default 0.98).
    pub beta: f64,
    /// The sweep ends when the smoothed loss is more than this many times the lowest so far, more than 1; infinity for never (default 4).
    pub stop: f64,
}

impl Default for LrFindOptions {
    fn default() -> Self {
        LrFindOptions { start: 1e-7, end: 10.0, steps: 100, beta: 0.98, stop: 4.0 }
    }
}

impl LrFindOptions {
    /// Says which setting is out of its range, if one is.
    ///
    /// # Errors
    /// One is.
    pub fn check(&self) -> Result<(), TrainError> {
        let LrFindOptions { start, end, steps, beta, stop } = *self;
        let wrong = |setting, problem| Err(TrainError::LrFind { setting, problem });
        if !(start > 0.0 && start.is_finite()) {
            return wrong("start", format!("is {start}, but must be more than 0"));
        }
        if !(end > start && end.is_finite()) {
            return wrong("end", format!("is {end}, but must be more than the start, {start}"));
        }
        if !(10..=10_000).contains(&steps) {
            return wrong("steps", format!("are {steps}, but must be 10 to 10,000"));
        }
        if !(0.0..1.0).contains(&beta) {
            return wrong("beta", format!("is {beta}, but must be at least 0 and less than 1"));
        }
        if stop.is_nan() || stop <= 1.0 {
            return wrong("stop", format!("is {stop}, but must be more than 1; inf is for never"));
        }
        Ok(())
    }

    /// The learning rate of a step, from 0, in place of what a recipe has.
    fn pace(&self) -> Pace {
        let LrFindOptions { start, end, steps, .. } = *self;
        let factor = move |step: u64| (end / start).powf(step as f64 / steps as f64);
        Pace::new(start, Schedule::Lambda(Lambda::new(By::Batch, factor)), None)
    }
}

impl Trainer {
    /// Sweeps over learning rates, on the batches of as many epochs as that takes, and tells each step as [`Event::Batch`](crate::Event::Batch). All but
    /// the learning rate is as in training: optimizer, groups, clipping, what is frozen.
    ///
    /// The trainer ends as it began, to the bit: weights, running averages, the optimizer's buffers, where it stands.
    ///
    /// # Errors
    /// A setting is out of its range, a batch could not be loaded, or none could be used.
    ///
    /// # Panics
    /// Gradients wait for the next step ([`Trainer::is_between_steps`]).
    pub fn find_lr(
        &mut self,
        loader: &mut Loader,
        options: &LrFindOptions,
        observer: &mut dyn Observer,
    ) -> Result<LrCurve, TrainError> {
        options.check()?;
        let mut sweep = Sweep::new(*options, observer);
        self.at_pace(options.pace(), |trainer| {
            while sweep.goes_on() {
                trainer.sweep_epoch(loader, &mut sweep)?;
            }
            Ok(())
        })?;
        Ok(sweep.into_curve())
    }

    /// The batches of an epoch, or as many as the sweep needs.
    fn sweep_epoch(&mut self, loader: &mut Loader, sweep: &mut Sweep<'_>) -> Result<(), TrainError> {
        let mut batches = loader.epoch(self.position().epoch);
        while sweep.goes_on() {
            let batch = self.next_batch(&mut batches)?;
            let is_over = batch.is_none();
            let done = match batch {
                Some(batch) => self.batch(&batch, sweep),
                None => self.end_steps(),
            };
            match done {
                Err(TrainError::Diverged(_)) => sweep.diverged(),
                other => other?,
            }
            if self.is_between_steps() {
                sweep.end_step();
            }
            if is_over {
                self.end_epoch()?;
                return Ok(());
            }
        }
        Ok(())
    }
}
