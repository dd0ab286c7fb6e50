//! Transforms that move pixels.

mod alternating_horizontal_flip;
mod center_crop;
mod elastic_transform;
mod five_crop;
mod pad;
mod random_affine;
mod random_crop;
mod random_horizontal_flip;
mod random_perspective;
mod random_resized_crop;
mod random_rotation;
mod random_vertical_flip;
mod resize;
mod ten_crop;

pub use alternating_horizontal_flip::AlternatingHorizontalFlip;
pub use center_crop::CenterCrop;
pub use elastic_transform::ElasticTransform;
pub use five_crop::FiveCrop;
pub use pad::Pad;
pub use random_affine::{RandomAffine, Shear};
pub use random_crop::RandomCrop;
pub use random_horizontal_flip::RandomHorizontalFlip;
pub use random_perspective::RandomPerspective;
pub use random_resized_crop::RandomResizedCrop;
pub use random_rotation::RandomRotation;
pub(super) use random_rotation::Turn;
pub use random_vertical_flip::RandomVerticalFlip;
pub use resize::Resize;
pub use ten_crop::TenCrop;
