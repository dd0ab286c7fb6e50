//! A bar on standard error, the epochs' lines on standard output.

use super::{Pace, View, say};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ocelli::train::{BatchDone, Started};
use std::io::{self, Write};

/// How often the bar is drawn, at most.
const DRAWS_PER_SECOND: u8 = 10;

/// The bar's line. What is longer than the terminal is wide is cut off at the end instead of wrapping.
const TEMPLATE: &str = "{prefix} [{bar:12}] {eta} left  {wide_msg}";

/// A bar, hidden where standard error is no terminal.
pub(super) struct Bar {
    bar: ProgressBar,
    epochs: u64,
    images: u64,
}

impl Bar {
    pub(super) fn new() -> Self {
        Bar::on(ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND))
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(
            ProgressStyle::with_template(TEMPLATE)
                .expect("the template is well formed")
                .progress_chars("=> "),
        );
        Bar { bar, epochs: 0, images: 0 }
    }
}

impl View for Bar {
    fn started(&mut self, started: &Started) {
        (self.epochs, self.images) = (started.epochs, started.images);
        // Whatever is set draws the bar: it has its words before it has its length.
        self.bar.set_prefix(format!("epoch {}/{}", started.epochs_done + 1, started.epochs));
        self.bar.set_length(started.epochs * started.images);
        self.bar.set_position(started.epochs_done * started.images + started.images_done);
        self.bar.reset_eta();
    }

    fn batch(&mut self, done: &BatchDone, pace: &Pace) {
        self.bar.set_prefix(format!("epoch {}/{}", done.epoch, self.epochs));
        self.bar.set_message(pace.figures(done));
        self.bar.set_position((done.epoch - 1) * self.images + done.images);
    }

    fn line(&mut self, line: &str) {
        self.bar.suspend(|| say(line));
    }

    fn warn(&mut self, warning: &str) {
        // Nobody may be there to read it.
        let _ = self.bar.suspend(|| writeln!(io::stderr(), "{warning}"));
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }
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
        let mut bar = Bar::on(ProgressDrawTarget::term_like(Box::new(screen.clone())));
        bar.started(&Started { epochs_done: 0, images_done: 0, epochs: 1000, batches: 900, images: 57_600 });
        let (mean_loss, accuracy) = (1234.5678, 0.5);
        for batch in [1, 900] {
            let images = batch * 64;
            let done = BatchDone {
                epoch: 1000,
                batch,
                images,
                loss: 1.0,
                mean_loss,
                accuracy,
                lr: 0.1,
                grad_norm: None,
            };
            bar.batch(&done, &Pace::new());
            bar.bar.force_draw();
        }
        let lines = screen.0.lock().unwrap().clone();
        let drawn: Vec<&String> = lines.iter().filter(|line| !line.trim().is_empty()).collect();
        assert!(drawn.iter().any(|line| line.contains("loss 1234.5678, accuracy 50.0%")), "{drawn:?}");
        for line in drawn {
            assert!(line.starts_with("epoch 1") && line.chars().count() <= 80, "{line}");
        }
    }
}
