//! Averages of the weights over a run: exponential moving average, stochastic weight averaging, Lookahead.

mod lookahead;
mod update_bn;

pub use lookahead::Lookahead;
pub use update_bn::update_bn;

use crate::error::TrainError;
use crate::trainer::TrainerState;
use ocelli_nn::Weights;
use ocelli_nn::plan::{Average, TrainPlan};

/// Which averages of the weights a trainer keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Averaging {
    /// The decay of an exponential moving average that moves after every step, 0 to 1: that of
    /// `torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)`. The first step's weights
    /// are taken whole. BatchNorm's running averages are averaged too; how many batches they are of is counted on.
    pub ema_decay: Option<f64>,
    /// The number of epochs after which stochastic weight averaging begins: the mean of the weights at the end of each later epoch,
    /// as `AveragedModel` makes it. [`update_bn`] then makes new running averages.
    pub swa_start: Option<u64>,
    /// Slow weights that the optimizer's steps start from again and again.
    pub lookahead: Option<Lookahead>,
}

/// What an average is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AverageKind {
    /// The exponential moving average.
    Ema,
    /// The mean of stochastic weight averaging.
    Swa,
    /// Lookahead's slow weights.
    Lookahead,
}

impl AverageKind {
    /// All of them.
    pub const ALL: [AverageKind; 3] = [AverageKind::Ema, AverageKind::Swa, AverageKind::Lookahead];

    /// Its name in checkpoints.
    pub fn name(self) -> &'static str {
        match self {
            AverageKind::Ema => "ema",
            AverageKind::Swa => "swa",
            AverageKind::Lookahead => "lookahead",
        }
    }
}

/// The averages of a trainer.
#[derive(Debug)]
pub(crate) struct Averages {
    options: Averaging,
    ema: Option<Average>,
    swa: Option<Average>,
    slow: Option<Average>,
}

impl Averages {
    pub(crate) fn new(options: &Averaging, plan: &TrainPlan) -> Result<Self, TrainError> {
        let slow = options.lookahead.map(|_| plan.average()).transpose().map_err(TrainError::Plan)?;
        Ok(Averages { options: *options, ema: None, swa: None, slow })
    }

    /// The same as they were in a state.
    pub(crate) fn restored(
        options: &Averaging,
        plan: &TrainPlan,
        state: &TrainerState,
    ) -> Result<Self, TrainError> {
        let mut averages = Self::new(options, plan)?;
        for (kind, weights) in &state.averages {
            *averages.slot(*kind) = Some(plan.average_of(weights).map_err(TrainError::Plan)?);
        }
        Ok(averages)
    }

    fn slot(&mut self, kind: AverageKind) -> &mut Option<Average> {
        match kind {
            AverageKind::Ema => &mut self.ema,
            AverageKind::Swa => &mut self.swa,
            AverageKind::Lookahead => &mut self.slow,
        }
    }

    /// An average, if it has begun.
    pub(crate) fn get(&self, kind: AverageKind) -> Option<Weights> {
        let average = match kind {
            AverageKind::Ema => &self.ema,
            AverageKind::Swa => &self.swa,
            AverageKind::Lookahead => &self.slow,
        };
        average.as_ref().map(Average::weights)
    }

    /// All that have begun.
    pub(crate) fn state(&self) -> Vec<(AverageKind, Weights)> {
        AverageKind::ALL.into_iter().filter_map(|kind| Some((kind, self.get(kind)?))).collect()
    }

    /// Moves what moves with every step, of which there were `steps`: first the slow weights, which are part of the optimizer.
    pub(crate) fn after_step(&mut self, plan: &mut TrainPlan, steps: u64) -> Result<(), TrainError> {
        if let (Some(lookahead), Some(slow)) = (&self.options.lookahead, &mut self.slow) {
            lookahead.after_step(plan, slow, steps);
        }
        if let Some(decay) = self.options.ema_decay {
            move_or_begin(&mut self.ema, plan, (1.0 - decay) as f32)?;
        }
        Ok(())
    }

    /// Moves what moves with every epoch, of which there were `epochs`.
    pub(crate) fn after_epoch(&mut self, plan: &TrainPlan, epochs: u64) -> Result<(), TrainError> {
        match self.options.swa_start {
            Some(start) if epochs > start => {
                move_or_begin(&mut self.swa, plan, (1.0 / (epochs - start) as f64) as f32)
            }
            _ => Ok(()),
        }
    }
}

/// Moves an average by a share, or begins it with the weights as they are.
fn move_or_begin(average: &mut Option<Average>, plan: &TrainPlan, share: f32) -> Result<(), TrainError> {
    match average {
        Some(average) => plan.move_average(average, share),
        None => *average = Some(plan.average().map_err(TrainError::Plan)?),
    }
    Ok(())
}
