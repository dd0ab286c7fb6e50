//! The parameters of a search: what they may be, over all trials, and their axes.

use super::{Search, setting};
use ocelli_data::printable;
use ocelli_plot::Axis;
use ocelli_tune::importance::Domain;
use ocelli_tune::{Distribution, Trial};
use std::collections::BTreeMap;

/// Characters of a name beside an axis.
const LONGEST: usize = 18;
/// Choices along an axis of a plane.
const MOST_CHOICES: usize = 40;

/// A parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parameter {
    pub(super) name: String,
    /// As short as tells it from the others.
    pub(super) short: String,
    pub(super) kind: Kind,
}

/// What it may be. Bounds are those of all trials: a search may have been given other ones on its way.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Numbers { low: f64, high: f64, log: bool, step: Option<f64> },
    Choices(Vec<String>),
}

impl Kind {
    fn of(distribution: &Distribution) -> Self {
        match distribution {
            Distribution::Float(float) => Kind::Numbers {
                low: float.low(),
                high: float.high(),
                log: float.is_log(),
                step: float.step(),
            },
            Distribution::Int(int) => Kind::Numbers {
                low: int.low() as f64,
                high: int.high() as f64,
                log: int.is_log(),
                step: Some(int.step() as f64),
            },
            Distribution::Categorical(categorical) => {
                Kind::Choices(categorical.choices().iter().map(setting).collect())
            }
        }
    }

    /// What either of two may be; of two kinds, the first.
    fn or(self, other: Kind) -> Kind {
        match (self, other) {
            (
                Kind::Numbers { low, high, log, step },
                Kind::Numbers { low: other_low, high: other_high, log: other_log, step: other_step },
            ) => Kind::Numbers {
                low: low.min(other_low),
                high: high.max(other_high),
                log: log && other_log,
                step: step.filter(|_| step == other_step),
            },
            (kind, _) => kind,
        }
    }
}

impl Parameter {
    /// The parameters of all trials, in the order of their names, which does not depend on which trial was first.
    pub(super) fn all(search: &Search) -> Vec<Parameter> {
        let mut kinds: BTreeMap<&str, Kind> = BTreeMap::new();
        for (name, distribution) in search.trials.iter().flat_map(|trial| &trial.distributions) {
            let kind = Kind::of(distribution);
            let so_far = kinds.remove(name.as_str());
            kinds.insert(name, so_far.map_or(kind.clone(), |so_far| so_far.or(kind)));
        }
        let names: Vec<String> = kinds.keys().map(|name| printable(name).into_owned()).collect();
        let parameter = |(place, (name, kind)): (usize, (&str, Kind))| Parameter {
            name: name.to_owned(),
            short: short(&names, place),
            kind,
        };
        kinds.into_iter().enumerate().map(parameter).collect()
    }

    /// The trial's value as Optuna has it inside: numbers as they are, choices by their index; NaN where it has none.
    pub(super) fn value(&self, trial: &Trial) -> f64 {
        trial.internal(&self.name).filter(|value| value.is_finite()).unwrap_or(f64::NAN)
    }

    /// Where a value lies on the parameter's axis: choices have a stretch each.
    pub(super) fn place(&self, trial: &Trial) -> f64 {
        self.value(trial) + if self.is_numeric() { 0.0 } else { 0.5 }
    }

    pub(super) fn is_numeric(&self) -> bool {
        matches!(self.kind, Kind::Numbers { .. })
    }

    /// Whether it has more choices than a plane of two parameters has room for.
    pub(super) fn has_many_choices(&self) -> bool {
        matches!(&self.kind, Kind::Choices(choices) if choices.len() > MOST_CHOICES)
    }

    pub(super) fn is_single(&self) -> bool {
        match &self.kind {
            Kind::Numbers { low, high, .. } => low == high,
            Kind::Choices(choices) => choices.len() == 1,
        }
    }

