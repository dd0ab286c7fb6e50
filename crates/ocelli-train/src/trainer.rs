//! The trainer: a plan, an optimizer and a schedule, taken through epochs of batches.

use crate::averages::{AverageKind, Averages, Averaging};
use crate::distill::Teacher;
use crate::divergence::{self, Divergence};
use crate::error::TrainError;
use crate::events::{BatchDone, Event, Observer};
use crate::groups::{Freeze, Group, Groups, Unfreeze};
use crate::loss::{self, Loss};
use crate::objective::Objective;
use crate::optimizer::Optimizer;
use crate::sam::Sam;
use crate::schedule::{Clock, Pace, PlateauState, Rates, Schedule, Warmup};
use ocelli_data::{Batch, DataError};
use ocelli_nn::plan::{PlanOptions, SampleKeys, TrainPlan};
use ocelli_nn::{Layer, Network, ParameterSpec, Weights};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// How a [`Trainer`] trains.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOptions {
    /// Epochs of the whole run.
    pub epochs: u64,
    /// Steps in an epoch: batches that come, the last one whole or not, by those of one step.
    pub steps_per_epoch: u64,
    /// The most images in one batch.
    pub batch_size: usize,
    /// The learning rate that the schedule starts from.
    pub lr: f64,
    /// What turns gradients into steps.
    pub optimizer: Optimizer,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// A lower learning rate before the schedule begins.
    pub warmup: Option<Warmup>,
    /// Gradients are scaled down to this norm, all together, as by `torch.nn.utils.clip_grad_norm_`.
    pub clip_norm: Option<f64>,
    /// Every gradient is brought into this distance of 0, as by `torch.nn.utils.clip_grad_value_`.
    pub clip_value: Option<f64>,
    /// Batches of which one step takes the mean gradient, at least 1, as if they were one (but BatchNorm normalises each by itself);
    /// the last step of an epoch takes those that are left.
    pub accumulate: u64,
    /// Steps by the gradients at the sharpest point nearby.
    pub sam: Option<Sam>,
    /// Averages of the weights, and steps over them.
    pub averaging: Averaging,
    /// Parameters that stay as they are: entries in order, each over what came before.
    pub freeze: Vec<Freeze>,
    /// Parameters that are frozen until an epoch alone.
    pub unfreeze: Vec<Unfreeze>,
    /// Parameters with a learning rate or weight decay of their own; the last group that matches one counts.
    pub groups: Vec<Group>,
    /// Whether weight decay is for biases, normalisations and other factors too, and not for the weights of convolutions and
    /// linear layers alone. A group's own weight decay is for all that it matches.
    pub decay_norms_and_biases: bool,
    /// What training makes small.
    pub loss: Loss,
    /// Decides what dropout drops.
    pub seed: u64,
}

/// Trains one network. Works on the threads of the `rayon` pool that it is called in.
///
/// The same batches in the same order give the same weights, bit for bit, whatever the number of threads.
pub struct Trainer {
    network: Network,
    plan: TrainPlan,
    options: TrainOptions,
    groups: Groups,
    pace: Pace,
    objective: Objective,
    gradient: Vec<f32>,
    classes: usize,
    normalises: bool,
    /// The norm of the last step's gradients before clipping, if that was by norm.
    grad_norm: Option<f64>,
    /// What the schedule's learning rates are multiplied by.
    lr_scale: f64,
    averages: Averages,
    /// Batches whose gradients wait for the next step.
    kept: u64,
    position: Position,
}

/// Where training stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Epochs done.
    pub epoch: u64,
    /// Steps done.
    pub step: u64,
    /// Batches of the epoch under way that were taken from the loader, whether or not they could be used.
    pub batch: u64,
    /// The sums of the epoch under way.
    pub sums: EpochSums,
}

