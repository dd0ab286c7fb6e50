//! How training went: loss, accuracy and learning rate by epoch.

use maud::{Markup, html};
use ocelli_train::{EpochDone, SwaDone};

use super::Subject;
use crate::document::Charts;
use crate::figures;
use crate::text::{duration, percent, plural};

pub(super) fn body(subject: &Subject<'_>, charts: &mut Charts) -> Markup {
    let Some(run) = subject.run else {
        return html! {
            p { "No run was found beside this model, so there are no curves: " code { "ocelli report" }
                " shows them for the folder of a run, and for its " code { "model.safetensors" } "." }
        };
    };
    let (epochs, best) = (run.epochs, run.epochs.iter().rfind(|done| done.best));
    let (Some(last), Some(best)) = (epochs.last(), best) else {
        return html! { p { "The run has not finished an epoch yet: there are no curves." } };
    };
    let seconds: f64 = epochs.iter().map(|done| done.seconds).sum();
    html! {
        p {
            (plural(epochs.len() as u64, "epoch", "epochs")) ", " (plural(last.step, "step", "steps")) ", "
            (duration(seconds)) "; the best is epoch " (best.epoch)
            (validated(best.val_loss, best.val_accuracy)) ". "
            @if let Some(swa) = run.swa { (averaged(swa)) }
            "Training figures are of the weights as they were when each batch came, dropout on."
        }
        div.charts {
            (charts.show("loss", &told("Loss", epochs, |done| (done.train_loss, done.val_loss)), figures::loss(epochs)))
            (charts.show(
                "accuracy",
                &told("Accuracy", epochs, |done| (done.train_accuracy, done.val_accuracy)),
                figures::accuracy(epochs),
            ))
            (charts.show("learning-rate", &rates_told(epochs), figures::learning_rate(epochs)))
        }
    }
}

/// What came of the validation, if there was one.
fn validated(loss: Option<f64>, accuracy: Option<f64>) -> Markup {
    html! {
        @if let (Some(loss), Some(accuracy)) = (loss, accuracy) {
            ", with loss " (format!("{loss:.4}")) " and accuracy " (percent(accuracy)) " in validation"
        }
    }
}

fn averaged(swa: &SwaDone) -> Markup {
    html! {
        strong {
            "The model is no epoch's but the mean of the weights of the last " (plural(swa.swa_epochs, "epoch", "epochs"))
        }
        (validated(swa.val_loss, swa.val_accuracy)) ". "
    }
}

fn told(what: &str, epochs: &[EpochDone], of: fn(&EpochDone) -> (f64, Option<f64>)) -> String {
    let (Some((first, first_val)), Some((last, last_val))) = (epochs.first().map(of), epochs.last().map(of))
    else {
        return String::new();
    };
    let val = match (first_val, last_val) {
        (Some(first), Some(last)) => format!("; in validation from {first:.3} to {last:.3}"),
        _ => String::new(),
    };
    format!("{what} by epoch: in training from {first:.3} to {last:.3}{val}.")
}

fn rates_told(epochs: &[EpochDone]) -> String {
    let highest = epochs.iter().map(|done| done.lr).fold(0.0, f64::max);
    let last = epochs.last().map_or(0.0, |done| done.lr);
    format!("Learning rate by epoch: at most {highest:.3e}, {last:.3e} at the end.")
}
