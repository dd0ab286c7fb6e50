//! Embeddings: the vector by which the last layers tell classes apart.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use ocelli_data::check::Progress;
use ocelli_data::{Batch, Dataset, Loader, LoaderOptions, Problem, Source as Images, SourceOptions};
use ocelli_nn::plan::{InferPlan, PlanOptions};
use ocelli_nn::{Layer, Shape, Source};

use super::seen::middle;
use super::{Explainer, Seen};
use crate::{ReportError, pool};

/// Images that go through the network at once.
const BATCH: usize = 32;

/// The embeddings of a data set's images.
#[derive(Clone, Debug)]
pub struct Embeddings {
    /// The layer that they are the output of.
    pub layer: String,
    /// Numbers of each.
    pub columns: usize,
    /// Images × columns.
    pub values: Vec<f32>,
    /// The place of each image in the data set.
    pub images: Vec<usize>,
    /// Images that could not be loaded, and are not among them.
    pub problems: Vec<Problem>,
}

impl Explainer<'_> {
    /// The layer whose output is the [embedding](Self::embed): the last `Flatten`, else what the last linear layer reads.
    #[must_use]
    pub fn embedding_layer(&self) -> Option<&str> {
        let nodes = self.network.nodes();
        let flat = nodes.iter().rposition(|node| node.layer == Layer::Flatten);
        let read = || {
            let last = nodes.iter().rfind(|node| matches!(node.layer, Layer::Linear(_)))?;
            match last.inputs.first() {
                Some(Source::Node(read)) => Some(*read),
                _ => None,
            }
        };
        flat.or_else(read).map(|place| self.name(place))
    }

    /// The embedding of each image: the feature vector after the flattening, images × features.
    ///
    /// # Errors
    /// The network has no such layer, or cannot be run here.
    pub fn embed(&self, images: &[Seen]) -> Result<Vec<f32>, ReportError> {
        let layer = self.embedded(None)?;
        let part = self.network.up_to(self.place(layer)?);
        let options = PlanOptions { batch: BATCH.min(images.len().max(1)), ..PlanOptions::default() };
        let mut plan = InferPlan::new(&part, &self.weights(&part), options)?;
        let mut vectors = Vec::with_capacity(images.len() * part.output().elements());
        for images in images.chunks(BATCH) {
            let batch: Vec<f32> = images.iter().flat_map(|seen| seen.input.iter().copied()).collect();
            vectors.extend_from_slice(plan.run(&batch));
        }
        Ok(vectors)
    }

    /// The embedding of every image of a data set, whose classes need not be the classifier's: the output of `layer`, in PyTorch's order,
    /// channels × height × width, where it has maps; without one, of the [embedding layer](Self::embedding_layer). It takes 4 bytes for
    /// each number. The result does not depend on the number of threads. `progress` is told after each batch how far it is.
    ///
    /// # Errors
    /// There is no such layer, not one image can be loaded, or the network cannot be run here.
    pub fn embed_all(
        &self,
        images: Arc<dyn Dataset>,
        layer: Option<&str>,
        threads: usize,
        progress: impl Fn(Progress),
    ) -> Result<Embeddings, ReportError> {
        let pool = pool(threads)?;
        let layer = self.embedded(layer)?.to_owned();
        let part = self.network.up_to(self.place(&layer)?);
        let transforms = self.classifier.transforms();
        let total = images.len() as u64;
        // Every image is seen once: nothing need be kept.
        let keep = SourceOptions { cache_bytes: 0, ..SourceOptions::default() };
        let source = Arc::new(Images::new(images, transforms, &keep)?);
        let options = LoaderOptions { workers: threads, ..LoaderOptions::in_order(BATCH) };
        let mut loader = Loader::new(source, transforms, &options)?;
        let options = PlanOptions { batch: BATCH, ..PlanOptions::default() };
        let mut plan = pool.install(|| InferPlan::new(&part, &self.weights(&part), options))?;
        let (mut values, mut places, mut input) = (Vec::new(), Vec::new(), Vec::new());
        for batch in loader.epoch(0) {
            let batch = batch?;
            one_view(&batch, &mut input);
            channels_first(part.output(), pool.install(|| plan.run(&input)), &mut values);
            places.extend(batch.indices());
            progress(Progress { step: "embedding", done: places.len() as u64, total });
        }
        let problems = loader.take_problems();
        Ok(Embeddings { layer, columns: part.output().elements(), values, images: places, problems })
    }

    /// The layer asked for, else the embedding layer.
    fn embedded<'a>(&'a self, layer: Option<&'a str>) -> Result<&'a str, ReportError> {
        layer.or_else(|| self.embedding_layer()).ok_or_else(|| {
            let reason = "no layer flattens, and no linear layer reads another: there is no embedding";
            ReportError::Network(reason.into())
        })
    }
}

/// The numbers of a batch; of several views of an image those of the one in the middle.
fn one_view(batch: &Batch, input: &mut Vec<f32>) {
    let (height, width, channels) = batch.shape();
    let (one, views) = (height * width * channels, batch.views());
    input.clear();
    for image in batch.images().chunks_exact(one * views) {
        input.extend_from_slice(&image[middle(views) * one..][..one]);
    }
}

/// Adds outputs of a shape to `values`, maps with their channels first.
fn channels_first(shape: Shape, outputs: &[f32], values: &mut Vec<f32>) {
    match shape {
        Shape::Features(_) => values.extend_from_slice(outputs),
        Shape::Map { channels, height, width } => {
            for image in outputs.chunks_exact(channels * height * width) {
                (0..channels).for_each(|channel| values.extend(image.iter().skip(channel).step_by(channels)));
            }
        }
    }
}

/// Writes vectors, rows × columns, as a file that `numpy.load` reads: NumPy's format, version 1.0.
///
/// # Errors
/// The file cannot be written.
///
/// # Panics
/// If `values` are not whole rows.
pub fn save_npy(path: &Path, values: &[f32], columns: usize) -> Result<(), ReportError> {
    assert!(
        columns > 0 && values.len().is_multiple_of(columns),
        "{} values in rows of {columns}",
        values.len()
    );
    let rows = values.len() / columns;
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    // The values begin at a multiple of 64 bytes, after a line's end.
    let before = MAGIC.len() + 2;
    while !(before + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let write = || {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(MAGIC)?;
        file.write_all(&(header.len() as u16).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        values.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))?;
        file.flush()
    };
    write().map_err(|source| ReportError::Io { path: path.to_path_buf(), source })
}

/// What NumPy's files begin with: the name of the format and its version.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

#[cfg(test)]
mod tests {
    use super::save_npy;

    #[test]
    fn vectors_are_written_as_numpy_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("two.npy");
        save_npy(&path, &[1.0, -2.5, 0.0, 4.0, 5.0, 6.0], 3).unwrap();
        // numpy.save("two.npy", numpy.array([[1, -2.5, 0], [4, 5, 6]], "f4")).
        let mut expected = b"\x93NUMPY\x01\x00v\x00".to_vec();
        let header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
        expected.extend(header);
        expected.extend(vec![b' '; 128 - 10 - header.len() - 1]);
        expected.push(b'\n');
        expected.extend([1.0_f32, -2.5, 0.0, 4.0, 5.0, 6.0].iter().flat_map(|value| value.to_le_bytes()));
        assert_eq!(std::fs::read(path).unwrap(), expected);
    }
}
