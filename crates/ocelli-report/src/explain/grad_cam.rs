//! Grad-CAM: where in the image a layer saw what speaks for a class.

use ocelli_nn::Shape;
use ocelli_nn::plan::{GradientPlan, PlanOptions};

use super::{Explainer, FeatureMaps};
use crate::ReportError;

/// How much each place of an image counts, 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Heat {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Height × width values of 0 to 1; all 0 where nothing speaks for the class.
    pub values: Vec<f32>,
    /// The layer that it was read from.
    pub layer: String,
}

impl Explainer<'_> {
    /// The layer to look at with [`grad_cam`](Self::grad_cam) unless another is asked for: the last whose maps have more than one pixel and through
    /// which everything goes.
    ///
    /// # Errors
    /// No layer has such maps.
    pub fn grad_cam_layer(&self) -> Result<&str, ReportError> {
        let maps = |place: &usize| is_map(self.network.shapes()[*place]);
        let places = (0..self.network.nodes().len()).rev().filter(maps);
        let mut cuts = places.filter(|&place| self.network.after(place).is_some());
        cuts.next().map(|place| self.name(place)).ok_or_else(|| {
            let reason = "no layer has maps of more than one pixel: Grad-CAM has nothing to look at";
            ReportError::Network(reason.into())
        })
    }

    /// Where a layer saw what speaks for a class (Selvaraju et al., 2017): its [maps](Self::feature_maps), each weighed by the
    /// mean of the class's gradient over it, summed, what is below 0 left out, divided by the largest. `class` counts from 0.
    ///
    /// # Errors
    /// The layer has no maps, or is within a block, past which other ways lead; or the network cannot be run here.
    ///
    /// # Panics
    /// If there is no such class, or the maps are another network's.
    pub fn grad_cam(&self, maps: &FeatureMaps, class: usize) -> Result<Heat, ReportError> {
        let layer = maps.layer.as_str();
        let place = self.place(layer)?;
        if !is_map(self.network.shapes()[place]) {
            return Err(ReportError::layer(
                layer,
                "has no maps of more than one pixel, which Grad-CAM needs",
            ));
        }
        let rest = self.network.after(place).ok_or_else(|| self.not_a_cut(place))?;
        let mut plan = GradientPlan::new(&rest, &self.weights(&rest), PlanOptions::default())?;
        let mut chosen = vec![0.0; plan.forward(&maps.values).len()];
        chosen[class] = 1.0;
        let gradient = plan.backward(&chosen);
        let pixels = maps.height * maps.width;
        let mut weights = vec![0.0; maps.channels];
        for pixel in gradient.chunks_exact(maps.channels) {
            weights.iter_mut().zip(pixel).for_each(|(sum, g)| *sum += f64::from(*g) / pixels as f64);
        }
        let weighed =
            |pixel: &[f32]| -> f64 { pixel.iter().zip(&weights).map(|(a, w)| f64::from(*a) * w).sum() };
        let sums: Vec<f64> =
            maps.values.chunks_exact(maps.channels).map(|pixel| weighed(pixel).max(0.0)).collect();
        let largest = sums.iter().copied().fold(0.0, f64::max);
        let share = |sum: f64| if largest > 0.0 { (sum / largest) as f32 } else { 0.0 };
        Ok(Heat {
            height: maps.height,
            width: maps.width,
            values: sums.into_iter().map(share).collect(),
            layer: layer.to_string(),
        })
    }

    fn not_a_cut(&self, place: usize) -> ReportError {
        let mut later = place + 1..self.network.nodes().len();
        let next =
            later.find(|&later| is_map(self.network.shapes()[later]) && self.network.after(later).is_some());
        let next =
            next.map_or(String::new(), |next| format!("; {} is the next that would do", self.name(next)));
        ReportError::layer(self.name(place), format!("is within a block: other ways lead past it{next}"))
    }
}

/// Whether there are places to tell apart.
fn is_map(shape: Shape) -> bool {
    matches!(shape, Shape::Map { height, width, .. } if height * width > 1)
}
