//! A sweep under way.

use super::{Ending, LrCurve, LrFindOptions};
use crate::events::{Event, Observer};

/// Notes the steps that training tells, and decides when it is enough.
pub(super) struct Sweep<'a> {
    options: LrFindOptions,
    observer: &'a mut dyn Observer,
    curve: LrCurve,
    ending: Option<Ending>,
    /// The learning rate, the losses' sum and the number of the batches of the step under way.
    step: (f64, f64, u64),
    /// The losses' moving average, as if it had begun with 0, and its lowest without that bias.
    average: f64,
    lowest: f64,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(options: LrFindOptions, observer: &'a mut dyn Observer) -> Self {
        let curve = LrCurve { steps: options.steps, ..LrCurve::default() };
        Sweep {
            options,
            observer,
            curve,
            ending: None,
            step: (0.0, 0.0, 0),
            average: 0.0,
            lowest: f64::INFINITY,
        }
    }

    pub(super) fn goes_on(&self) -> bool {
        self.ending.is_none()
    }

    /// Takes notice of a loss that is no number: there is nothing to note.
    pub(super) fn diverged(&mut self) {
        self.ending = Some(Ending::NoNumber);
    }

    /// Notes the step that was made, if there was one, and asks whether it is to go on.
    pub(super) fn end_step(&mut self) {
        let (lr, losses, batches) = std::mem::take(&mut self.step);
        if batches > 0 && self.goes_on() {
            self.note(lr, losses / batches as f64);
        }
        if self.goes_on() && self.observer.wants_stop() {
            self.ending = Some(Ending::Asked);
        }
    }

    pub(super) fn into_curve(self) -> LrCurve {
        LrCurve { ending: self.ending.unwrap_or_default(), ..self.curve }
    }

    fn note(&mut self, lr: f64, loss: f64) {
        let LrFindOptions { steps, beta, stop, .. } = self.options;
        self.average = beta * self.average + (1.0 - beta) * loss;
        self.curve.lrs.push(lr);
        self.curve.losses.push(loss);
        let done = self.curve.losses.len() as u64;
        let smoothed = self.average / (1.0 - beta.powf(done as f64));
        self.curve.smoothed.push(smoothed);
        self.lowest = self.lowest.min(smoothed);
        self.ending = if smoothed > stop * self.lowest {
            Some(Ending::Rose)
        } else {
            Some(Ending::Whole).filter(|_| done == steps)
        };
    }
}

impl Observer for Sweep<'_> {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::Batch(done) = event {
            let (_, losses, batches) = self.step;
            self.step = (done.lr, losses + done.loss, batches + 1);
        }
        self.observer.event(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swept(options: LrFindOptions, losses: impl IntoIterator<Item = f64>) -> LrCurve {
        let mut quiet = |_: &Event<'_>| {};
        let mut sweep = Sweep::new(options, &mut quiet);
        for (step, loss) in losses.into_iter().enumerate() {
            if sweep.goes_on() {
                sweep.note(step as f64, loss);
            }
        }
        sweep.into_curve()
    }

    #[test]
    fn the_average_is_not_drawn_to_zero() {
        let options = LrFindOptions { steps: 20, ..LrFindOptions::default() };
        let level = swept(options, [3.0; 30]);
        assert_eq!((level.losses.len(), level.ending), (20, Ending::Whole));
        assert!(level.smoothed.iter().all(|loss| (loss - 3.0).abs() < 1e-12));
        // Weights 0.98 and 1 of the last two.
        let two = swept(options, [1.0, 2.0]).smoothed[1];
        assert!((two - (0.98 * 1.0 + 2.0) / 1.98).abs() < 1e-12, "{two}");
    }

    #[test]
    fn it_ends_where_the_loss_has_risen() {
        let options = LrFindOptions { beta: 0.0, stop: 2.0, ..LrFindOptions::default() };
        let curve = swept(options, [3.0, 1.0, 2.0, 2.5, 1.0]);
        assert_eq!((curve.losses.len(), curve.ending), (4, Ending::Rose));
        let never = LrFindOptions { stop: f64::INFINITY, steps: 5, ..options };
        assert_eq!(swept(never, [3.0, 1.0, 2.0, 1e30, 1.0]).ending, Ending::Whole);
    }
}
