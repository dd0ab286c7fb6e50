//! What an answer depends on, as numbers.

mod embedding;
mod feature_maps;
mod filters;
mod grad_cam;
mod integrated_gradients;
mod seen;

pub use embedding::{Embeddings, save_npy};
pub use feature_maps::FeatureMaps;
pub use grad_cam::Heat;
pub use integrated_gradients::Attribution;
pub use seen::Seen;

use ocelli_model::Classifier;
use ocelli_nn::plan::{InferPlan, PlanOptions};
use ocelli_nn::suggest::nearest;
use ocelli_nn::{Layer, Network, Weights};

use crate::ReportError;

/// A classifier that is asked why. Everything is about its logits, before any softmax, which would mix all classes.
#[derive(Debug)]
pub struct Explainer<'a> {
    classifier: &'a Classifier,
    /// Without a softmax at its end.
    network: Network,
}

impl<'a> Explainer<'a> {
    /// Of a trained classifier.
    #[must_use]
    pub fn new(classifier: &'a Classifier) -> Self {
        let whole = classifier.network();
        let network = match whole.nodes() {
            [.., _, last] if last.layer == Layer::Softmax => whole.up_to(whole.nodes().len() - 2),
            _ => whole.clone(),
        };
        Self { classifier, network }
    }

    /// The network, without a softmax at its end.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The logit of each class.
    ///
    /// # Errors
    /// The network cannot be run here.
    pub fn logits(&self, seen: &Seen) -> Result<Vec<f32>, ReportError> {
        self.output_of(&self.network, seen)
    }

    /// The place of a layer among the network's nodes.
    fn place(&self, layer: &str) -> Result<usize, ReportError> {
        let names = || self.network.nodes().iter().map(|node| node.name.as_str());
        names().position(|name| name == layer).ok_or_else(|| {
            let hint = nearest(layer, names()).map_or_else(
                || "`ocelli summary` lists the layers".to_string(),
                |name| format!("did you mean {name}?"),
            );
            ReportError::layer(layer, format!("is none of the network's; {hint}"))
        })
    }

    fn name(&self, place: usize) -> &str {
        &self.network.nodes()[place].name
    }

    fn weights(&self, part: &Network) -> Weights {
        self.classifier.weights().select(part)
    }

    /// What a part of the network, from its input on, makes of an image.
    fn output_of(&self, part: &Network, seen: &Seen) -> Result<Vec<f32>, ReportError> {
        let mut plan = InferPlan::new(part, &self.weights(part), PlanOptions::default())?;
        Ok(plan.run(&seen.input).to_vec())
    }
}
