//! Plans for the gradients of a network as it evaluates: what an answer depends on.

use super::program::Purpose;
use super::train::{SampleKeys, TrainPlan};
use super::{PlanError, PlanOptions};
use crate::network::Network;
use crate::weights::Weights;

/// A network compiled to evaluate images and to tell how its output changes with them: dropout left out, BatchNorm by its
/// running averages, if it has any; PyTorch's `eval()` with gradients.
///
/// ```
/// # use ocelli_nn::{Conv2d, Sequential, Shape, plan::{GradientPlan, PlanOptions}};
/// let network = Sequential::new(Shape::map(1, 8, 8)).conv2d(Conv2d::new(1, 4, 3)).flatten().linear(144, 2).build("two")?;
/// let mut plan = GradientPlan::new(&network, &network.init(1), PlanOptions::default())?;
/// let logits = plan.forward(&[0.5; 64]);
/// assert_eq!(logits.len(), 2);
/// // How the first logit changes with each pixel.
/// let gradient = plan.backward(&[1.0, 0.0]);
/// assert_eq!(gradient.len(), 64);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct GradientPlan {
    plan: TrainPlan,
    image: usize,
    /// Nothing is drawn, but passes ask by what it would be.
    samples: Vec<u64>,
    count: usize,
    gradient: Vec<f32>,
}

impl GradientPlan {
    /// Compiles `network` with `weights`.
    ///
    /// # Errors
    /// As [`InferPlan::new`](super::InferPlan::new).
    pub fn new(network: &Network, weights: &Weights, options: PlanOptions) -> Result<Self, PlanError> {
        let plan = TrainPlan::compile(network, weights, options, Purpose::Gradients)?;
        let image = network.input().elements();
        let gradient = vec![0.0; options.batch * image];
        Ok(Self { plan, image, samples: vec![0; options.batch], count: 0, gradient })
    }

    /// The network's output for images of N × H × W × C floats, N at most the plan's batch: N × classes, or
    /// N × H × W × C for a map.
    ///
    /// # Panics
    /// If `images` is not whole images, or more than the batch.
    pub fn forward(&mut self, images: &[f32]) -> &[f32] {
        self.count = super::count_images(images.len(), self.image, self.samples.len());
        let keys = SampleKeys { seed: 0, epoch: 0, samples: &self.samples[..self.count] };
        self.plan.forward(images, &keys)
    }

    /// The gradient of the images of the last [`forward`](Self::forward), N × H × W × C, for the gradient of its output.
    ///
    /// # Panics
    /// If `gradient` has not the output's length, or no forward pass came between this one and the last:
    /// what a forward pass keeps serves once.
    pub fn backward(&mut self, gradient: &[f32]) -> &[f32] {
        self.plan.backward(gradient);
        let to = &mut self.gradient[..self.count * self.image];
        self.plan.input_gradient(to);
        to
    }
}
