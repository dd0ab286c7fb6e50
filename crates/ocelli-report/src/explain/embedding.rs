//! Embeddings: the vector by which the last layers tell classes apart.

use std::path::Path;

use ocelli_nn::plan::{InferPlan, PlanOptions};
use ocelli_nn::{Layer, Source};

use super::{Explainer, Seen};
use crate::ReportError;

/// Images that go through the network at once.
const BATCH: usize = 32;

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
        let layer = self.embedding_layer().ok_or_else(|| {
            ReportError::Network(
                "no layer flattens, and no linear layer reads another: there is no embedding".into(),
            )
        })?;
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
    let mut bytes = MAGIC.to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    std::fs::write(path, bytes).map_err(|source| ReportError::Io { path: path.to_path_buf(), source })
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
