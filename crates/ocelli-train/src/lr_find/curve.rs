//! What a sweep over learning rates showed, and which rate it suggests.

use serde::{Deserialize, Serialize};

/// The loss at each learning rate of a sweep.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LrCurve {
    /// The learning rate of each step.
    pub lrs: Vec<f64>,
    /// The loss of each step's batch.
    pub losses: Vec<f64>,
    /// The losses smoothed: an exponential moving average without its bias towards the beginning.
    pub smoothed: Vec<f64>,
    /// The steps that were planned: where the sweep ended early, there are fewer points.
    pub steps: u64,
    /// Why it ended.
    pub ending: Ending,
}

/// Why a sweep ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It made all its steps.
    #[default]
    Whole,
    /// The smoothed loss had risen too far.
    Rose,
    /// The loss was no number any more.
    NoNumber,
    /// The observer asked it to.
    Asked,
}

/// How a learning rate is read off a curve. The names and rules are fastai's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suggestion {
    /// Where the smoothed loss falls fastest.
    Steepest,
    /// Halfway along the longest fall: the most losses that are each lower than those before, whatever lies between them.
    /// Cautious, and fastai's own choice.
    Valley,
    /// A tenth of the rate with the smallest smoothed loss.
    Minimum,
}

impl Suggestion {
    /// All of them, the one to begin with first.
    pub const ALL: [Self; 3] = [Self::Valley, Self::Steepest, Self::Minimum];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Steepest => "steepest",
            Self::Valley => "valley",
            Self::Minimum => "minimum/10",
        }
    }
}

/// Points at the end of a curve that count for no suggestion: there it rises already. Where a loss was no number, all count before it.
const LAST: usize = 5;
/// The part of the planned steps at the beginning that counts for none, one in so many: the average is not settled.
const FIRST: u64 = 10;

impl LrCurve {
    /// The learning rate that the curve suggests; none where it has too few points, or never falls.
    ///
    /// The first tenth of the steps and the last five points count for nothing, as in fastai.
    pub fn suggest(&self, by: Suggestion) -> Option<f64> {
        let last = if self.ending == Ending::NoNumber { 0 } else { LAST };
        let end = self.lrs.len().saturating_sub(last);
        let start = (self.steps / FIRST) as usize;
        let points = (start < end).then_some(start..end)?;
        let (lrs, losses) = (&self.lrs[points.clone()], &self.smoothed[points]);
        match by {
            Suggestion::Steepest => steepest(lrs, losses),
            Suggestion::Valley => valley(losses).map(|place| lrs[place]),
            Suggestion::Minimum => {
                let place = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b]))?;
                Some(lrs[place] / 10.0)
            }
        }
    }
}

/// The rate from which the loss falls fastest over the logarithm of the rate.
fn steepest(lrs: &[f64], losses: &[f64]) -> Option<f64> {
    let slope = |at: usize| (losses[at + 1] - losses[at]) / (lrs[at + 1].ln() - lrs[at].ln());
    let place = (0..losses.len().checked_sub(1)?).min_by(|&a, &b| slope(a).total_cmp(&slope(b)))?;
    (slope(place) < 0.0).then(|| lrs[place])
}

/// Halfway along the longest subsequence of falling losses, half of its length back from its end as fastai has it: of the thirds of it, one
/// and a half, each rounded down.
fn valley(losses: &[f64]) -> Option<usize> {
    let mut lengths = vec![1_usize; losses.len()];
    let mut last = 0;
    for i in 1..losses.len() {
        let before = (0..i).filter(|&j| losses[i] < losses[j]).map(|j| lengths[j] + 1).max();
        lengths[i] = before.unwrap_or(1);
        if lengths[i] > lengths[last] {
            last = i;
        }
    }
    let length = *lengths.get(last)?;
    let third = length as f64 / 3.0;
    (length > 1).then(|| (last + third as usize + (third / 2.0) as usize).saturating_sub(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curve with its minimum at 0.1: flat, falling, rising.
    fn curve(steps: usize) -> LrCurve {
        let lrs: Vec<f64> = (0..steps).map(|i| 1e-5 * 10f64.powf(i as f64 * 6.0 / steps as f64)).collect();
        let loss = |lr: &f64| 1.0 + (lr.log10() + 1.0).powi(2).min(4.0) / 4.0 + lr.log10() * 1e-3;
        let losses: Vec<f64> = lrs.iter().map(loss).collect();
        LrCurve { lrs, smoothed: losses.clone(), losses, steps: steps as u64, ending: Ending::Whole }
    }

    #[test]
    fn suggestions_lie_before_the_minimum() {
        let curve = curve(100);
        let [valley, steepest, minimum] = Suggestion::ALL.map(|by| curve.suggest(by).unwrap());
        assert!((0.008..0.012).contains(&minimum), "{minimum}");
        for rate in [valley, steepest] {
            assert!((5e-4..0.1).contains(&rate), "{rate}");
        }
    }

    #[test]
    fn curves_that_say_nothing_suggest_nothing() {
        for steps in [0, 1, 5, 6, 7] {
            let curve = curve(steps);
            assert_eq!(curve.suggest(Suggestion::Valley), None, "{steps}");
            assert_eq!(curve.suggest(Suggestion::Steepest), None, "{steps}");
        }
        let rising = LrCurve { smoothed: (0..50).map(f64::from).collect(), ..curve(50) };
        assert_eq!(rising.suggest(Suggestion::Valley), None);
        assert_eq!(rising.suggest(Suggestion::Steepest), None);
    }
}
