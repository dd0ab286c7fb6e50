//! The transforms as pure functions: same arguments, same pixels.

pub(super) mod crop;
mod flip;
mod normalize;
mod orient;
mod resize;

pub use crop::crop;
pub use flip::horizontal_flip;
pub use normalize::{Table, normalize};
pub(crate) use orient::orient;
pub use resize::{Resizer, resize};
