//! One schedule after the other: PyTorch's `SequentialLR`.

use super::{By, Clock, Rates, Schedule, Spec, flat};
use crate::optimizer::Checked;
use serde::{Deserialize, Serialize};

/// Each schedule runs until its milestone, as if the run began and ended with it: `torch.optim.lr_scheduler.SequentialLR`.
///
/// In a recipe:
///
/// ```toml
/// [train.schedule]
/// name = "sequence"
/// milestones = [5]
/// schedules = [{ name = "linear", start_factor = 0.1 }, { name = "exponential", gamma = 0.9 }]
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sequence {
    /// After how many epochs (or batches) of the run the next schedule begins, in ascending order: one fewer than schedules.
    pub milestones: Vec<u64>,
    /// What milestones count (default epochs).
    pub by: By,
    /// The schedules in order.
    pub schedules: Vec<Schedule>,
}

impl Default for Sequence {
    fn default() -> Self {
        Sequence { milestones: Vec::new(), by: By::Epoch, schedules: Vec::new() }
    }
}

impl Spec for Sequence {
    fn at(&self, lr: f64, clock: Clock) -> Rates {
        let milestone = |number: usize| clock.steps_of(self.by, self.milestones[number]);
        let passed = (0..self.milestones.len()).filter(|number| milestone(*number) <= clock.step).count();
        let start = if passed == 0 { 0 } else { milestone(passed - 1) };
        let end =
            if passed < self.milestones.len() { milestone(passed).min(clock.steps) } else { clock.steps };
        let own = Clock { steps: end.saturating_sub(start), ..clock.since(start) };
        // Without a schedule nothing changes; `check` refuses that in recipes.
        self.schedules.get(passed).map_or(flat(lr), |schedule| schedule.at(lr, own))
    }

    fn check(&self) -> Checked {
        let (schedules, milestones) = (self.schedules.len(), self.milestones.len());
        if schedules == 0 {
            return Err(("schedules", "is empty, but lists what runs one after the other".into()));
        }
        if milestones + 1 != schedules {
            let problem = format!("has {milestones}, but {schedules} schedules need {}", schedules - 1);
            return Err(("milestones", problem));
        }
        if !self.milestones.is_sorted_by(|one, next| one < next) || self.milestones.first() == Some(&0) {
            return Err(("milestones", format!("is {:?}, but must ascend from 1", self.milestones)));
        }
        for schedule in &self.schedules {
            if schedule.plateau().is_some() {
                let problem =
                    "has a plateau, which waits for results and not for milestones: let it be the only one";
                return Err(("schedules", problem.into()));
            }
            let within =
                |(key, problem)| ("schedules", format!("has in {}: {key} {problem}", schedule.name()));
            schedule.check().map_err(within)?;
        }
        Ok(())
    }
}
