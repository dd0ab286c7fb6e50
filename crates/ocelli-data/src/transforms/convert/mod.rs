//! Transforms that make numbers of bytes.

mod normalize;
mod to_tensor;

pub use normalize::Normalize;
pub use to_tensor::{ConvertImageDtype, Dtype, PILToTensor, ToDtype, ToImage, ToTensor};
