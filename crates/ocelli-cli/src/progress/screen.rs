//! The whole screen, with curves that grow.

use super::curve::Curve;
use super::{HEADER, Pace, View, duration, epoch_line, say};
use crate::text::{count, percent};
use ocelli::train::{BatchDone, EpochDone, Started};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, LegendPosition, LineGauge, Paragraph};
use ratatui::{DefaultTerminal, Frame};
use signal_hook::consts::SIGINT;
use signal_hook::low_level::raise;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The shortest time between two drawings.
const BETWEEN: Duration = Duration::from_millis(100);

/// How much of its past a batch's loss keeps on the curve.
const SMOOTH: f64 = 0.9;

/// The whole screen while a run goes; afterwards its lines are printed, as the other views print them.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    keys: Option<Keys>,
    state: State,
    drawn: Option<Instant>,
}

impl Screen {
    /// Takes the screen.
    pub(super) fn new() -> io::Result<Self> {
        let mut terminal = ratatui::try_init()?;
        // Not every terminal gives an empty one.
        terminal.clear()?;
        Ok(Screen { terminal, keys: Some(Keys::listen()), state: State::default(), drawn: None })
    }

    fn draw(&mut self) {
        // A terminal that has gone away is no reason to stop training.
        let _ = self.terminal.draw(|frame| self.state.draw(frame));
        self.drawn = Some(Instant::now());
    }
}

impl View for Screen {
    fn started(&mut self, started: &Started) {
        self.state.started = Some(started.clone());
        self.draw();
    }

    fn batch(&mut self, done: &BatchDone, pace: &Pace) {
        self.state.batch(done, pace);
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= BETWEEN) {
            self.draw();
        }
    }

    fn epoch(&mut self, done: &EpochDone) {
        self.state.epoch(done);
        self.draw();
    }

    fn line(&mut self, line: &str) {
        self.state.lines.push(line.to_owned());
    }

    fn warn(&mut self, warning: &str) {
        self.state.warnings.push(warning.to_owned());
        self.draw();
    }

    fn end(&mut self) {
        if self.keys.take().is_none() {
            return;
        }
        ratatui::restore();
        for warning in self.state.warnings.drain(..) {
            let _ = writeln!(io::stderr(), "{warning}");
        }
        self.state.lines.drain(..).for_each(|line| say(&line));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.end();
    }
}

/// Hears Ctrl-C, which a terminal that is drawn on gives as a key, and q.
struct Keys {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keys {
    fn listen() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&over);
        let thread = thread::spawn(move || {
            while !heard.load(Ordering::Relaxed) {
                if event::poll(BETWEEN).unwrap_or(false) && event::read().is_ok_and(|event| stops(&event)) {
                    stop();
                }
            }
        });
        Keys { over, thread: Some(thread) }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn stops(event: &Event) -> bool {
    let Event::Key(KeyEvent { code, modifiers, .. }) = event else { return false };
    *code == KeyCode::Char('q') || *code == KeyCode::Char('c') && modifiers.contains(KeyModifiers::CONTROL)
}

/// Asks to stop as Ctrl-C does elsewhere; the second time the process ends in this call, and must leave a terminal that works.
fn stop() {
    if crate::interrupt::asked() {
        ratatui::restore();
    }
    let _ = raise(SIGINT);
}

/// What is on the screen.
#[derive(Default)]
struct State {
    started: Option<Started>,
    last: Option<(BatchDone, String)>,
    share: f64,
    loss: Curve,
    val_loss: Curve,
    accuracy: Curve,
    val_accuracy: Curve,
    lr: Curve,
    epochs: Vec<String>,
    /// For standard output and standard error, afterwards.
    lines: Vec<String>,
    warnings: Vec<String>,
}

impl State {
    fn batch(&mut self, done: &BatchDone, pace: &Pace) {
        let images = self.started.as_ref().map_or(1, |started| started.images.max(1));
        let epochs = (done.epoch - 1) as f64 + done.images as f64 / images as f64;
        self.loss.push(epochs, done.loss);
        self.lr.push(epochs, done.lr);
        self.share = pace.share(done).clamp(0.0, 1.0);
        let left = duration(pace.left(done));
        let rate = count(pace.rate(done) as u64);
        self.last = Some((done.clone(), format!("{rate} images/s, {left} left")));
    }

    fn epoch(&mut self, done: &EpochDone) {
        let epoch = done.epoch as f64;
        self.accuracy.push(epoch, done.train_accuracy);
        done.val_loss.into_iter().for_each(|loss| self.val_loss.push(epoch, loss));
        done.val_accuracy.into_iter().for_each(|accuracy| self.val_accuracy.push(epoch, accuracy));
        self.epochs.push(epoch_line(done, self.started.as_ref().map_or(0, |started| started.epochs)));
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let [top, middle, bottom, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Fill(3),
            Constraint::Fill(2),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        self.draw_top(frame, top);
        let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(middle);
        let smooth = self.loss.smooth(SMOOTH);
        self.draw_curves(frame, left, "loss", &[("train", &smooth), ("val", &self.val_loss)], number);
        let accuracies = [("train", &self.accuracy), ("val", &self.val_accuracy)];
        self.draw_curves(frame, right, "accuracy", &accuracies, percent);
        let table = HEADER.len() as u16 + 16;
        let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Max(table)]).areas(bottom);
        if left.width >= 24 {
            self.draw_curves(frame, left, "learning rate", &[("", &self.lr)], |lr| format!("{lr:.1e}"));
        }
        self.draw_epochs(frame, right);
        let note = self.warnings.last().map_or("Ctrl-C or q: write a checkpoint and stop", String::as_str);
        frame.render_widget(Paragraph::new(note).style(Style::new().add_modifier(Modifier::DIM)), foot);
    }