    pub(super) fn axis(&self) -> Axis {
        match &self.kind {
            Kind::Numbers { low, high, log: true, .. } => Axis::log(&self.short).range(*low, *high),
            Kind::Numbers { low, high, .. } => Axis::linear(&self.short).range(*low, *high),
            Kind::Choices(choices) => Axis::names(&self.short, choices.iter().cloned()),
        }
    }

    pub(super) fn domain(&self) -> Domain {
        match &self.kind {
            Kind::Numbers { low, high, log, step } => {
                Domain::Numbers { low: *low, high: *high, log: *log, step: *step }
            }
            Kind::Choices(choices) => Domain::Choices(choices.len()),
        }
    }
}

/// The end of a path that no other ends in, of two parts at least and beginning with no number where that is short enough for a figure:
/// `optimizer.name`, `layers.0.padding`, else `0.out_channels`, `weight_decay`; of one that is too long all the same its last characters.
fn short(names: &[String], place: usize) -> String {
    let parts: Vec<&str> = names[place].split('.').collect();
    let end = |count: usize| parts[parts.len() - count..].join(".");
    let ends = |name: &String, end: &str| {
        name == end || name.strip_suffix(end).is_some_and(|before| before.ends_with('.'))
    };
    let fits = |end: &String| end.chars().count() <= LONGEST;
    let tells = |end: &String| names.iter().filter(|name| ends(name, end)).count() == 1;
    let is_named = |end: &String| !end.starts_with(|first: char| first.is_ascii_digit());
    let found = (2..=parts.len()).map(end).find(|end| tells(end) && is_named(end) && fits(end));
    if let Some(short) = found.or_else(|| (1..=parts.len()).map(end).find(|end| tells(end) && fits(end))) {
        return short;
    }
    let short = &names[place];
    let length = short.chars().count();
    if length <= LONGEST {
        return short.clone();
    }
    "..".chars().chain(short.chars().skip(length - (LONGEST - 2))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{KINDS, complete, numbers, search, with};
    use super::*;
    use ocelli_tune::{Direction, Value};

    #[test]
    fn names_are_as_short_as_tells_them_apart() {
        let names = [
            "train.lr",
            "train.optimizer.name",
            "loss.name",
            "network.layers.0.out",
            "network.layers.1.out",
            "x",
            "network.head.out_features",
        ];
        let names = names.map(String::from);
        let short = |place| short(&names, place);
        assert_eq!(
            [0, 1, 2, 3, 5].map(short),
            ["train.lr", "optimizer.name", "loss.name", "layers.0.out", "x"]
        );
        assert_eq!(short(6), "head.out_features");
        let long = ["network.layers.0.out_channels".to_owned()];
        assert_eq!(super::short(&long, 0), "out_channels");
        let both = ["network.layers.0.out_channels", "network.layers.1.out_channels"].map(String::from);
        assert_eq!(super::short(&both, 0), "0.out_channels");
        assert_eq!(super::short(&["a_name_without_any_parts".to_owned()], 0), "..ithout_any_parts");
        let twins = ["a.b.c".to_owned(), "b.c".to_owned()];
        assert_eq!((super::short(&twins, 0), super::short(&twins, 1)), ("a.b.c".into(), "b.c".into()));
    }

    #[test]
    fn bounds_are_those_of_all_trials() {
        let first = with(complete(0, &[1.0]), "lr", &numbers(0.1, 1.0, true), Value::Float(0.5));
        let second = with(complete(1, &[1.0]), "lr", &numbers(0.01, 0.5, true), Value::Float(0.02));
        let second = with(second, "kind", KINDS, Value::Null);
        let all = search([Direction::Minimize], [first, second]);
        let found = Parameter::all(&all);
        let [kind, lr] = &found[..] else { panic!("{found:?}") };
        assert_eq!(lr.kind, Kind::Numbers { low: 0.01, high: 1.0, log: true, step: None });
        assert_eq!(kind.kind, Kind::Choices(["adamw", "sgd", "none"].map(String::from).to_vec()));
        assert!(kind.value(&all.trials[0]).is_nan());
        assert_eq!((kind.value(&all.trials[1]), kind.place(&all.trials[1])), (2.0, 2.5));
    }
}
