//! Several successive halvings side by side.

use super::{Pruner, PrunerError, Pruning, SuccessiveHalving, SuccessiveHalvingOptions, Verdict};
use crate::{History, TrialState};
use std::sync::OnceLock;

/// The most brackets: with the smallest factor, 2, as many as 64-bit numbers of steps have.
const MOST_BRACKETS: f64 = 63.0;

/// Hyperband (Li et al., JMLR 2018) with asynchronous successive halving: Optuna's `HyperbandPruner`. Trials are dealt into brackets, of
/// which each begins to prune later than the one before it; samplers and comparisons see those of the same bracket alone.
#[derive(Debug)]
pub struct Hyperband {
    options: HyperbandOptions,
    brackets: OnceLock<Vec<Bracket>>,
}

/// Settings of [`Hyperband`], with the defaults of Optuna.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HyperbandOptions {
    /// Steps of the first rung (default 1).
    pub min_resource: i64,
    /// The most steps that a trial has; `None` (the default): those of the longest complete trial, as soon as there is one.
    pub max_resource: Option<i64>,
    /// One of so many goes on (default 3).
    pub reduction_factor: i64,
    /// So many trials must have come to a rung before one goes on (default 0); needs `max_resource`.
    pub bootstrap_count: usize,
}

impl Default for HyperbandOptions {
    fn default() -> Self {
        HyperbandOptions { min_resource: 1, max_resource: None, reduction_factor: 3, bootstrap_count: 0 }
    }
}

#[derive(Debug)]
struct Bracket {
    /// Which part of the trials it gets, of the sum of all.
    share: u64,
    halving: SuccessiveHalving,
}

impl Hyperband {
    /// With these settings.
    ///
    /// # Errors
    /// Resources below 1, a factor below 2, or a bootstrap without `max_resource`.
    pub fn new(options: HyperbandOptions) -> Result<Self, PrunerError> {
        let wrong = |problem| Err(PrunerError { pruner: "Hyperband", problem });
        if options.min_resource < 1 {
            return wrong(format!("min_resource = {} must be 1 or more", options.min_resource));
        }
        if let Some(most) = options.max_resource.filter(|most| *most < options.min_resource) {
            return wrong(format!("max_resource = {most} is below min_resource = {}", options.min_resource));
        }
        if options.reduction_factor < 2 {
            return wrong(format!("reduction_factor = {} must be 2 or more", options.reduction_factor));
        }
        if options.bootstrap_count > 0 && options.max_resource.is_none() {
            return wrong("bootstrap_count needs max_resource; give it, or leave bootstrap_count out".into());
        }
        Ok(Hyperband { options, brackets: OnceLock::new() })
    }

    /// The brackets, as soon as it is known how long trials are; they stay as they are then.
    fn brackets(&self, history: &History) -> &[Bracket] {
        if self.brackets.get().is_none() {
            let longest = || {
                let complete = history.in_state(TrialState::Complete);
                complete.filter_map(|trial| trial.last_step()).max().map(|step| step.saturating_add(1))
            };
            let Some(most) = self.options.max_resource.or_else(longest) else { return &[] };
            let _ = self.brackets.set(self.deal(most));
        }
        self.brackets.get().map_or(&[], Vec::as_slice)
    }

    fn deal(&self, max_resource: i64) -> Vec<Bracket> {
        let HyperbandOptions { min_resource, reduction_factor, bootstrap_count, .. } = self.options;
        let resources = max_resource as f64 / min_resource as f64;
        let count =
            ((resources.ln() / (reduction_factor as f64).ln()).floor() + 1.0).clamp(0.0, MOST_BRACKETS);
        let bracket = |index: u32| {
            let rest = f64::from(count as u32 - 1 - index);
            let options = SuccessiveHalvingOptions {
                min_resource: Some(min_resource),
                reduction_factor,
                min_early_stopping_rate: index,
                bootstrap_count,
            };
            let share = (count * (reduction_factor as f64).powf(rest) / (rest + 1.0)).ceil();
            Some(Bracket { share: share as u64, halving: SuccessiveHalving::new(options).ok()? })
        };
        (0..count as u32).filter_map(bracket).collect()
    }
}

/// Which bracket a trial is in: by a checksum of the study's name and its number, as Optuna deals them.
fn bracket_of(brackets: &[Bracket], study: &str, number: u64) -> usize {
    let mut checksum = flate2::Crc::new();
    checksum.update(format!("{study}_{number}").as_bytes());
    let sum: u64 = brackets.iter().map(|bracket| bracket.share).sum();
    let mut rest = u64::from(checksum.sum()) % sum.max(1);
    for (index, bracket) in brackets.iter().enumerate() {
        match rest.checked_sub(bracket.share) {
            Some(left) => rest = left,
            None => return index,
        }
    }
    0
}

impl Pruner for Hyperband {
    fn prune(&self, pruning: &Pruning<'_>) -> Verdict {
        let brackets = self.brackets(pruning.history);
        let Some(bracket) = brackets.get(bracket_of(brackets, pruning.study, pruning.trial.number)) else {
            return Verdict::default();
        };
        let history = self.peers(pruning.study, pruning.trial.number, pruning.history.clone());
        bracket.halving.prune(&Pruning { history: &history, ..*pruning })
    }

    fn peers(&self, study: &str, number: u64, history: History) -> History {
        // Samplers see all until there are brackets: those come with the first trial that reports.
        let Some(brackets) = self.brackets.get() else { return history };
        let own = bracket_of(brackets, study, number);
        let same = history.all().iter().filter(|trial| bracket_of(brackets, study, trial.number) == own);
        History::new(same.cloned().collect())
    }
}