    fn draw_top(&self, frame: &mut Frame<'_>, area: Rect) {
        let label = match (&self.last, &self.started) {
            (Some((done, speed)), Some(started)) => format!(
                "epoch {}/{}, batch {}/{}, loss {:.4}, accuracy {}, {speed}",
                done.epoch,
                started.epochs,
                done.batch,
                started.batches,
                done.mean_loss,
                percent(done.accuracy)
            ),
            _ => "the first batch is under way".to_owned(),
        };
        let gauge = LineGauge::default().ratio(self.share).label(label);
        frame.render_widget(gauge.filled_style(Style::new().fg(Color::Cyan)), area);
    }

    /// Curves over the run's epochs.
    fn draw_curves(
        &self,
        frame: &mut Frame<'_>,
        area: Rect,
        title: &str,
        curves: &[(&str, &Curve)],
        label: impl Fn(f64) -> String,
    ) {
        let epochs = self.started.as_ref().map_or(1, |started| started.epochs) as f64;
        let ranges = curves.iter().filter_map(|(_, curve)| curve.range());
        let range = ranges.reduce(|(low, high), (less, more)| (low.min(less), high.max(more)));
        let (low, high) = range.unwrap_or((0.0, 1.0));
        // A curve that is level still has a height to be drawn in.
        let room = if high > low { 0.0 } else { high.abs().max(1e-9) * 0.5 };
        let (low, high) = (low - room, high + room);
        let colours = [Color::Cyan, Color::Yellow];
        let datasets = curves.iter().zip(colours).map(|((name, curve), colour)| {
            Dataset::default()
                .name(*name)
                .marker(Marker::Braille)
                .graph_type(GraphType::Line)
                .style(Style::new().fg(colour))
                .data(curve.points())
        });
        let x = Axis::default().bounds([0.0, epochs]).labels(["0".to_owned(), format!("{epochs} epochs")]);
        let y = Axis::default().bounds([low, high]).labels([
            label(low),
            label(f64::midpoint(low, high)),
            label(high),
        ]);
        let legend = Some(LegendPosition::TopRight).filter(|_| curves.len() > 1);
        let chart = Chart::new(datasets.collect()).block(Block::bordered().title(title)).x_axis(x).y_axis(y);
        frame.render_widget(chart.legend_position(legend), area);
    }

    /// The newest epochs' lines.
    fn draw_epochs(&self, frame: &mut Frame<'_>, area: Rect) {
        let room = usize::from(area.height).saturating_sub(3);
        let newest = &self.epochs[self.epochs.len().saturating_sub(room)..];
        let lines: Vec<Line<'_>> =
            [HEADER].into_iter().chain(newest.iter().map(String::as_str)).map(Line::raw).collect();
        frame.render_widget(Paragraph::new(lines).block(Block::bordered().title("epochs")), area);
    }
}

fn number(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.1e}") } else { format!("{value:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn drawn(state: &State, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| state.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        (0..height).map(row).collect()
    }

    fn state() -> State {
        let started = Started { epochs_done: 0, images_done: 0, epochs: 4, batches: 10, images: 640 };
        let mut state = State { started: Some(started.clone()), ..State::default() };
        let mut pace = Pace::new();
        pace.started(&started);
        for step in 0..20_u64 {
            let (epoch, batch) = (step / 10 + 1, step % 10 + 1);
            let loss = 2.0 / (step + 1) as f64;
            let done = BatchDone {
                epoch,
                batch,
                images: batch * 64,
                loss,
                mean_loss: loss,
                accuracy: 0.5,
                lr: 0.01,
                grad_norm: None,
            };
            state.batch(&done, &pace);
            if batch == 10 {
                let (val_loss, val_accuracy) = (Some(loss + 0.5), Some(0.4));
                state.epoch(&EpochDone {
                    epoch,
                    val_loss,
                    val_accuracy,
                    train_accuracy: 0.5,
                    ..EpochDone::default()
                });
            }
        }
        state
    }

    #[test]
    fn shows_where_the_run_is() {
        let rows = drawn(&state(), 110, 30);
        assert!(rows[0].contains("epoch 2/4, batch 10/10, loss 0.1000, accuracy 50.0%, "), "{rows:#?}");
        let all = rows.join("\n");
        for title in ["loss", "accuracy", "learning rate", "epochs", "train", "val", "4 epochs", "Ctrl-C"] {
            assert!(all.contains(title), "{title}: {rows:#?}");
        }
        assert!(all.contains("    2/4 "), "the newest epoch's line: {rows:#?}");
        let curves = all.chars().filter(|c| ('\u{2801}'..='\u{28ff}').contains(c)).count();
        assert!(curves > 30, "{rows:#?}");
    }

    #[test]
    fn any_size_will_do() {
        for (width, height) in [(1, 1), (20, 5), (40, 12), (80, 24), (300, 90)] {
            assert_eq!(drawn(&state(), width, height).len(), usize::from(height));
            drawn(&State::default(), width, height);
        }
    }

    #[test]
    fn the_last_warning_is_shown() {
        let mut state = state();
        state.warnings.push("warning: a.png is cut short".into());
        assert!(drawn(&state, 80, 24)[23].starts_with("warning: a.png is cut short"));
    }
}