/// An epoch's sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochSums {
    /// Images trained on.
    pub images: u64,
    /// Batches trained on.
    pub batches: u64,
    /// The sum of all images' losses.
    pub loss: f64,
    /// Images whose largest logit was the right one; mixed images count by how much of them is of that class.
    pub right: f64,
    /// The learning rate of the last step.
    pub lr: f64,
    /// Seconds in which the next batch was waited for: it was not ready when the step before it was made.
    pub waited: f64,
}

impl EpochSums {
    /// Mean loss over the images; 0 when there were none.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.images.max(1) as f64
    }

    /// The share of right answers, 0 to 1.
    pub fn accuracy(&self) -> f64 {
        self.right / self.images.max(1) as f64
    }
}

/// Where a trainer stands between two steps: all that it needs to go on as if it had never stopped.
#[derive(Clone, Debug)]
pub struct TrainerState {
    /// Epochs, steps and batches done, and the sums of the epoch under way.
    pub position: Position,
    /// The weights.
    pub weights: Weights,
    /// The optimizer's buffers and step count.
    pub optimizer: Weights,
    /// Where a schedule stands that results move.
    pub plateau: Option<PlateauState>,
    /// Averages of the weights, by what they are for.
    pub averages: Vec<(AverageKind, Weights)>,
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer").field("position", &self.position).finish_non_exhaustive()
    }
}

impl Trainer {
    /// Prepares to train `network` from `weights`.
    ///
    /// # Errors
    /// The network ends in a softmax (or, for losses of several labels an image, in a sigmoid), which the loss applies itself, or
    /// cannot be planned, or a pattern matches none of its parameters.
    pub fn new(network: &Network, weights: &Weights, options: TrainOptions) -> Result<Self, TrainError> {
        check_last_layer(network)?;
        check_sigmoid(network, &options.loss)?;
        let groups = Groups::new(
            network,
            (&options.freeze, &options.unfreeze),
            &options.groups,
            options.decay_norms_and_biases,
        )?;
        let plan = PlanOptions { batch: options.batch_size, ..PlanOptions::default() };
        let plan = TrainPlan::new(network, weights, plan).map_err(TrainError::Plan)?;
        let mut trainer = Trainer {
            averages: Averages::new(&options.averaging, &plan)?,
            kept: 0,
            plan,
            objective: Objective::new(options.loss.clone()),
            gradient: Vec::new(),
            classes: network.output().channels(),
            normalises: normalises(network),
            grad_norm: None,
            lr_scale: 1.0,
            position: Position::default(),
            network: network.clone(),
            groups,
            pace: Pace::new(options.lr, options.schedule.clone(), options.warmup),
            options: TrainOptions { optimizer: options.optimizer.for_network(network), ..options },
        };
        trainer.thaw();
        Ok(trainer)
    }

    /// Learns from `teacher` too, which must have been made for this network: its images keep their size.
    ///
    /// # Errors
    /// The teacher's network cannot be planned.
    pub fn with_teacher(mut self, teacher: &Teacher) -> Result<Self, TrainError> {
        let teaching = teacher.teaching(self.options.batch_size).map_err(TrainError::Plan)?;
        self.objective = self.objective.with_teaching(teaching);
        Ok(self)
    }

    /// Trains on the next epoch's batches.
    ///
    /// A batch of a single image is passed over if the network normalises over the batch: one image has no variance.
    ///
    /// # Errors
    /// A batch could not be loaded, no batch could be used, or the loss is no longer a number.
    pub fn epoch(
        &mut self,
        mut batches: impl Iterator<Item = Result<Batch, DataError>>,
        observer: &mut dyn Observer,
    ) -> Result<EpochSums, TrainError> {
        while let Some(batch) = self.next_batch(&mut batches)? {
            self.batch(&batch, observer)?;
        }
        self.end_steps()?;
        self.end_epoch()
    }

