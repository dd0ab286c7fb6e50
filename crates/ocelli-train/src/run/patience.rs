//! Which epoch is the best, and when to stop for want of better ones.

use crate::events::EpochDone;
use crate::recipe::{Monitor, TrainSection};

/// By how much `done` is better than `best` in what is monitored; `None` if there is nothing to monitor.
fn gain(monitor: Monitor, done: &EpochDone, best: &EpochDone) -> Option<f64> {
    match monitor {
        Monitor::ValLoss => Some(best.val_loss? - done.val_loss?),
        Monitor::ValAccuracy => Some(done.val_accuracy? - best.val_accuracy?),
    }
}

/// Whether an epoch beats the best so far; without validation the later one does.
pub(super) fn is_better(monitor: Monitor, done: &EpochDone, best: &EpochDone) -> bool {
    gain(monitor, done, best).is_none_or(|gain| gain > 0.0)
}

/// Whether the last of these epochs used up the recipe's patience: for so many epochs, none was better by more than `min_delta` than
/// all before it.
pub(super) fn is_used_up<'a>(train: &TrainSection, epochs: impl Iterator<Item = &'a EpochDone>) -> bool {
    let Some(patience) = train.patience else { return false };
    let mut best: Option<&EpochDone> = None;
    let mut waited = 0;
    for done in epochs {
        let better =
            best.is_none_or(|best| gain(train.monitor, done, best).is_none_or(|gain| gain > train.min_delta));
        if better {
            (best, waited) = (Some(done), 0);
        } else {
            waited += 1;
        }
    }
    waited >= patience
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(losses: &[f64]) -> Vec<EpochDone> {
        let epoch = |loss: &f64| EpochDone {
            val_loss: Some(*loss),
            val_accuracy: Some(1.0 - loss),
            ..EpochDone::default()
        };
        losses.iter().map(epoch).collect()
    }

    #[test]
    fn patience_counts_epochs_that_were_not_better() {
        for monitor in [Monitor::ValLoss, Monitor::ValAccuracy] {
            let train =
                |min_delta| TrainSection { patience: Some(2), min_delta, monitor, ..TrainSection::default() };
            let used_up = |losses: &[f64], min_delta| is_used_up(&train(min_delta), epochs(losses).iter());
            assert!(!used_up(&[], 0.0));
            assert!(!used_up(&[0.5, 0.6], 0.0));
            assert!(used_up(&[0.5, 0.6, 0.5], 0.0), "equal is not better");
            assert!(!used_up(&[0.5, 0.6, 0.4], 0.0));
            assert!(!used_up(&[0.5, 0.6, 0.4, 0.45], 0.0), "a better epoch begins anew");
            // Small gains add up against the epoch that counted last.
            assert!(used_up(&[0.5, 0.45, 0.41], 0.1));
            assert!(!used_up(&[0.5, 0.45, 0.39], 0.1));
        }
        assert!(!is_used_up(&TrainSection::default(), epochs(&[0.1, 0.2, 0.3, 0.4]).iter()));
    }

    #[test]
    fn without_validation_the_later_epoch_is_the_better() {
        let epoch = EpochDone::default();
        assert!(is_better(Monitor::ValLoss, &epoch, &epoch));
        let same = &epochs(&[0.5])[0];
        assert!(!is_better(Monitor::ValAccuracy, same, same));
    }
}
