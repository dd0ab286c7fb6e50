//! What a run tells, shown as it goes: by a bar, by lines, or on the whole screen. The epochs' lines are the result, on standard output;
//! all else goes to standard error.

mod bar;
mod curve;
mod lines;
mod screen;

use crate::interrupt;
use crate::text::{count, duration, percent, plural, warn};
use ocelli::data::Problem;
use ocelli::train::{BackedOff, BatchDone, EpochDone, Event, Observer, Resized, Started, Thawed};
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How many unusable files are named one by one.
const NAMED_PROBLEMS: usize = 20;

/// What is above the epochs' lines.
const HEADER: &str = "  epoch  train loss  accuracy  val loss  accuracy  images/s    time";

/// Names problems, up to [`NAMED_PROBLEMS`], and counts the rest.
#[derive(Default)]
struct Warnings {
    told: usize,
}

impl Warnings {
    /// What to say of one, if it is among the first.
    fn of(&mut self, problem: &Problem) -> Option<String> {
        self.told += 1;
        (self.told <= NAMED_PROBLEMS).then(|| problem.to_string())
    }

    /// How many were not named, if there are any.
    fn end(&mut self) -> Option<String> {
        let told = std::mem::take(&mut self.told);
        (told > NAMED_PROBLEMS).then(|| format!("and {} more", count((told - NAMED_PROBLEMS) as u64)))
    }
}

/// Names the problems there are.
pub(crate) fn name(problems: &[Problem]) {
    let mut warnings = Warnings::default();
    problems.iter().filter_map(|problem| warnings.of(problem)).for_each(|warning| warn(&warning));
    warnings.end().iter().for_each(|rest| warn(rest));
}

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A bar where standard error is a terminal, else lines.
    Auto,
    /// Lines alone.
    Plain,
    /// Live curves on the whole screen.
    FullScreen,
}

/// What shows a run while it goes.
trait View {
    /// Training begins or goes on.
    fn started(&mut self, started: &Started);

    /// One step was made.
    fn batch(&mut self, done: &BatchDone, pace: &Pace);

    /// An epoch ended; its line comes by [`View::line`].
    fn epoch(&mut self, _done: &EpochDone) {}

    /// A line of the result, for standard output.
    fn line(&mut self, line: &str);

    /// Something to know, for standard error.
    fn warn(&mut self, warning: &str);

    /// Nothing more is shown.
    fn end(&mut self);
}

/// How fast it goes.
struct Pace {
    /// Images in an epoch.
    images: u64,
    epochs: u64,
    /// Images of the epoch that were trained on before it was taken up here.
    images_before: u64,
    epoch_began: Instant,
    /// Images of the whole run that were trained on before, and when this process began.
    all_before: u64,
    began: Instant,
}

impl Pace {
    fn new() -> Self {
        let now = Instant::now();
        Pace { images: 0, epochs: 0, images_before: 0, epoch_began: now, all_before: 0, began: now }
    }

    fn started(&mut self, started: &Started) {
        *self = Pace {
            images: started.images,
            epochs: started.epochs,
            images_before: started.images_done,
            all_before: started.epochs_done * started.images + started.images_done,
            ..Pace::new()
        };
    }

    fn epoch(&mut self) {
        (self.images_before, self.epoch_began) = (0, Instant::now());
    }

    /// Images a second in this epoch.
    fn rate(&self, done: &BatchDone) -> f64 {
        (done.images - self.images_before) as f64 / self.epoch_began.elapsed().as_secs_f64().max(1e-9)
    }

    /// The share of the run that is done.
    fn share(&self, done: &BatchDone) -> f64 {
        let all = (self.epochs * self.images).max(1);
        ((done.epoch - 1) * self.images + done.images) as f64 / all as f64
    }

    /// Seconds until the run is over, validation included, if it goes on as it went.
    fn left(&self, done: &BatchDone) -> f64 {
        let trained = (done.epoch - 1) * self.images + done.images;
        let left = (self.epochs * self.images).saturating_sub(trained);
        self.began.elapsed().as_secs_f64() / (trained - self.all_before).max(1) as f64 * left as f64
    }

    /// The epoch's figures so far.
    fn figures(&self, done: &BatchDone) -> String {
        let (accuracy, rate) = (percent(done.accuracy), count(self.rate(done) as u64));
        format!("loss {:.4}, accuracy {accuracy}, {rate} images/s", done.mean_loss)
    }
}

/// Shows a run's events.
pub(crate) struct Progress {
    view: Box<dyn View + Send>,
    pace: Pace,
    told_of_stop: bool,
    warnings: Warnings,
}

