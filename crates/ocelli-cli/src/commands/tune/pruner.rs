//! Who gives up on trials: `--pruner NAME` or `NAME:NUMBER`.

use ocelli::nn::suggest;
use ocelli::tune::{
    Direction, Hyperband, HyperbandOptions, MedianPruner, PatientPruner, PercentilePruner, PrunerError,
    StudyOptions, SuccessiveHalving, SuccessiveHalvingOptions, ThresholdPruner,
};
use std::str::FromStr;

const NAMES: [&str; 7] = ["none", "median", "percentile", "asha", "hyperband", "patient", "threshold"];

/// A pruner with the one number that it is usually set by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum PrunerChoice {
    None,
    Median,
    /// The percentage of trials that goes on.
    Percentile(f64),
    /// One of so many goes on.
    Asha(i64),
    Hyperband(i64),
    /// Epochs without a gain.
    Patient(usize),
    /// What is worse is given up.
    Threshold(f64),
}

impl FromStr for PrunerChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, number) = text.split_once(':').map_or((text, None), |(name, number)| (name, Some(number)));
        let given =
            |what: &str| number.ok_or_else(|| format!("{name} needs {what}, such as {}", example(name)));
        let whole = |number: &str| number.parse::<u32>().map_err(|_| format!("{number} is no whole number"));
        let real = |number: &str| match number.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(format!("{number} is no number")),
        };
        Ok(match name {
            "none" | "median" if number.is_some() => return Err(format!("{name} takes no number")),
            "none" => PrunerChoice::None,
            "median" => PrunerChoice::Median,
            "percentile" => PrunerChoice::Percentile(real(given("the percentage of trials that goes on")?)?),
            "asha" => PrunerChoice::Asha(i64::from(number.map_or(Ok(4), whole)?)),
            "hyperband" => PrunerChoice::Hyperband(i64::from(number.map_or(Ok(3), whole)?)),
            "patient" => PrunerChoice::Patient(whole(given("a number of epochs")?)? as usize),
            "threshold" => PrunerChoice::Threshold(real(given("a value of the objective")?)?),
            other => {
                return Err(suggest::nearest(other, NAMES).map_or_else(
                    || format!("there are {}", NAMES.join(", ")),
                    |near| format!("did you mean {near}?"),
                ));
            }
        })
    }
}

fn example(name: &str) -> &'static str {
    match name {
        "percentile" => "percentile:25",
        "patient" => "patient:3",
        _ => "threshold:2.5",
    }
}

impl PrunerChoice {
    /// A study's options with this pruner; steps are epochs, from 1.
    pub(super) fn of(self, options: StudyOptions, direction: Direction) -> Result<StudyOptions, PrunerError> {
        Ok(match self {
            PrunerChoice::None => options,
            PrunerChoice::Median => options.pruner(MedianPruner::default()),
            PrunerChoice::Percentile(percentile) => {
                let pruner = PercentilePruner::new(percentile);
                pruner.check()?;
                options.pruner(pruner)
            }
            PrunerChoice::Asha(reduction_factor) => {
                let min_resource = Some(1);
                let rungs = SuccessiveHalvingOptions { min_resource, reduction_factor, ..Default::default() };
                options.pruner(SuccessiveHalving::new(rungs)?)
            }
            PrunerChoice::Hyperband(reduction_factor) => {
                options.pruner(Hyperband::new(HyperbandOptions { reduction_factor, ..Default::default() })?)
            }
            PrunerChoice::Patient(epochs) => options.pruner(PatientPruner::new(None, epochs, 0.0)?),
            PrunerChoice::Threshold(value) => {
                let (lower, upper) = match direction {
                    Direction::Minimize => (None, Some(value)),
                    Direction::Maximize => (Some(value), None),
                };
                options.pruner(ThresholdPruner::new(lower, upper))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ocelli::tune::Space;

    #[test]
    fn names_are_read_with_their_numbers() {
        let of = |text: &str| text.parse::<PrunerChoice>();
        assert_eq!(of("asha"), Ok(PrunerChoice::Asha(4)));
        assert_eq!(of("asha:3"), Ok(PrunerChoice::Asha(3)));
        assert_eq!(of("patient:5"), Ok(PrunerChoice::Patient(5)));
        assert_eq!(of("threshold:-0.5"), Ok(PrunerChoice::Threshold(-0.5)));
        assert_eq!(of("medain"), Err("did you mean median?".into()));
        for (wrong, said) in [
            ("percentile", "percentile:25"),
            ("percentile:many", "many is no number"),
            ("patient:2.5", "2.5 is no whole number"),
            ("threshold:nan", "nan is no number"),
            ("median:3", "takes no number"),
        ] {
            let found = of(wrong).unwrap_err();
            assert!(found.contains(said), "{wrong}: {found}");
        }
    }

    #[test]
    fn what_no_pruner_can_do_is_an_error() {
        for (text, works) in
            [("percentile:25", true), ("percentile:120", false), ("asha:1", false), ("hyperband:3", true)]
        {
            let space = Space::parse("x = { type = \"int\", low = 0, high = 9 }").unwrap();
            let made =
                text.parse::<PrunerChoice>().unwrap().of(StudyOptions::new("s", space), Direction::Minimize);
            assert_eq!(made.is_ok(), works, "{text}");
        }
    }
}
