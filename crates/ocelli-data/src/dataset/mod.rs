//! Labelled images, wherever they are kept.
//!
//! [`open`] recognises what a path is and gives its [`Splits`]; each split is a [`Dataset`].

mod address;
mod cifar;
mod classes;
pub mod contract;
mod files;
mod fingerprint;
mod folder;
mod idx;
mod image_files;
pub mod manifest;
mod memory;
mod open;
mod parquet;
mod shards;
mod split;
mod splits;
mod stretch;
mod subset;

use std::borrow::Cow;
use std::path::Path;

use serde::Serialize;

use crate::{DataError, Image, ImageView, Portion, Wanted};

pub use address::{address, shown};
pub use fingerprint::fingerprint;
pub use folder::files_below;
pub use image_files::ImageFiles;
pub(crate) use image_files::in_parts;
pub use memory::MemoryDataset;
pub use open::{Format, OpenOptions, SAMPLE, open, open_undivided};
pub(crate) use split::shuffle;
pub use split::{Fractions, Indices, grouped, strata, stratified};
pub use splits::{Division, Splits, Undivided};
pub use stretch::Stretch;
pub use subset::Subset;

/// Labelled images with a fixed order.
///
/// An implementation gives the same sample for the same index every time, from any thread, and all
/// its images have the channels that its [`extent`](Dataset::extent) tells. Indices past the end
/// panic. [`contract::check`] runs these promises against any implementation.
pub trait Dataset: Send + Sync {
    /// How many samples there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the classes; a label is an index into them.
    fn classes(&self) -> &[String];

    /// The label of sample `index`; of multi-label data the first of its [labels](Dataset::labels), 0 if it has none.
    fn label(&self, index: usize) -> u32;

    /// Whether samples may have several labels, or none: multi-label data.
    fn is_multi_label(&self) -> bool {
        false
    }

    /// All labels of sample `index`, in ascending order.
    fn labels(&self, index: usize) -> Cow<'_, [u32]> {
        Cow::Owned(vec![self.label(index)])
    }

    /// How often a weighted sampler draws sample `index`, relative to the others: 1 unless the dataset says otherwise.
    fn weight(&self, index: usize) -> f32 {
        let _ = index;
        1.0
    }

    /// What a person would call sample `index`: its path, or its place in the file that holds it.
    fn name(&self, index: usize) -> Cow<'_, str>;

    /// The file of sample `index`, if it has one of its own.
    fn path(&self, index: usize) -> Option<&Path> {
        let _ = index;
        None
    }

    /// Loads sample `index`.
    ///
    /// # Errors
    /// If the sample cannot be read or decoded; the others are not affected.
    fn load(&self, index: usize) -> Result<Image, DataError>;

    /// Loads of sample `index` what is wanted, or more: `wanted` is told the image's height and width and answers with `None` if that
    /// is all of it. What is at hand has the very pixels of [`load`](Dataset::load), unless it is reduced.
    ///
    /// # Errors
    /// As [`load`](Dataset::load); but what is wrong with parts that are not wanted may go unnoticed.
    fn load_part(
        &self,
        index: usize,
        wanted: &mut dyn FnMut((usize, usize)) -> Option<Wanted>,
    ) -> Result<Portion, DataError> {
        let _ = wanted;
        self.load(index).map(Portion::from)
    }

    /// The bytes of the image file that sample `index` is kept as, wherever that lies; `None` if it is kept as pixels.
    ///
    /// # Errors
    /// If they cannot be read.
    fn encoded(&self, index: usize) -> Result<Option<Vec<u8>>, DataError> {
        let _ = index;
        Ok(None)
    }

    /// A number that names what sample `index` is decoded from, and changes when that does; `None` if nothing tells. What is
    /// decoded can be kept under it, for other runs too.
    fn key(&self, index: usize) -> Option<u128> {
        let _ = index;
        None
    }

    /// The samples by what lies together, in order and all of them, if reading one after the other is much cheaper than jumping
    /// about; else nothing.
    fn stretches(&self) -> &[Stretch] {
        &[]
    }

    /// Says that samples will be loaded soon, in about this order: where they lie far away, fetching them can begin. Only of use,
    /// and only done, where there are [`stretches`](Dataset::stretches) and they are followed.
    fn announce(&self, indices: &[usize]) {
        let _ = indices;
    }

    /// Sample `index` as it lies in memory, if it does: then loading it costs nothing and is never cached.
    fn view(&self, index: usize) -> Option<ImageView<'_>> {
        let _ = index;
        None
    }

    /// The channels and sizes of the images.
    fn extent(&self) -> Extent;
}

/// The class of a sample in words; of multi-label data all of them: "cat, indoors".
pub fn class_names(dataset: &dyn Dataset, index: usize) -> String {
    let labels = dataset.labels(index);
    let names: Vec<&str> =
        labels.iter().filter_map(|label| Some(dataset.classes().get(*label as usize)?.as_str())).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The channels and sizes of a dataset's images.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Extent {
    /// Channels of every image: 1 or 3.
    pub channels: usize,
    /// The height of every image if `uniform`, else the median.
    pub height: usize,
    /// The width of every image if `uniform`, else the median.
    pub width: usize,
    /// Whether all images have one size.
    pub uniform: bool,
}

impl Extent {
    /// The extent of images of these sizes (height, width); 0×0 of none.
    pub(crate) fn of(channels: usize, sizes: &[(usize, usize)]) -> Self {
        let median = |mut values: Vec<usize>| {
            let middle = values.len() / 2;
            if values.is_empty() { 0 } else { *values.select_nth_unstable(middle).1 }
        };
        Self {
            channels,
            height: median(sizes.iter().map(|s| s.0).collect()),
            width: median(sizes.iter().map(|s| s.1).collect()),
            uniform: sizes.windows(2).all(|pair| pair[0] == pair[1]),
        }
    }
}
