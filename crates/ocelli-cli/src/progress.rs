//! What a run tells, shown: a bar on standard error while it goes, one line for each epoch on standard output.

use crate::text::{count, percent};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ocelli::train::{BatchDone, EpochDone, Event, Observer, Started};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// How often the bar is drawn, at most.
const DRAWS_PER_SECOND: u8 = 10;

/// Shows a run's events.
pub(crate) struct Progress {
    bar: ProgressBar,
    epochs: u64,
    images: u64,
    epoch_began: Instant,
}

impl Progress {
    /// Shows nothing yet.
    pub(crate) fn new() -> Self {
        Progress { bar: ProgressBar::hidden(), epochs: 0, images: 0, epoch_began: Instant::now() }
    }

    fn started(&mut self, started: &Started) {
        (self.epochs, self.images) = (started.epochs, started.images);
        // Hidden by itself where standard error is no terminal.
        let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
        self.bar = ProgressBar::with_draw_target(Some(started.epochs * started.images), target);
        let style = ProgressStyle::with_template("{prefix} {bar:24} {msg}, {eta} left");
        self.bar.set_style(style.expect("the template is well formed").progress_chars("=> "));
        self.bar.set_position(started.epochs_done * started.images);
        self.bar.reset_eta();
        say("  epoch  train loss  accuracy  val loss  accuracy  images/s    time");
        self.epoch_began = Instant::now();
    }

    fn batch(&mut self, done: &BatchDone) {
        let rate = done.images as f64 / self.epoch_began.elapsed().as_secs_f64().max(1e-9);
        self.bar.set_prefix(format!("epoch {}/{}", done.epoch, self.epochs));
        self.bar.set_message(format!(
            "loss {:.4}, accuracy {}, {} images/s",
            done.mean_loss,
            percent(done.accuracy),
            count(rate as u64)
        ));
        self.bar.set_position((done.epoch - 1) * self.images + done.images);
    }

    fn epoch(&mut self, done: &EpochDone) {
        let line = epoch_line(done, self.epochs);
        self.bar.suspend(|| say(&line));
        self.epoch_began = Instant::now();
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Started(started) => self.started(started),
            Event::Batch(done) => self.batch(done),
            Event::Epoch(done) => self.epoch(done),
            Event::Problem(problem) => self.bar.suspend(|| eprintln!("warning: {problem}")),
            Event::Finished(_) => self.bar.finish_and_clear(),
            _ => {}
        }
    }
}

/// Prints a line. Whoever reads may have had enough (`ocelli train | head`): the run goes on.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn epoch_line(done: &EpochDone, epochs: u64) -> String {
    let epoch = format!("{}/{epochs}", done.epoch);
    let absent = || "-".to_string();
    let val_loss = done.val_loss.map_or_else(absent, |loss| format!("{loss:.4}"));
    let val_accuracy = done.val_accuracy.map_or_else(absent, percent);
    let time = format!("{:.1} s", Duration::from_secs_f64(done.seconds).as_secs_f64());
    let best = if done.best { "  best so far" } else { "" };
    format!(
        "{epoch:>7}  {:>10.4}  {:>8}  {val_loss:>8}  {val_accuracy:>8}  {:>8}  {time:>6}{best}",
        done.train_loss,
        percent(done.train_accuracy),
        count(done.images_per_second as u64),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_one_line() {
        let done = EpochDone {
            epoch: 3,
            step: 255,
            lr: 0.01,
            train_loss: 0.51234,
            train_accuracy: 0.8123,
            val_loss: Some(0.4),
            val_accuracy: None,
            best: true,
            images_per_second: 5123.4,
            seconds: 1.26,
        };
        let expected = "   3/12      0.5123     81.2%    0.4000         -     5,123   1.3 s  best so far";
        assert_eq!(epoch_line(&done, 12), expected);
    }
}