    /// The next batch of the epoch; the seconds until it comes count as waited.
    ///
    /// # Errors
    /// It could not be loaded.
    pub fn next_batch(
        &mut self,
        batches: &mut impl Iterator<Item = Result<Batch, DataError>>,
    ) -> Result<Option<Batch>, TrainError> {
        let began = Instant::now();
        let batch = batches.next();
        self.position.sums.waited += began.elapsed().as_secs_f64();
        batch.transpose().map_err(TrainError::Data)
    }

    /// Trains on one batch of the epoch under way, and tells it.
    ///
    /// # Errors
    /// The loss is no longer a number; then nothing has changed but BatchNorm's running averages.
    pub fn batch(&mut self, batch: &Batch, observer: &mut dyn Observer) -> Result<(), TrainError> {
        if !(batch.is_empty() || self.normalises && batch.len() == 1) {
            let loss = self.step(batch)?;
            let Position { epoch, sums, .. } = &self.position;
            observer.event(&Event::Batch(&BatchDone {
                epoch: epoch + 1,
                batch: sums.batches,
                images: sums.images,
                loss,
                mean_loss: sums.mean_loss(),
                accuracy: sums.accuracy(),
                lr: sums.lr,
                grad_norm: self.grad_norm,
            }));
        }
        // The loader gives no empty batches, but counts them.
        self.position.batch = batch.number() as u64 + 1;
        Ok(())
    }

    /// Makes the last step of an epoch whose batches are over, if gradients wait for it.
    ///
    /// # Errors
    /// There is no memory for an average.
    pub fn end_steps(&mut self) -> Result<(), TrainError> {
        if self.is_between_steps() { Ok(()) } else { self.update() }
    }

    /// Whether no gradients wait for the next step: only then [`Trainer::state`] is all.
    pub fn is_between_steps(&self) -> bool {
        self.kept == 0
    }

    /// Ends the epoch under way; gives its sums.
    ///
    /// # Errors
    /// Not one batch of it could be used, or there is no memory for an average.
    pub fn end_epoch(&mut self) -> Result<EpochSums, TrainError> {
        let Position { epoch, step, sums, .. } = self.position;
        if sums.batches == 0 {
            return Err(TrainError::NoBatches { epoch: epoch + 1 });
        }
        self.position = Position { epoch: epoch + 1, step, ..Position::default() };
        self.averages.after_epoch(&self.plan, epoch + 1)?;
        self.thaw();
        Ok(sums)
    }

    /// Lets the plan go back as far as there is something that learns in the epoch under way.
    fn thaw(&mut self) {
        let (groups, epochs) = (&self.groups, self.position.epoch);
        self.plan.learn(|spec| !groups.is_frozen(&spec.name, epochs));
    }

    /// One step: forward, loss, backward, update.
    fn step(&mut self, batch: &Batch) -> Result<f64, TrainError> {
        let labels = batch.labels();
        let rates = self.rates();
        let keys =
            SampleKeys { seed: self.options.seed, epoch: self.position.epoch, samples: batch.samples() };
        self.objective.ask(batch);
        let logits = self.plan.forward(batch.images(), &keys);
        self.gradient.resize(labels.len() * self.classes, 0.0);
        let loss = self.objective.forward(logits, batch, &mut self.gradient);
        self.position.sums.right += loss::right(logits, batch);
        self.position.sums.lr = rates.lr;
        if !loss.is_finite() {
            return Err(self.diverged("", loss, batch, &keys));
        }
        self.plan.backward(&self.gradient);
        if let Some(sam) = self.options.sam {
            self.climb(sam, batch, &keys)?;
        }
        let sums = &mut self.position.sums;
        sums.batches += 1;
        sums.images += labels.len() as u64;
        sums.loss += loss * labels.len() as f64;
        self.kept += 1;
        if self.options.accumulate > 1 {
            self.plan.keep_gradients(self.objective.divisor(batch) as f32).map_err(TrainError::Plan)?;
        }
        if self.kept >= self.options.accumulate {
            self.update()?;
        }
        Ok(loss)
    }

