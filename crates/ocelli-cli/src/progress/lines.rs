//! Lines alone: for files, and for terminals that are to be read later.

use super::{Pace, View, duration, say};
use ocelli::train::{BatchDone, Started};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// How often an epoch that takes long tells how far it is.
const EVERY: Duration = Duration::from_secs(30);

/// The epochs' lines on standard output; where they are long in coming, a line on standard error now and then.
pub(super) struct Lines {
    epochs: u64,
    batches: u64,
    told: Instant,
}

impl Lines {
    pub(super) fn new() -> Self {
        Lines { epochs: 0, batches: 0, told: Instant::now() }
    }

    fn is_due(&mut self) -> bool {
        let due = self.told.elapsed() >= EVERY;
        if due {
            self.told = Instant::now();
        }
        due
    }

    fn of(&self, done: &BatchDone, pace: &Pace) -> String {
        format!(
            "epoch {}/{}, batch {}/{}: {}, {} left",
            done.epoch,
            self.epochs,
            done.batch,
            self.batches,
            pace.figures(done),
            duration(pace.left(done))
        )
    }
}

impl View for Lines {
    fn started(&mut self, started: &Started) {
        (self.epochs, self.batches) = (started.epochs, started.batches);
        self.told = Instant::now();
    }

    fn batch(&mut self, done: &BatchDone, pace: &Pace) {
        if self.is_due() {
            let line = self.of(done, pace);
            self.warn(&line);
        }
    }

    fn line(&mut self, line: &str) {
        self.told = Instant::now();
        say(line);
    }

    fn warn(&mut self, warning: &str) {
        // Nobody may be there to read it.
        let _ = writeln!(io::stderr(), "{warning}");
    }

    fn end(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_now_and_then() {
        let mut lines = Lines::new();
        lines.started(&Started { epochs_done: 0, images_done: 0, epochs: 2, batches: 10, images: 640 });
        assert!(!lines.is_due());
        lines.told -= EVERY;
        assert!(lines.is_due() && !lines.is_due());
        let (loss, mean_loss, accuracy, lr) = (1.0, 0.75, 0.5, 0.1);
        let done =
            BatchDone { epoch: 1, batch: 3, images: 192, loss, mean_loss, accuracy, lr, grad_norm: None };
        let line = lines.of(&done, &Pace::new());
        assert!(line.starts_with("epoch 1/2, batch 3/10: loss 0.7500, accuracy 50.0%, "), "{line}");
    }
}
