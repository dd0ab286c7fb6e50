//! A run: a recipe made ready on its data, then trained.

mod back_off;
mod find_batch_size;
mod find_lr;
mod lists;
mod network;
mod patience;
mod prepare;
mod record;
mod resize;
mod resume;
mod session;
mod shared;
mod start;
mod swa;
mod teacher;
mod train;

pub use network::build as build_network;
pub use prepare::{DataInfo, Run, RunOptions};
pub use record::Record;
pub use resize::Resize;
pub(crate) use resize::check as check_resize;
pub use resume::{Resume, resume};
pub use shared::SharedData;
pub use swa::SwaDone;
pub use train::{claim, has_checkpoint};
