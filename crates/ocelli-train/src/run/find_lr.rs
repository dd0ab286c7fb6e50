//! The learning-rate finder on a prepared run.

use super::prepare::Run;
use crate::error::TrainError;
use crate::events::{Event, Observer};
use crate::lr_find::{LrCurve, LrFindOptions};

impl Run {
    /// Sweeps over learning rates with what the recipe says of all else, from the weights that it begins with. Nothing is written to the
    /// disk.
    ///
    /// # Errors
    /// A setting is out of its range, an image cannot be loaded where the recipe is strict, or no batch could be used.
    pub fn find_lr(
        &self,
        options: &LrFindOptions,
        observer: &mut (dyn Observer + Send),
    ) -> Result<LrCurve, TrainError> {
        options.check()?;
        let mut loader = self.train_loader()?;
        let mut trainer = self.first_trainer(&loader)?;
        let found = self.pool.install(|| trainer.find_lr(&mut loader, options, observer));
        let problems = loader.take_problems();
        for problem in &problems {
            observer.event(&Event::Problem(problem));
        }
        found.map_err(|error| error.with_problems(problems, &loader))
    }
}
