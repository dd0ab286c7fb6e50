//! A first convolution whose filters whiten patches of the training images.

use crate::recipe::RecipeError;
use nalgebra::{DMatrix, SymmetricEigen};
use ocelli_data::{Batch, DataError};
use ocelli_nn::suggest::nearest;
use ocelli_nn::{Conv2d, Layer, Network, Source, Weights};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Places of an image at which a patch is taken, at most: neighbouring patches tell nearly the same.
const PLACES: usize = 1024;

/// `[model.whiten]`: lets a convolution that reads the images begin with filters that whiten their patches. Each of the first
/// filters is a principal component of the patches over the root of its variance, the largest first, and as many after them are the
/// same with the other sign; what comes out is uncorrelated and of one scale from the first step on. Filters beyond these are left as
/// they were, and so is the bias. Usually such filters stay as they are (`train.freeze`).
///
/// Page (2019), "How to train your ResNet"; Jordan (2024), arXiv:2404.00498.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whiten {
    /// The name of the convolution: it must read the images, without groups. Twice as many filters as a patch has values take both
    /// signs of every component.
    pub layer: String,
    /// Training images that patches are taken of, as the network sees them in the first epoch, at least 1 (default 1000).
    #[serde(default = "images")]
    pub images: usize,
    /// What is added to variances, so that what hardly varies is not blown up, more than 0 (default 0.0005).
    #[serde(default = "eps")]
    pub eps: f64,
}

fn images() -> usize {
    1000
}

fn eps() -> f64 {
    5e-4
}

impl Whiten {
    pub(crate) fn check(&self) -> Result<(), RecipeError> {
        if self.images == 0 {
            return Err(wrong("images", "is 0, but must be at least 1".into()));
        }
        if !(self.eps > 0.0 && self.eps.is_finite()) {
            return Err(wrong("eps", format!("is {}, but must be more than 0", self.eps)));
        }
        Ok(())
    }

    /// The convolution in the network.
    ///
    /// # Errors
    /// There is none of this name, it does not read the images, or it has groups.
    pub(crate) fn convolution<'a>(&self, network: &'a Network) -> Result<&'a Conv2d, RecipeError> {
        let reads_images = |node: &&ocelli_nn::Node| node.inputs == [Source::Input];
        let Some(node) = network.nodes().iter().find(|node| node.name == self.layer) else {
            let names = network.nodes().iter().filter(reads_images).map(|node| node.name.as_str());
            let near = nearest(&self.layer, names.clone()).map(str::to_owned);
            let names: Vec<&str> = names.collect();
            let meant = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            let problem = format!(
                "is {:?}, but the network has no such layer{meant} (its images are read by: {})",
                self.layer,
                names.join(", ")
            );
            return Err(wrong("layer", problem));
        };
        match &node.layer {
            Layer::Conv2d(convolution) if reads_images(&node) && convolution.groups == 1 => Ok(convolution),
            other => {
                let found = other.type_name();
                let problem = format!(
                    "is {:?}, a {found}, but must be a Conv2d without groups that reads the images",
                    self.layer
                );
                Err(wrong("layer", problem))
            }
        }
    }

    /// Puts the filters into `weights`.
    ///
    /// # Errors
    /// A batch could not be loaded, or as [`Whiten::convolution`].
    pub(crate) fn fill(
        &self,
        network: &Network,
        weights: &mut Weights,
        batches: impl Iterator<Item = Result<Batch, DataError>>,
    ) -> Result<(), crate::TrainError> {
        let convolution = self.convolution(network)?;
        let mut patches = Patches::new(convolution);
        let mut left = self.images;
        for batch in batches {
            let batch = batch.map_err(crate::TrainError::Data)?;
            let taken = left.min(batch.len() * batch.views());
            patches.add(&batch, taken);
            left -= taken;
            if left == 0 {
                break;
            }
        }
        let filters = filters(&patches.second_moments(), self.eps);
        let name = format!("{}.weight", self.layer);
        let Some(ocelli_nn::Tensor { data: ocelli_nn::TensorData::F32(values), .. }) = weights.get_mut(&name)
        else {
            unreachable!("a convolution has a weight of floats");
        };
        for (value, filter) in values.iter_mut().zip(filters) {
            *value = filter;
        }
        Ok(())
    }
}

fn wrong(key: &str, problem: String) -> RecipeError {
    RecipeError::OutOfRange { key: format!("model.whiten.{key}"), problem }
}

