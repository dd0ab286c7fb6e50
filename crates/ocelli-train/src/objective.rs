//! What a trainer makes small.

use crate::distill::Teaching;
use crate::loss::Loss;
use ocelli_data::Batch;

/// The loss of a batch's labels, and the part of a teacher if there is one.
#[derive(Debug)]
pub(crate) struct Objective {
    loss: Loss,
    teaching: Option<Teaching>,
}

impl Objective {
    /// The loss of labels alone.
    pub(crate) fn new(loss: Loss) -> Self {
        Objective { loss, teaching: None }
    }

    pub(crate) fn with_teaching(self, teaching: Teaching) -> Self {
        Objective { teaching: Some(teaching), ..self }
    }

    /// Asks the teacher about a batch, which holds for every [`forward`](Self::forward) of it.
    pub(crate) fn ask(&mut self, batch: &Batch) {
        if let Some(teaching) = &mut self.teaching {
            teaching.ask(batch.images());
        }
    }

    /// The mean loss of the batch that was asked about, if it has these logits. Writes its gradient with respect to them into
    /// `gradient`.
    pub(crate) fn forward(&self, logits: &[f32], batch: &Batch, gradient: &mut [f32]) -> f64 {
        let of_labels = self.loss.forward(logits, batch, gradient);
        match &self.teaching {
            Some(teaching) => teaching.forward(logits, of_labels, gradient),
            None => of_labels,
        }
    }

    /// What the loss of a batch is divided by: its images, as the teacher's part is, or what they weigh.
    pub(crate) fn divisor(&self, batch: &Batch) -> f64 {
        match self.teaching {
            Some(_) => batch.len() as f64,
            None => self.loss.divisor(batch),
        }
    }
}
