//! What several chains of operations make of an image, mixed.

use crate::transforms::Operation;

/// An image mixed with what chains of operations make of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Mix {
    /// The weight of the image.
    pub original: f32,
    /// The chains.
    pub chains: Vec<Chain>,
}

/// Operations in order, and the weight of what they make.
#[derive(Clone, PartialEq, Debug)]
pub struct Chain {
    /// The weight.
    pub weight: f32,
    /// The operations; they leave the size as it is.
    pub operations: Vec<Operation>,
}
