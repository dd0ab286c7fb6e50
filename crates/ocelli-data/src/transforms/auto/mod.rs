//! Lists of operations that are drawn from a table: RandAugment, AutoAugment, TrivialAugment and AugMix.

mod aug_mix;
mod auto_augment;
mod policies;
mod rand_augment;
mod space;
mod trivial_augment_wide;

pub use aug_mix::AugMix;
pub use auto_augment::{AutoAugment, AutoAugmentPolicy};
pub use rand_augment::RandAugment;
pub use trivial_augment_wide::TrivialAugmentWide;
