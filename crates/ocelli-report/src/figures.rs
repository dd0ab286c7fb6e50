//! Figures of a run and of what a model mixes up, as pages and trackers show them.

use ocelli_data::printable;
use ocelli_plot::{Axis, Figure};
use ocelli_train::EpochDone;
use ocelli_train::metrics::Confusion;

use crate::text::count;

/// The side of a cell of the confusion matrix, and the room around it.
const CELL: f32 = 13.0;
const AROUND: f32 = 260.0;

/// Classes up to which there is a confusion matrix, 287: a figure has room for so many cells.
pub const MOST_CLASSES: usize = ((Figure::LONGEST - AROUND) / CELL) as usize;

/// Mean loss by epoch, in training and, where there is one, in validation, the best epoch marked.
#[must_use]
pub fn loss(epochs: &[EpochDone]) -> Figure {
    let figure = Figure::new("Loss").y(Axis::linear("mean loss"));
    two_lines(figure, epochs, |done| done.train_loss, |done| done.val_loss)
}

/// Share of right answers by epoch, in training and, where there is one, in validation, the best epoch marked.
#[must_use]
pub fn accuracy(epochs: &[EpochDone]) -> Figure {
    let figure = Figure::new("Accuracy").y(Axis::linear("share of right answers"));
    two_lines(figure, epochs, |done| done.train_accuracy, |done| done.val_accuracy)
}

/// The learning rate of each epoch's last step.
#[must_use]
pub fn learning_rate(epochs: &[EpochDone]) -> Figure {
    Figure::new("Learning rate")
        .x(Axis::linear("epoch"))
        .y(Axis::linear("at the epoch's last step"))
        .line("learning rate", points(epochs, |done| Some(done.lr)))
}

/// Which classes (rows) were taken for which (columns), each cell as a share of its row; `classes` are their names.
///
/// Of more than [`MOST_CLASSES`] classes the figure has no room for the cells.
#[must_use]
pub fn confusion(confusion: &Confusion, classes: &[String]) -> Figure {
    let all = 0..confusion.classes();
    let names = |label| Axis::names(label, classes.iter().map(|class| printable(class).into_owned()));
    let cell = |truth: usize, predicted: usize| {
        let (images, all) = (confusion.count(truth, predicted), confusion.images_of(truth));
        let label = if images > 0 { count(images) } else { String::new() };
        (images as f64 / all.max(1) as f64, label)
    };
    let side = (confusion.classes() as f32).mul_add(CELL, AROUND).max(640.0);
    Figure::new("Confusion matrix: shares of each class")
        .size(side, side)
        .x(names("taken for"))
        .y(names("class"))
        .heat(all.clone().map(|truth| all.clone().map(|predicted| cell(truth, predicted)).collect()))
}

fn points(epochs: &[EpochDone], of: impl Fn(&EpochDone) -> Option<f64>) -> Vec<(f64, f64)> {
    epochs.iter().filter_map(|done| Some((done.epoch as f64, of(done)?))).collect()
}

/// Training and, where there is one, validation by epoch, the best one marked.
fn two_lines(
    figure: Figure,
    epochs: &[EpochDone],
    train: fn(&EpochDone) -> f64,
    val: fn(&EpochDone) -> Option<f64>,
) -> Figure {
    let mut figure =
        figure.x(Axis::linear("epoch")).line("training", points(epochs, |done| Some(train(done))));
    let validation = points(epochs, val);
    if !validation.is_empty() {
        figure = figure.line("validation", validation);
    }
    match epochs.iter().rfind(|done| done.best).and_then(|best| Some((best.epoch, val(best)?))) {
        Some((epoch, value)) => figure.mark("best", (epoch as f64, value)),
        None => figure,
    }
}
