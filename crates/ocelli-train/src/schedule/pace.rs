//! The learning rate of a run: a schedule, a warm-up before it, and what results have made of it.

use super::{Clock, Mode, PlateauState, Rates, Schedule, Warmup};

/// A schedule at work. It knows of results only what [`Pace::after_epoch`] tells; all else is a function of the step.
#[derive(Clone, Debug)]
pub struct Pace {
    lr: f64,
    schedule: Schedule,
    warmup: Option<Warmup>,
    plateau: Option<PlateauState>,
}

impl Pace {
    /// At the beginning of a run with a learning rate.
    pub fn new(lr: f64, schedule: Schedule, warmup: Option<Warmup>) -> Self {
        let plateau = schedule.plateau().map(|_| PlateauState::new(lr));
        Pace { lr, schedule, warmup, plateau }
    }

    /// Learning rate and momentum for the step at `clock`.
    pub fn at(&self, clock: Clock) -> Rates {
        // What results have lowered the warm-up lowers too: it comes first, so that there is nothing to lower as yet.
        let lr = self.plateau.map_or(self.lr, |state| state.lr);
        match &self.warmup {
            Some(warmup) => warmup.at(&self.schedule, lr, clock),
            None => self.schedule.at(lr, clock),
        }
    }

    /// Takes notice of an epoch's mean loss and share of right answers: the validation images', or where there are none the
    /// training images'.
    pub fn after_epoch(&mut self, loss: f64, accuracy: f64) {
        if let (Some(state), Some(plateau)) = (&mut self.plateau, self.schedule.plateau()) {
            let metric = match plateau.mode {
                Mode::Min => loss,
                Mode::Max => accuracy,
            };
            state.after_epoch(plateau, metric);
        }
    }

    /// What goes into a checkpoint: `None` for schedules that results do not move.
    pub fn state(&self) -> Option<PlateauState> {
        self.plateau
    }

    /// Goes on from a checkpoint.
    pub fn restore(&mut self, state: Option<PlateauState>) {
        self.plateau = self.plateau.and(state).or(self.plateau);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{By, Plateau};

    #[test]
    fn a_plateau_lowers_what_follows_and_goes_on_from_its_state() {
        let plateau = Plateau { factor: 0.5, patience: 1, ..Plateau::default() };
        let warmup = Warmup { length: 2, by: By::Batch, start_factor: 0.5, ..Warmup::default() };
        let mut pace = Pace::new(0.2, plateau.into(), Some(warmup));
        let lr = |pace: &Pace, step| pace.at(Clock::new(step, 2, 10)).lr;
        assert_eq!([lr(&pace, 0), lr(&pace, 2)], [0.1, 0.2]);
        for _ in 0..2 {
            pace.after_epoch(1.0, 0.5);
        }
        let mut other = Pace::new(0.2, plateau.into(), Some(warmup));
        other.restore(pace.state());
        for pace in [&mut pace, &mut other] {
            assert_eq!(lr(pace, 4), 0.2);
            pace.after_epoch(1.0, 0.9);
            assert_eq!(lr(pace, 6), 0.1);
        }
        // What a schedule has no use for it does not take.
        let mut flat = Pace::new(0.2, Schedule::default(), None);
        flat.restore(pace.state());
        assert_eq!((flat.state(), lr(&flat, 6)), (None, 0.2));
    }

    #[test]
    fn accuracy_is_to_rise() {
        let plateau = Plateau { mode: Mode::Max, patience: 0, ..Plateau::default() };
        let mut pace = Pace::new(0.1, plateau.into(), None);
        for (accuracy, lr) in [(0.5, 0.1), (0.6, 0.1), (0.6, 0.01)] {
            pace.after_epoch(9.0, accuracy);
            assert!((pace.at(Clock::new(0, 1, 1)).lr - lr).abs() < 1e-12);
        }
    }
}
