//! Axes: from values to places, and which values are written beside them.

/// An axis: its label, and whether it is linear, logarithmic or of names. It spans what is drawn unless [`Axis::range`] says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub(crate) label: String,
    pub(crate) log: bool,
    range: Option<(f64, f64)>,
    falling: bool,
    pub(crate) names: Vec<String>,
}

/// An axis with its ends: 0 to 1 are the ends of what is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    log: bool,
    falling: bool,
    low: f64,
    high: f64,
}

/// A value that is written at an axis, or that only has a line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) place: f64,
    pub(crate) text: Option<String>,
}

/// About how many ticks an axis has.
const TICKS: f64 = 6.0;
/// A logarithmic axis over fewer decades than this is written between decades too.
const FEW_DECADES: f64 = 2.0;

impl Axis {
    /// An axis on which equal distances are equal differences.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), log: false, range: None, falling: false, names: Vec::new() }
    }

    /// An axis on which equal distances are equal ratios; values of 0 and less are left out.
    pub fn log(label: impl Into<String>) -> Self {
        Self { label: label.into(), log: true, range: None, falling: false, names: Vec::new() }
    }

    /// An axis of things side by side, the first from 0 to 1, the second from 1 to 2; from top to bottom where it is the upward one. As
    /// many names are written as have room, and of long ones the beginning.
    pub fn names(label: impl Into<String>, names: impl IntoIterator<Item = String>) -> Self {
        let names: Vec<String> = names.into_iter().collect();
        let range = (!names.is_empty()).then_some((0.0, names.len() as f64));
        Self { label: label.into(), log: false, range, falling: false, names }
    }

    /// Spans `low` to `high`, whatever is drawn. Ends that an axis cannot have (no numbers, `low` not below `high`, 0 or less on a
    /// logarithmic one) leave it as it is.
    #[must_use]
    pub fn range(mut self, low: f64, high: f64) -> Self {
        if self.takes(low) && self.takes(high) && low < high {
            self.range = Some((low, high));
        }
        self
    }

    /// The same axis with another label.
    #[must_use]
    pub fn named(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// From high values to low ones: what is low comes last, or is dark.
    #[must_use]
    pub fn falling(mut self) -> Self {
        self.falling = true;
        self
    }

    /// Whether the ends are the axis's own, and nothing is to lie beyond them.
    pub(crate) fn is_of_names(&self) -> bool {
        !self.names.is_empty()
    }

    /// Whether the axis has a place for a value.
    pub(crate) fn takes(&self, value: f64) -> bool {
        value.is_finite() && (!self.log || value > 0.0)
    }

    /// The scale over the values to be drawn.
    pub(crate) fn over(&self, values: impl Iterator<Item = f64>) -> Scale {
        let ends = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
        let found = values.filter(|value| self.takes(*value)).fold((f64::INFINITY, f64::NEG_INFINITY), ends);
        let (low, high) = match self.range {
            Some(range) => range,
            None if found.0 > found.1 => {
                if self.log {
                    (0.1, 1.0)
                } else {
                    (0.0, 1.0)
                }
            }
            // A single value lies in the middle.
            None if found.0 == found.1 && self.log => (found.0 / 10.0, found.0 * 10.0),
            None if found.0 == found.1 => {
                (found.0 - 0.5 * found.0.abs().max(1.0), found.0 + 0.5 * found.0.abs().max(1.0))
            }
            None => found,
        };
        Scale { log: self.log, falling: self.falling, low, high }
    }
}

impl Scale {
    /// The lowest and the highest value.
    pub(crate) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Where a value lies, 0 to 1 from end to end; values beyond the ends lie beyond.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let (low, high, value) = match self.log {
            true => (self.low.log10(), self.high.log10(), value.log10()),
            false => (self.low, self.high, value),
        };
        let place = (value - low) / (high - low);
        if self.falling { 1.0 - place } else { place }
    }

    /// The scale with a margin at its upper end, and at its lower one unless that is 0.
    pub(crate) fn with_margin(self, part: f64) -> Scale {
        let Scale { log, falling, low, high } = self;
        if log {
            let factor = (high / low).powf(part);
            return Scale { log, falling, low: low / factor, high: high * factor };
        }
        let margin = (high - low) * part;
        Scale { log, falling, low: if low == 0.0 { 0.0 } else { low - margin }, high: high + margin }
    }

    pub(crate) fn ticks(&self) -> Vec<Tick> {
        let values = if self.log { self.log_ticks() } else { self.linear_ticks() };
        let within = |(value, _): &(f64, bool)| (-1e-9..=1.0 + 1e-9).contains(&self.place(*value));
        let tick = |(value, written): (f64, bool)| Tick {
            place: self.place(value),
            text: written.then(|| number(value)),
        };
        values.into_iter().filter(within).map(tick).collect()
    }

    fn linear_ticks(&self) -> Vec<(f64, bool)> {
        let rough = (self.high - self.low) / TICKS;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * power);
        let (first, last) = ((self.low / step - 1e-9).ceil(), (self.high / step + 1e-9).floor());
        // The range has about TICKS steps; where they are too small for its numbers to tell apart there is none.
        let count = if first.abs() < 1e15 { (last - first).clamp(-1.0, 4.0 * TICKS) as i64 } else { -1 };
        // Whole multiples: a running sum would write 0.30000000000000004.
        (0..=count).map(|index| (round((first + index as f64) * step), true)).collect()
    }

    fn log_ticks(&self) -> Vec<(f64, bool)> {
        let (low, high) = (self.low.log10(), self.high.log10());
        let every = ((high - low) / (2.0 * TICKS)).ceil().max(1.0) as i32;
        let mut ticks = Vec::new();
        for decade in low.floor() as i32..=high.ceil() as i32 {
            for digit in 1..10 {
                let written = match digit {
                    1 => decade % every == 0,
                    2 | 5 => high - low < FEW_DECADES,
                    _ => false,
                };
                if every == 1 || (digit == 1 && written) {
                    ticks.push((round(f64::from(digit) * 10_f64.powi(decade)), written));
                }
            }
        }
        ticks
    }
}

