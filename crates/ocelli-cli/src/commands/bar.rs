//! A bar for work that takes longer than it takes to wonder.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ocelli::data::check::Progress;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long nothing is shown.
const PATIENCE: Duration = Duration::from_secs(1);
const TEMPLATE: &str = "{msg} [{bar:24}] {pos} of {len}, {eta} left";

/// A bar on standard error, where that is a terminal, from the second second on.
pub(crate) struct Bar {
    bar: ProgressBar,
    began: Instant,
    step: Mutex<&'static str>,
}

impl Bar {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template is well formed");
        bar.set_style(style.progress_chars("=> "));
        Self { bar, began: Instant::now(), step: Mutex::new("") }
    }

    /// Shows how far it is; from any thread.
    pub(crate) fn show(&self, progress: Progress) {
        if self.began.elapsed() < PATIENCE {
            return;
        }
        let mut step = self.step.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *step != progress.step {
            *step = progress.step;
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            self.bar.set_message(progress.step);
            self.bar.set_length(progress.total);
            self.bar.reset_eta();
        }
        self.bar.set_position(progress.done);
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
