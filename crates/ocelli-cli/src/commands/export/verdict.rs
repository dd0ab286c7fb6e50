//! What a verification came to, in words.

use super::images::Asked;
use crate::text::{figure, percent, plural};
use ocelli::data::printable;
use ocelli::export::verify::{Comparison, Format, Outcome, SAME, TOLERANCE, labels};
use ocelli::model::Classifier;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io::{self, Write};

/// The outcome on some images.
pub(super) struct Verdict<'a> {
    pub(super) outcome: Outcome,
    pub(super) classifier: &'a Classifier,
    pub(super) images: &'a Asked,
    pub(super) format: Format,
}

impl Verdict<'_> {
    /// That the answers differ, and where most.
    pub(super) fn disagreement(&self) -> Option<String> {
        let Outcome::Compared(found) = &self.outcome else { return None };
        if !found.agrees() && found.eight_bits {
            return Some(format!(
                "with eight bits, {} answers otherwise than the model: on {} of {} the same, fewer than {}",
                found.runtime,
                found.same,
                plural(found.images() as u64, "image", "images"),
                percent(SAME),
            ));
        }
        (!found.agrees()).then(|| {
            format!(
                "{} answers otherwise than the model: on {} of {} the same; a probability of {} is {} apart, more than {}",
                found.runtime,
                found.same,
                plural(found.images() as u64, "image", "images"),
                printable(&self.images.names[found.worst_image]),
                figure(f64::from(found.worst)),
                figure(f64::from(TOLERANCE)),
            )
        })
    }

    pub(super) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        match &self.outcome {
            Outcome::Compared(found) if found.agrees() && found.eight_bits => {
                let [before, after] = self.accuracies(found).map(percent);
                writeln!(
                    out,
                    "accuracy  {before} before, {after} with eight bits, on {}",
                    self.which(found)
                )?;
                writeln!(out, "verified  by {}: the same answer on {} of them", found.runtime, found.same)
            }
            Outcome::Compared(found) if found.agrees() => writeln!(
                out,
                "verified  by {} on {}: {}; the largest difference of a probability is {}",
                found.runtime,
                self.which(found),
                if found.same == found.images() {
                    "the same answers".to_owned()
                } else {
                    format!("{} the same, the others ties", found.same)
                },
                figure(f64::from(found.worst)),
            ),
            // Told as the error that it is.
            Outcome::Compared(_) => Ok(()),
            Outcome::NoRuntime(reason) => writeln!(
                out,
                "verified  not: {}; install it (pip install {}), or name an interpreter that has it in OCELLI_PYTHON",
                printable(reason),
                self.format.package(),
            ),
        }
    }

    /// On what share of the images all labels are right, by the model and by the export.
    fn accuracies(&self, found: &Comparison) -> [f64; 2] {
        let right = |answers: &[Vec<f32>]| {
            let told = answers.iter().map(|row| labels(self.classifier, row));
            let names = told.map(|labels| labels.into_iter().map(|class| &self.classifier.classes()[class]));
            let right = names.zip(&self.images.labels).filter(|(told, truth)| {
                let told: HashSet<&String> = told.clone().collect();
                told == truth.iter().collect()
            });
            right.count() as f64 / answers.len() as f64
        };
        [right(&found.ours), right(&found.theirs)]
    }

    fn which(&self, found: &Comparison) -> String {
        match self.images.split.as_str() {
            "all" => plural(found.images() as u64, "image", "images"),
            split => plural(found.images() as u64, &format!("{split} image"), &format!("{split} images")),
        }
    }

    /// The same for programs.
    pub(super) fn document(&self) -> Value {
        match &self.outcome {
            Outcome::Compared(found) => json!({
                "verified": found.agrees(),
                "precision": if found.eight_bits { "int8" } else { "float32" },
                "accuracy": { "model": self.accuracies(found)[0], "export": self.accuracies(found)[1] },
                "runtime": found.runtime,
                "split": self.images.split,
                "images": found.images(),
                "same_answers": found.same,
                "largest_difference": found.worst,
                "largest_difference_image": self.images.names[found.worst_image],
                "tolerance": TOLERANCE,
            }),
            Outcome::NoRuntime(reason) => json!({ "verified": null, "reason": reason }),
        }
    }
}
