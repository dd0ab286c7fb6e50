//! The axis of an objective.

use super::Objective;
use ocelli_plot::Axis;
use ocelli_tune::Direction;

/// Values worse than the upper quartile by more than so many times the distance of the quartiles lie at the axis's end (Tukey's fences, the
/// outer ones): one trial that went astray would otherwise press all others together.
const FENCE: f64 = 3.0;
/// From this ratio of the ends on, the axis is logarithmic.
const WIDE: f64 = 100.0;

/// An objective's axis over these values, all finite, those that are much worse than most at its end, which the label says; `None` where there are none.
pub(super) fn goal(objective: &Objective, values: &[f64]) -> Option<Axis> {
    let direction = objective.direction;
    let mut losses: Vec<f64> = values.iter().map(|value| direction.as_loss(*value)).collect();
    losses.sort_by(f64::total_cmp);
    let quartile =
        |part: usize| losses.get((losses.len() * part / 4).min(losses.len().checked_sub(1)?)).copied();
    let (first, third) = (quartile(1)?, quartile(3)?);
    let fence = if third > first { third + FENCE * (third - first) } else { f64::INFINITY };
    let within: Vec<f64> = losses.iter().copied().take_while(|loss| *loss <= fence).collect();
    let (best, worst) = (*within.first()?, *within.last()?);
    let beyond = losses.len() - within.len();
    let (low, high) = match direction {
        Direction::Minimize => (best, worst),
        Direction::Maximize => (-worst, -best),
    };
    let label = match beyond {
        0 => objective.name.clone(),
        some => format!("{} ({some} beyond)", objective.name),
    };
    let axis = if low > 0.0 && high / low > WIDE { Axis::log(label) } else { Axis::linear(label) };
    Some(axis.range(low, high))
}

/// An objective's colours over values: the best is dark.
pub(super) fn shades(objective: &Objective, values: &[f64]) -> Option<Axis> {
    let axis = goal(objective, values)?.named(&objective.name);
    Some(if objective.direction == Direction::Minimize { axis.falling() } else { axis })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(direction: Direction, values: &[f64]) -> Option<Axis> {
        goal(&Objective { name: "loss".into(), direction }, values)
    }

    #[test]
    fn one_that_went_astray_lies_at_the_edge() {
        let values = [0.5, 0.6, 0.7, 0.8, 0.9, 1e6];
        let found = of(Direction::Minimize, &values).unwrap();
        assert_eq!(found, Axis::linear("loss (1 beyond)").range(0.5, 0.9));
        // What is better by as much is no mistake.
        assert_eq!(of(Direction::Maximize, &values), Some(Axis::log("loss").range(0.5, 1e6)));
    }

    #[test]
    fn values_that_are_all_the_same_or_none_have_an_axis_or_none() {
        assert_eq!(
            of(Direction::Minimize, &[2.0, 2.0, 2.0, 2.0, 9.0]),
            Some(Axis::linear("loss").range(2.0, 9.0))
        );
        assert_eq!(of(Direction::Minimize, &[2.0]), Some(Axis::linear("loss")));
        assert!(of(Direction::Minimize, &[]).is_none());
    }

    #[test]
    fn values_of_several_orders_of_magnitude_are_logarithmic() {
        let values = [0.001, 0.01, 0.1, 0.2, 0.3];
        assert_eq!(of(Direction::Minimize, &values), Some(Axis::log("loss").range(0.001, 0.3)));
    }
}
