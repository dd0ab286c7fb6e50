//! What a search makes better.

use ocelli::nn::{Summary, suggest};
use ocelli::train::{EpochDone, Run};
use ocelli::tune::Direction;
use std::str::FromStr;

/// A figure of a trial, and which way it gets better.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Objective {
    pub(crate) figure: Figure,
    pub(crate) direction: Direction,
}

/// What can be made better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    ValLoss,
    ValAccuracy,
    TrainLoss,
    TrainAccuracy,
    ImagesPerSecond,
    Seconds,
    Parameters,
    MultiplyAdds,
}

impl Figure {
    const ALL: [Figure; 8] = [
        Figure::ValLoss,
        Figure::ValAccuracy,
        Figure::TrainLoss,
        Figure::TrainAccuracy,
        Figure::ImagesPerSecond,
        Figure::Seconds,
        Figure::Parameters,
        Figure::MultiplyAdds,
    ];

    /// As `metrics.jsonl` has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Figure::ValLoss => "val_loss",
            Figure::ValAccuracy => "val_accuracy",
            Figure::TrainLoss => "train_loss",
            Figure::TrainAccuracy => "train_accuracy",
            Figure::ImagesPerSecond => "images_per_second",
            Figure::Seconds => "seconds",
            Figure::Parameters => "parameters",
            Figure::MultiplyAdds => "multiply_adds",
        }
    }

    fn direction(self) -> Direction {
        match self {
            Figure::ValAccuracy | Figure::TrainAccuracy | Figure::ImagesPerSecond => Direction::Maximize,
            _ => Direction::Minimize,
        }
    }

    /// Its value at an epoch of a run; none where the run has no validation images.
    pub(crate) fn of(self, run: &Run, done: &EpochDone) -> Option<f64> {
        Some(match self {
            Figure::ValLoss => done.val_loss?,
            Figure::ValAccuracy => done.val_accuracy?,
            Figure::TrainLoss => done.train_loss,
            Figure::TrainAccuracy => done.train_accuracy,
            Figure::ImagesPerSecond => done.images_per_second,
            Figure::Seconds => done.seconds,
            Figure::Parameters => Summary::new(run.network()).total.parameters as f64,
            Figure::MultiplyAdds => Summary::new(run.network()).total.multiply_adds as f64,
        })
    }
}

impl Default for Objective {
    fn default() -> Self {
        Objective { figure: Figure::ValLoss, direction: Direction::Minimize }
    }
}

impl FromStr for Objective {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, direction) = text.split_once('=').map_or((text, None), |(name, way)| (name, Some(way)));
        let names = || Figure::ALL.map(Figure::name);
        let figure = Figure::ALL.into_iter().find(|figure| figure.name() == name).ok_or_else(|| {
            suggest::nearest(name, names()).map_or_else(
                || format!("there are {}", names().join(", ")),
                |near| format!("did you mean {near}?"),
            )
        })?;
        let direction = match direction {
            None => figure.direction(),
            Some("minimize") => Direction::Minimize,
            Some("maximize") => Direction::Maximize,
            Some(other) => {
                return Err(format!("{name} is to get better by minimize or maximize, not by {other}"));
            }
        };
        Ok(Objective { figure, direction })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_know_which_way_is_better() {
        let of = |text: &str| text.parse::<Objective>().map(|found| (found.figure, found.direction));
        assert_eq!(of("val_accuracy"), Ok((Figure::ValAccuracy, Direction::Maximize)));
        assert_eq!(of("seconds"), Ok((Figure::Seconds, Direction::Minimize)));
        assert_eq!(of("seconds=maximize"), Ok((Figure::Seconds, Direction::Maximize)));
        assert_eq!(of("val_los"), Err("did you mean val_loss?".into()));
        assert!(of("val_loss=up").is_err());
    }
}