    /// Takes the gradients from the weights nearby where the loss is largest.
    fn climb(&mut self, sam: Sam, batch: &Batch, keys: &SampleKeys<'_>) -> Result<(), TrainError> {
        let (groups, epochs) = (&self.groups, self.position.epoch);
        let moves = |spec: &ParameterSpec| !groups.is_frozen(&spec.name, epochs);
        self.plan.climb(sam.rho, sam.adaptive, moves).map_err(TrainError::Plan)?;
        let logits = self.plan.forward_above(batch.images(), keys);
        let loss = self.objective.forward(logits, batch, &mut self.gradient);
        let diverged = !loss.is_finite();
        let error =
            diverged.then(|| self.diverged(" at the weights that train.sam climbs to", loss, batch, keys));
        if !diverged {
            self.plan.backward(&self.gradient);
        }
        self.plan.climb_down();
        error.map_or(Ok(()), Err)
    }

    /// What to say of a loss that is not finite, at the weights as they are.
    fn diverged(&self, place: &str, loss: f64, batch: &Batch, keys: &SampleKeys<'_>) -> TrainError {
        let Position { epoch, sums, .. } = &self.position;
        let (epoch, number) = (epoch + 1, sums.batches + 1);
        let found = format!("the loss of batch {number} in epoch {epoch}{place} is {loss}");
        let weights = self.plan.weights();
        let cause = divergence::find(&self.network, &weights, || self.plan.gradients(), batch, keys);
        Divergence { epoch, batch: number, lr: sums.lr, found, cause }.into()
    }

    /// Learning rate and momentum of the step that comes next.
    fn rates(&self) -> Rates {
        let TrainOptions { steps_per_epoch, epochs, .. } = self.options;
        let rates = self.pace.at(Clock::new(self.position.step, steps_per_epoch, epochs));
        Rates { lr: rates.lr * self.lr_scale, ..rates }
    }

    /// Steps by the gradients that wait.
    fn update(&mut self) -> Result<(), TrainError> {
        self.plan.use_kept_gradients();
        self.clip();
        let optimizer = self.options.optimizer.with_rates(self.rates());
        self.plan.step(&self.groups.update(optimizer, self.position.epoch));
        self.kept = 0;
        self.position.step += 1;
        self.averages.after_step(&mut self.plan, self.position.step)
    }

    /// Brings the gradients within their bounds, if they have any.
    fn clip(&mut self) {
        let TrainOptions { clip_norm, clip_value, .. } = self.options;
        let (groups, epochs) = (&self.groups, self.position.epoch);
        let counts = |spec: &ParameterSpec| !groups.is_frozen(&spec.name, epochs);
        self.grad_norm = clip_norm.map(|norm| self.plan.clip_gradient_norm(norm, counts));
        if let Some(value) = clip_value {
            self.plan.clip_gradient_value(value);
        }
    }

    /// Takes notice of what an epoch came to on the validation images (without any, on the training images): schedules such as
    /// [`Plateau`](crate::Plateau) wait for it.
    pub fn after_epoch(&mut self, loss: f64, accuracy: f64) {
        self.pace.after_epoch(loss, accuracy);
    }

    /// Where training stands.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// The weights as they are now.
    pub fn weights(&self) -> Weights {
        self.plan.weights()
    }

    /// The weights to evaluate and save: their exponential moving average, where there is one.
    pub fn model_weights(&self) -> Weights {
        self.averages.get(AverageKind::Ema).unwrap_or_else(|| self.plan.weights())
    }

    /// The mean of the weights after the epochs so far from `swa_start` on, if there were any.
    pub fn swa_weights(&self) -> Option<Weights> {
        self.averages.get(AverageKind::Swa)
    }

