//! Operations that work on each image alone and carry no epilogue: one file each, from its place in
//! the graph to its passes over a chunk.

mod activation;
mod adaptive_max_pool;
mod alpha_dropout;
mod avg_pool;
mod channels;
mod flatten;
mod group_norm;
mod layer_norm;
mod layer_scale;
mod local_response_norm;
mod multiply;
mod pad;
mod prelu;
mod site;
mod softmax;
mod upsample;

use std::fmt::Debug;

use ocelli_kernels::activation::Activation;

use super::program::{Compiler, Part};
use super::statistics::Instances;
use crate::layers::{GroupNorm, LayerNorm2d, LocalResponseNorm, Upsample};
pub(super) use avg_pool::AvgWindow;
pub(super) use channels::Channels;
pub(super) use pad::Pad;
pub(super) use site::{Site, clear_padding};

/// What an operation is, before it has geometry.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ImageOp {
    Activation(Activation),
    AdaptiveMaxPool,
    AvgPool(AvgWindow),
    Channels(Channels),
    Flatten,
    /// With the share of the batch in running averages, if there are any: instance normalisation in training.
    GroupNorm(GroupNorm, Option<f32>),
    LayerNorm(LayerNorm2d),
    LayerScale,
    LocalResponseNorm(LocalResponseNorm),
    LogSoftmax,
    Multiply,
    Pad(Pad),
    /// With so many slopes.
    Prelu(usize),
    Softmax,
    /// In training, with a probability below 1 and what keeps its random numbers apart from other layers'.
    AlphaDropout(f32, u64),
    Upsample(Upsample),
}

impl ImageOp {
    /// Whether it has parameters of its own.
    pub(super) fn has_parameters(&self) -> bool {
        match self {
            Self::GroupNorm(norm, _) => norm.affine,
            Self::LayerNorm(norm) => norm.elementwise_affine,
            Self::LayerScale | Self::Prelu(_) => true,
            _ => false,
        }
    }

    /// Whether its backward pass reads its inputs.
    pub(super) fn keeps_inputs(&self) -> bool {
        matches!(
            self,
            Self::Activation(_)
                | Self::GroupNorm(..)
                | Self::LayerNorm(_)
                | Self::LayerScale
                | Self::LocalResponseNorm(_)
                | Self::Multiply
                | Self::Prelu(_)
        )
    }

    /// Whether its backward pass reads its output.
    pub(super) fn keeps_output(&self) -> bool {
        matches!(self, Self::LogSoftmax | Self::Softmax)
    }
}

/// An operation with geometry and memory.
pub(super) trait Operation: Debug + Send + Sync {
    /// Computes the output of the chunk's images. Its halo is clear; channels past the last are written
    /// as zeros.
    fn forward(&self, site: &mut Site<'_, '_>);

    /// Computes the gradients of the inputs that have one, and its shares of the parameters' gradients.
    /// The output's gradient is there.
    fn backward(&self, site: &mut Site<'_, '_>);

    /// The parameters whose gradients it computes a share of for each chunk.
    fn parts(&self) -> Vec<Part> {
        Vec::new()
    }

    /// What its running averages, if it has any, are moved by.
    fn instances(&self) -> Option<Instances> {
        None
    }
}

/// Gives the operation at `index` of the graph its geometry and memory.
pub(super) fn compile(op: &ImageOp, compiler: &mut Compiler<'_>, index: usize) -> Box<dyn Operation> {
    match op {
        ImageOp::Activation(activation) => Box::new(activation::ByValue(*activation)),
        ImageOp::AdaptiveMaxPool => Box::new(adaptive_max_pool::Pool::new(compiler, index)),
        ImageOp::AvgPool(window) => Box::new(avg_pool::Pool::new(*window, compiler, index)),
        ImageOp::Channels(what) => Box::new(channels::Moves::new(*what, compiler, index)),
        ImageOp::Flatten => Box::new(flatten::Flatten),
        ImageOp::Multiply => Box::new(multiply::Multiply),
        ImageOp::Pad(padding) => Box::new(pad::Padding::new(*padding, compiler, index)),
        ImageOp::AlphaDropout(p, purpose) => {
            Box::new(alpha_dropout::Dropped::new(*p, *purpose, compiler, index))
        }
        ImageOp::GroupNorm(spec, share) => {
            Box::new(group_norm::Normalisation::new(spec, *share, compiler, index))
        }
        ImageOp::LocalResponseNorm(spec) => {
            Box::new(local_response_norm::ResponseNorm::new(spec, compiler, index))
        }
        ImageOp::LogSoftmax => Box::new(softmax::LogSoftmax),
        ImageOp::Prelu(slopes) => Box::new(prelu::Prelu::new(*slopes, compiler, index)),
        ImageOp::LayerNorm(spec) => Box::new(layer_norm::LayerNorm::new(spec, compiler, index)),
        ImageOp::LayerScale => Box::new(layer_scale::LayerScale::new(compiler, index)),
        ImageOp::Softmax => Box::new(softmax::Softmax),
        ImageOp::Upsample(spec) => Box::new(upsample::Resize::new(spec, compiler, index)),
    }
}
