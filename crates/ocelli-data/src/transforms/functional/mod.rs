//! What the transforms do, as pure functions: same arguments, same pixels.
//!
//! What moves pixels writes another image; what changes colours does so in place.

mod affine;
mod autocontrast;
mod blur;
mod brightness;
mod contrast;
pub(super) mod crop;
mod cubic;
mod elastic;
mod equalize;
mod erase;
mod flip;
mod grayscale;
mod hue;
mod invert;
mod mix;
mod nearest;
mod normalize;
mod orient;
mod pad;
mod perspective;
mod posterize;
pub(super) mod resize;
mod rotate;
mod saturation;
mod sharpness;
mod solarize;
mod table;
mod tools;
mod warp;

pub use affine::Affine;
pub use autocontrast::autocontrast;
pub use blur::gaussian_blur;
pub use brightness::adjust_brightness;
pub use contrast::adjust_contrast;
pub use crop::crop;
pub use elastic::{Elastic, elastic, elastic_by};
pub use equalize::equalize;
pub use erase::erase;
pub use flip::{horizontal_flip, vertical_flip};
pub use grayscale::grayscale;
pub use hue::adjust_hue;
pub use invert::invert;
pub use mix::{Chain, Mix};
pub use normalize::{Table, normalize};
pub(crate) use orient::orient;
pub use pad::{PaddingMode, pad};
pub use posterize::posterize;
pub use resize::{Resizer, Resizing, resize};
pub use rotate::quarter_turn;
pub use saturation::adjust_saturation;
pub use sharpness::adjust_sharpness;
pub use solarize::solarize;
pub use tools::Tools;
pub use warp::{Map, Warp, warp};
