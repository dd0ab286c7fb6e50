//! Some samples of another dataset.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use super::{Dataset, Extent, Stretch};
use crate::{DataError, Image, ImageView, Portion, Wanted};

/// Some samples of a dataset, in an order of their own.
pub struct Subset {
    dataset: Arc<dyn Dataset>,
    indices: Vec<usize>,
    stretches: Vec<Stretch>,
}

impl Subset {
    /// The samples `indices` of `dataset`, in this order.
    ///
    /// # Panics
    /// If an index is past the dataset's end.
    pub fn new(dataset: Arc<dyn Dataset>, indices: Vec<usize>) -> Self {
        let len = dataset.len();
        assert!(
            indices.iter().all(|&i| i < len),
            "every index of a subset is below the dataset's length {len}"
        );
        let stretches = Stretch::of_subset(dataset.stretches(), &indices);
        Self { dataset, indices, stretches }
    }

    /// The samples' indices in the dataset that they are from.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

impl Dataset for Subset {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn classes(&self) -> &[String] {
        self.dataset.classes()
    }

    fn label(&self, index: usize) -> u32 {
        self.dataset.label(self.indices[index])
    }

    fn is_multi_label(&self) -> bool {
        self.dataset.is_multi_label()
    }

    fn labels(&self, index: usize) -> Cow<'_, [u32]> {
        self.dataset.labels(self.indices[index])
    }

    fn weight(&self, index: usize) -> f32 {
        self.dataset.weight(self.indices[index])
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        self.dataset.name(self.indices[index])
    }

    fn path(&self, index: usize) -> Option<&Path> {
        self.dataset.path(self.indices[index])
    }

    fn load(&self, index: usize) -> Result<Image, DataError> {
        self.dataset.load(self.indices[index])
    }

    fn load_part(
        &self,
        index: usize,
        wanted: &mut dyn FnMut((usize, usize)) -> Option<Wanted>,
    ) -> Result<Portion, DataError> {
        self.dataset.load_part(self.indices[index], wanted)
    }

    fn encoded(&self, index: usize) -> Result<Option<Vec<u8>>, DataError> {
        self.dataset.encoded(self.indices[index])
    }

    fn key(&self, index: usize) -> Option<u128> {
        self.dataset.key(self.indices[index])
    }

    fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    fn announce(&self, indices: &[usize]) {
        let indices: Vec<usize> = indices.iter().map(|&index| self.indices[index]).collect();
        self.dataset.announce(&indices);
    }

    fn view(&self, index: usize) -> Option<ImageView<'_>> {
        self.dataset.view(self.indices[index])
    }

    fn extent(&self) -> Extent {
        self.dataset.extent()
    }
}
