//! What a run tells, shown: a bar on standard error while it goes, one line for each epoch on standard output.

use crate::interrupt;
use crate::text::{count, percent, warn};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ocelli::data::Problem;
use ocelli::train::{BatchDone, EpochDone, Event, Observer, Started};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// How often the bar is drawn, at most.
const DRAWS_PER_SECOND: u8 = 10;

/// The bar's line. What is longer than the terminal is wide is cut off at the end instead of wrapping.
const TEMPLATE: &str = "{prefix} [{bar:12}] {eta} left  {wide_msg}";

/// How many unusable files are named one by one.
const NAMED_PROBLEMS: usize = 20;

/// Names problems, up to [`NAMED_PROBLEMS`], and counts the rest.
#[derive(Default)]
pub(crate) struct Warnings {
    told: usize,
}

impl Warnings {
    /// Names one, if it is among the first.
    pub(crate) fn tell(&mut self, problem: &Problem) {
        self.told += 1;
        if self.told <= NAMED_PROBLEMS {
            warn(problem);
        }
    }

    /// Says how many were not named.
    pub(crate) fn end(&mut self) {
        if self.told > NAMED_PROBLEMS {
            warn(&format!("and {} more", count((self.told - NAMED_PROBLEMS) as u64)));
        }
        self.told = 0;
    }
}

/// Names the problems there are.
pub(crate) fn name(problems: &[Problem]) {
    let mut warnings = Warnings::default();
    problems.iter().for_each(|problem| warnings.tell(problem));
    warnings.end();
}

/// Shows a run's events.
pub(crate) struct Progress {
    bar: ProgressBar,
    epochs: u64,
    images: u64,
    /// Images of the epoch that were trained on before it was taken up here.
    images_before: u64,
    epoch_began: Instant,
    told_of_stop: bool,
    warnings: Warnings,
}

impl Progress {
    /// Shows nothing yet; then a bar where standard error is a terminal.
    pub(crate) fn new() -> Self {
        Progress::on(ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND))
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(
            ProgressStyle::with_template(TEMPLATE)
                .expect("the template is well formed")
                .progress_chars("=> "),
        );
        let warnings = Warnings::default();
        let epoch_began = Instant::now();
        Progress { bar, epochs: 0, images: 0, images_before: 0, epoch_began, told_of_stop: false, warnings }
    }

    /// Takes the bar away, however the run ended, and says what was not said yet.
    pub(crate) fn end(&mut self) {
        self.bar.finish_and_clear();
        self.warnings.end();
    }

    fn started(&mut self, started: &Started) {
        (self.epochs, self.images, self.images_before) =
            (started.epochs, started.images, started.images_done);
        // Whatever is set draws the bar: the header comes first, and the bar has its words before it has its length.
        say("  epoch  train loss  accuracy  val loss  accuracy  images/s    time");
        self.bar.set_prefix(format!("epoch {}/{}", started.epochs_done + 1, started.epochs));
        self.bar.set_length(started.epochs * started.images);
        self.bar.set_position(started.epochs_done * started.images + started.images_done);
        self.bar.reset_eta();
        self.epoch_began = Instant::now();
    }

    fn batch(&mut self, done: &BatchDone) {
        let rate =
            (done.images - self.images_before) as f64 / self.epoch_began.elapsed().as_secs_f64().max(1e-9);
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
        self.images_before = 0;
        self.bar.suspend(|| {
            self.warnings.end();
            say(&line);
        });
        self.epoch_began = Instant::now();
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Started(started) => self.started(started),
            Event::Batch(done) => self.batch(done),
            Event::Epoch(done) => self.epoch(done),
            Event::Problem(problem) => self.bar.suspend(|| self.warnings.tell(problem)),
            Event::Finished(_) => self.end(),
            _ => {}
        }
    }

    fn wants_stop(&mut self) -> bool {
        let asked = interrupt::asked();
        if asked && !std::mem::replace(&mut self.told_of_stop, true) {
            // Nobody may be there to read it.
            let say = || {
                writeln!(
                    io::stderr(),
                    "stopping: the checkpoint is written first; Ctrl-C again stops at once"
                )
            };
            let _ = self.bar.suspend(say);
        }
        asked
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
    use indicatif::TermLike;
    use std::sync::{Arc, Mutex};

    /// A terminal of 80 columns that keeps what is written to it.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<Vec<String>>>);

    impl Screen {
        fn write(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push(text.to_string());
            Ok(())
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.write(text)
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_bar_is_one_line_from_the_first() {
        let screen = Screen::default();
        let mut progress = Progress::on(ProgressDrawTarget::term_like(Box::new(screen.clone())));
        progress.started(&Started {
            epochs_done: 0,
            images_done: 0,
            epochs: 1000,
            batches: 900,
            images: 57_600,
        });
        let (mean_loss, accuracy) = (1234.5678, 0.5);
        for batch in [1, 900] {
            let images = batch * 64;
            let done = BatchDone { epoch: 1000, batch, images, loss: 1.0, mean_loss, accuracy, lr: 0.1 };
            progress.batch(&done);
            progress.bar.force_draw();
        }
        let lines = screen.0.lock().unwrap().clone();
        let drawn: Vec<&String> = lines.iter().filter(|line| !line.trim().is_empty()).collect();
        assert!(drawn.iter().any(|line| line.contains("loss 1234.5678, accuracy 50.0%")), "{drawn:?}");
        for line in drawn {
            assert!(line.starts_with("epoch 1") && line.chars().count() <= 80, "{line}");
        }
    }

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
            waited_seconds: 0.0,
            seconds: 1.26,
        };
        let expected = "   3/12      0.5123     81.2%    0.4000         -     5,123   1.3 s  best so far";
        assert_eq!(epoch_line(&done, 12), expected);
    }
}