/// A value without the last digits, where rounding lies.
fn round(value: f64) -> f64 {
    format!("{value:.9e}").parse().unwrap_or(value)
}

/// A number of any digits in few characters: four of its digits.
pub(crate) fn brief(value: f64) -> String {
    number(format!("{value:.3e}").parse().unwrap_or(value))
}

/// A number in few characters: `0.001`, `250`, `1e-5`, `2.5e6`.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e5).contains(&size) { format!("{value:e}") } else { format!("{value}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(axis: &Axis, low: f64, high: f64) -> Vec<String> {
        axis.over([low, high].into_iter()).ticks().into_iter().filter_map(|tick| tick.text).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        let linear = Axis::linear("");
        assert_eq!(written(&linear, 0.0, 1.0), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(written(&linear, 0.0, 40.0), ["0", "10", "20", "30", "40"]);
        assert_eq!(written(&linear, -0.3, 0.31), ["-0.2", "0", "0.2"]);
        assert_eq!(written(&linear, 0.0, 6e-5), ["0", "1e-5", "2e-5", "3e-5", "4e-5", "5e-5", "6e-5"]);
        let log = Axis::log("");
        assert_eq!(written(&log, 1e-6, 1.0), ["1e-6", "1e-5", "1e-4", "0.001", "0.01", "0.1", "1"]);
        assert_eq!(written(&log, 0.02, 0.3), ["0.02", "0.05", "0.1", "0.2"]);
        assert_eq!(
            written(&log, 1e-30, 1.0),
            ["1e-30", "1e-27", "1e-24", "1e-21", "1e-18", "1e-15", "1e-12", "1e-9", "1e-6", "0.001", "1"]
        );
    }

    #[test]
    fn a_falling_axis_ends_with_what_is_low() {
        let scale = Axis::log("").falling().over([1.0, 100.0].into_iter());
        assert_eq!([1.0, 10.0, 100.0].map(|value| scale.place(value)), [1.0, 0.5, 0.0]);
        assert_eq!([0.484_759_9, -1234.5678, 3.0, 2.0e-9].map(brief), ["0.4848", "-1235", "3", "2e-9"]);
    }

    #[test]
    fn an_axis_of_one_value_or_none_has_a_range() {
        for axis in [Axis::linear(""), Axis::log("")] {
            assert!((axis.over([3.0].into_iter()).place(3.0) - 0.5).abs() < 1e-9);
            assert!(!axis.over([f64::NAN, f64::INFINITY].into_iter()).ticks().is_empty());
        }
        let fixed = Axis::linear("").range(0.0, 2.0).range(5.0, 1.0).range(f64::NAN, 1.0);
        assert_eq!(fixed.over([9.0].into_iter()).place(1.0), 0.5);
        assert_eq!(Axis::log("").range(0.0, 1.0), Axis::log(""));
    }

    proptest! {
        #[test]
        fn ticks_lie_within_and_are_few(low in -1e30..1e30_f64, width in 1e-6..1e3_f64, log: bool) {
            let (low, high) = if log { (low.abs().max(1e-30), low.abs().max(1e-30) * (1.0 + width)) } else { (low, low + width * low.abs().max(1.0)) };
            let axis = if log { Axis::log("") } else { Axis::linear("") };
            let ticks = axis.over([low, high].into_iter()).ticks();
            prop_assert!(ticks.len() <= 150);
            prop_assert!(ticks.iter().all(|tick| (-1e-6..=1.0 + 1e-6).contains(&tick.place)));
        }
    }
}