impl Progress {
    /// Shows nothing yet.
    ///
    /// # Errors
    /// The screen cannot be taken.
    pub(crate) fn new(style: Style) -> io::Result<Self> {
        let view: Box<dyn View + Send> = match style {
            Style::FullScreen if io::stdout().is_terminal() => Box::new(screen::Screen::new()?),
            Style::FullScreen => {
                warn(&"--full-screen needs a terminal, and standard output is none: lines are shown instead");
                Box::new(lines::Lines::new())
            }
            Style::Auto if io::stderr().is_terminal() => Box::new(bar::Bar::new()),
            Style::Auto | Style::Plain => Box::new(lines::Lines::new()),
        };
        Ok(Progress { view, pace: Pace::new(), told_of_stop: false, warnings: Warnings::default() })
    }

    /// Takes what is shown away, however the run ended, and says what was not said yet.
    pub(crate) fn end(&mut self) {
        self.end_warnings();
        self.view.end();
    }

    fn end_warnings(&mut self) {
        if let Some(rest) = self.warnings.end() {
            self.view.warn(&format!("warning: {rest}"));
        }
    }

    fn started(&mut self, started: &Started) {
        self.pace.started(started);
        // The header comes first: the view may draw as soon as it knows anything.
        self.view.line(HEADER);
        self.view.started(started);
    }

    fn epoch(&mut self, done: &EpochDone) {
        self.pace.epoch();
        self.end_warnings();
        self.view.epoch(done);
        self.view.line(&epoch_line(done, self.pace.epochs));
    }

    fn backed_off(&mut self, back: &BackedOff) {
        self.view.warn(&format!("warning: {}", back.reason));
        let (step, share) = (count(back.back_to_step), back.lr_scale);
        self.view.warn(&format!(
            "warning: going back to step {step}, with {share} of the learning rate from there on"
        ));
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Started(started) => self.started(started),
            Event::Batch(done) => self.view.batch(done, &self.pace),
            Event::Epoch(done) => self.epoch(done),
            Event::Problem(problem) => {
                if let Some(warning) = self.warnings.of(problem) {
                    self.view.warn(&format!("warning: {warning}"));
                }
            }
            Event::Thawed(thawed) => self.view.line(&thawed_line(thawed)),
            Event::Resized(Resized { epoch, size: [height, width] }) => {
                self.view.line(&format!("epoch {epoch} begins to train on images of {height}×{width}"));
            }
            Event::BackedOff(back) => self.backed_off(back),
            Event::OutOfPatience(last) => {
                let epoch = last.epoch;
                self.view.line(&format!(
                    "stopping after epoch {epoch}: none was better for as long as train.patience says"
                ));
            }
            Event::Finished(_) => self.end(),
            _ => {}
        }
    }

    fn wants_stop(&mut self) -> bool {
        let asked = interrupt::asked();
        if asked && !std::mem::replace(&mut self.told_of_stop, true) {
            self.view.warn("stopping: the checkpoint is written first; Ctrl-C again stops at once");
        }
        asked
    }
}

/// Prints a line. Whoever reads may have had enough (`ocelli train | head`): the run goes on.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Parameters whose names are said.
const NAMED: usize = 3;

fn thawed_line(Thawed { epoch, parameters, values }: &Thawed) -> String {
    let named: Vec<&str> = parameters.iter().take(NAMED).map(String::as_str).collect();
    let more = if parameters.len() > NAMED { ", …" } else { "" };
    let all = plural(parameters.len() as u64, "parameter", "parameters");
    format!("epoch {epoch} begins to train {all} of {} values: {}{more}", count(*values), named.join(", "))
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
    fn time_left_is_that_of_this_process() {
        let mut pace = Pace::new();
        pace.started(&Started { epochs_done: 2, images_done: 50, epochs: 5, batches: 10, images: 100 });
        pace.began -= Duration::from_secs(10);
        pace.epoch_began -= Duration::from_secs(10);
        let (loss, mean_loss, accuracy, lr) = (1.0, 1.0, 0.5, 0.1);
        let done =
            BatchDone { epoch: 3, batch: 10, images: 100, loss, mean_loss, accuracy, lr, grad_norm: None };
        // Fifty images in ten seconds; two hundred are left.
        assert_eq!(pace.left(&done).round(), 40.0);
        assert_eq!(pace.rate(&done).round(), 5.0);
        assert_eq!(pace.share(&done), 0.6);
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