    /// Goes on with the same layers over images of another size. Only between epochs or after [`Trainer::restore`]: gradients that
    /// wait for a step are gone.
    ///
    /// # Errors
    /// The network cannot be planned, or its parameters are others.
    pub fn take_input(&mut self, network: &Network) -> Result<(), TrainError> {
        let state = self.state();
        let plan = PlanOptions { batch: self.options.batch_size, ..PlanOptions::default() };
        self.plan = TrainPlan::new(network, &state.weights, plan).map_err(TrainError::Plan)?;
        self.network = network.clone();
        self.restore(&state)
    }

    /// Multiplies the schedule's learning rates from the next step on (1 at first).
    pub fn set_lr_scale(&mut self, scale: f64) {
        self.lr_scale = scale;
    }

    /// What the last step spoilt, if it did: weights that are not finite, or buffers of the optimizer's. A loss tells only one batch
    /// later.
    ///
    /// # Errors
    /// It did.
    pub fn check(&self, state: &TrainerState) -> Result<(), TrainError> {
        match divergence::in_state(&self.network, state, || self.plan.gradients()) {
            None => Ok(()),
            Some(cause) => {
                Err(Divergence::after(&state.position, "the weights are not finite", cause).into())
            }
        }
    }

    /// All that another trainer needs to go on.
    pub fn state(&self) -> TrainerState {
        TrainerState {
            position: self.position,
            weights: self.plan.weights(),
            optimizer: self.plan.optimizer_state(),
            plateau: self.pace.state(),
            averages: self.averages.state(),
        }
    }

    /// Trains at another pace for a while, whose steps count from 0; then all is as it was before.
    pub(crate) fn at_pace(
        &mut self,
        pace: Pace,
        work: impl FnOnce(&mut Self) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        assert!(self.is_between_steps(), "gradients wait for the next step, which would be lost");
        let before = self.state();
        let (pace, scale) =
            (std::mem::replace(&mut self.pace, pace), std::mem::replace(&mut self.lr_scale, 1.0));
        self.position = Position { epoch: self.position.epoch, ..Position::default() };
        let done = work(self);
        (self.pace, self.lr_scale) = (pace, scale);
        self.restore(&before)?;
        done
    }

    /// Goes on from where another trainer of the same network and options stood.
    ///
    /// # Errors
    /// The state is of another network or optimizer.
    pub fn restore(&mut self, state: &TrainerState) -> Result<(), TrainError> {
        self.plan.load_weights(&state.weights).map_err(TrainError::Plan)?;
        self.plan.load_optimizer_state(&state.optimizer).map_err(TrainError::Plan)?;
        self.pace.restore(state.plateau);
        self.averages = Averages::restored(&self.options.averaging, &self.plan, state)?;
        self.position = state.position;
        // Gradients that waited were of the weights before: the plan forgot them with those.
        self.kept = 0;
        self.thaw();
        Ok(())
    }
}

/// Whether a network normalises over the batch, so that one image is too few.
pub(crate) fn normalises(network: &Network) -> bool {
    let is_norm = |layer: &Layer| matches!(layer, Layer::BatchNorm1d(_) | Layer::BatchNorm2d(_));
    network.nodes().iter().any(|node| is_norm(&node.layer))
}

/// Checks that the last layer is no sigmoid where the loss applies it.
pub(crate) fn check_sigmoid(network: &Network, loss: &Loss) -> Result<(), TrainError> {
    match network.nodes().last() {
        Some(last) if last.layer == Layer::Sigmoid && loss.is_multi_label() => {
            Err(TrainError::EndsInSigmoid { layer: last.name.clone() })
        }
        _ => Ok(()),
    }
}

/// Checks that the last layer is no softmax: the loss applies it.
pub(crate) fn check_last_layer(network: &Network) -> Result<(), TrainError> {
    match network.nodes().last() {
        Some(last) if last.layer == Layer::Softmax => {
            Err(TrainError::EndsInSoftmax { layer: last.name.clone() })
        }
        _ => Ok(()),
    }
}