/// Sums over patches of images of the products of their values, in the order of a filter's: channel, row, column.
struct Patches {
    channels: usize,
    kernel: [usize; 2],
    dilation: [usize; 2],
    /// The upper triangle, row by row.
    sums: Vec<f64>,
    count: u64,
}

impl Patches {
    fn new(convolution: &Conv2d) -> Self {
        let Conv2d { in_channels: channels, kernel_size, dilation, .. } = *convolution;
        let kernel = [kernel_size.height, kernel_size.width];
        let length = channels * kernel[0] * kernel[1];
        let sums = vec![0.0; length * (length + 1) / 2];
        Patches { channels, kernel, dilation: [dilation.height, dilation.width], sums, count: 0 }
    }

    fn length(&self) -> usize {
        self.channels * self.kernel[0] * self.kernel[1]
    }

    /// Adds the patches of a batch's first images.
    fn add(&mut self, batch: &Batch, images: usize) {
        let (height, width, channels) = batch.shape();
        let all: Vec<&[f32]> = batch.images().chunks_exact(height * width * channels).take(images).collect();
        // Sums of an image first, then over images in their order: the same bits with any number of threads.
        let found: Vec<(Vec<f64>, u64)> =
            all.par_iter().map(|image| self.of_image(image, height, width)).collect();
        for (sums, count) in found {
            self.sums.iter_mut().zip(sums).for_each(|(all, sum)| *all += sum);
            self.count += count;
        }
    }

    fn of_image(&self, image: &[f32], height: usize, width: usize) -> (Vec<f64>, u64) {
        let mut sums = vec![0.0; self.sums.len()];
        let mut patch = vec![0.0; self.length()];
        let mut count = 0;
        let span = |axis: usize| self.dilation[axis] * (self.kernel[axis] - 1);
        let (rows, columns) = (height.saturating_sub(span(0)), width.saturating_sub(span(1)));
        let step = (1..).find(|step| rows.div_ceil(*step) * columns.div_ceil(*step) <= PLACES).unwrap_or(1);
        for row in (0..rows).step_by(step) {
            for column in (0..columns).step_by(step) {
                self.take(image, width, [row, column], &mut patch);
                add_products(&patch, &mut sums);
                count += 1;
            }
        }
        (sums, count)
    }

    fn take(&self, image: &[f32], width: usize, [row, column]: [usize; 2], patch: &mut [f64]) {
        let mut values = patch.iter_mut();
        for channel in 0..self.channels {
            for y in (0..self.kernel[0]).map(|tap| row + tap * self.dilation[0]) {
                for x in (0..self.kernel[1]).map(|tap| column + tap * self.dilation[1]) {
                    let value = values.next().expect("a patch has a place for each tap");
                    *value = f64::from(image[(y * width + x) * self.channels + channel]);
                }
            }
        }
    }

    /// The mean of p·pᵀ. Images are normalised: their mean is no part of what is to be whitened.
    fn second_moments(&self) -> DMatrix<f64> {
        let length = self.length();
        let mut moments = DMatrix::zeros(length, length);
        let mut sums = self.sums.iter();
        for row in 0..length {
            for column in row..length {
                let mean = sums.next().expect("the triangle is whole") / self.count.max(1) as f64;
                moments[(row, column)] = mean;
                moments[(column, row)] = mean;
            }
        }
        moments
    }
}

/// Adds the upper triangle of p·pᵀ to sums.
fn add_products(patch: &[f64], sums: &mut [f64]) {
    let mut rest = sums;
    for (place, &value) in patch.iter().enumerate() {
        let (row, after) = rest.split_at_mut(patch.len() - place);
        row.iter_mut().zip(&patch[place..]).for_each(|(sum, other)| *sum += value * other);
        rest = after;
    }
}

/// The filters, the largest component first, then all with the other sign.
fn filters(moments: &DMatrix<f64>, eps: f64) -> Vec<f32> {
    let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(moments.clone());
    let mut order: Vec<usize> = (0..eigenvalues.len()).collect();
    order.sort_by(|&a, &b| eigenvalues[b].total_cmp(&eigenvalues[a]));
    let component = |place: usize| {
        // Rounding may leave a little less than nothing.
        let scale = 1.0 / (eigenvalues[place].max(0.0) + eps).sqrt();
        eigenvectors.column(place).iter().map(move |value| (value * scale) as f32).collect::<Vec<_>>()
    };
    let plus: Vec<f32> = order.into_iter().flat_map(component).collect();
    let minus = plus.iter().map(|value| -value);
    plus.iter().copied().chain(minus).collect()
}
