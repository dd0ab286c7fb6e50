//! The container: a zip archive of stored records, each beginning at a multiple of 64 bytes, as PyTorch's own writer lays them out, so
//! that a reader can map tensors into memory.

use std::io::{self, Cursor, Write};

use ocelli_nn::{Tensor, TensorData};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The folder that all records are in. PyTorch takes that of the first record, whatever its name.
const FOLDER: &str = "classifier";
/// Where records begin: at multiples of this many bytes, PyTorch's `kFieldAlignment`.
const ALIGNMENT: u16 = 64;
/// Values that are turned into bytes at once.
const CHUNK: usize = 1 << 14;

/// An archive that is being written, in memory.
pub(super) struct Archive(ZipWriter<Cursor<Vec<u8>>>);

impl Archive {
    pub(super) fn new() -> Self {
        Self(ZipWriter::new(Cursor::default()))
    }

    /// Adds a record.
    pub(super) fn record(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.begin(name, bytes.len())?;
        self.0.write_all(bytes)
    }

    /// Adds a tensor's values as the storage of a key.
    pub(super) fn storage(&mut self, key: usize, tensor: &Tensor) -> io::Result<()> {
        let name = format!("data/{key}");
        match &tensor.data {
            TensorData::F32(values) => self.values(&name, values, |value| value.to_le_bytes()),
            TensorData::I64(values) => self.values(&name, values, |value| value.to_le_bytes()),
        }
    }

    /// The file.
    pub(super) fn finish(self) -> io::Result<Vec<u8>> {
        Ok(self.0.finish()?.into_inner())
    }

    fn values<T: Copy, const N: usize>(
        &mut self,
        name: &str,
        values: &[T],
        bytes: impl Fn(T) -> [u8; N],
    ) -> io::Result<()> {
        self.begin(name, values.len() * N)?;
        for chunk in values.chunks(CHUNK) {
            let chunk: Vec<u8> = chunk.iter().flat_map(|value| bytes(*value)).collect();
            self.0.write_all(&chunk)?;
        }
        Ok(())
    }

    fn begin(&mut self, name: &str, length: usize) -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .with_alignment(ALIGNMENT)
            .large_file(u32::try_from(length).is_err());
        Ok(self.0.start_file(format!("{FOLDER}/{name}"), options)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, place and bytes of each record, by the local headers alone.
    fn records(file: &[u8]) -> Vec<(String, usize, &[u8])> {
        let u16_at = |at: usize| usize::from(u16::from_le_bytes([file[at], file[at + 1]]));
        let u32_at = |at: usize| u16_at(at) + (u16_at(at + 2) << 16);
        let (mut at, mut records) = (0, Vec::new());
        while file[at..].starts_with(b"PK\x03\x04") {
            assert_eq!(u16_at(at + 8), 0, "records are stored");
            assert_eq!(u16_at(at + 6) & 8, 0, "lengths are in the header, not behind the bytes");
            let (length, name, extra) = (u32_at(at + 22), u16_at(at + 26), u16_at(at + 28));
            let start = at + 30 + name + extra;
            let name = String::from_utf8(file[at + 30..at + 30 + name].to_vec()).unwrap();
            records.push((name, start, &file[start..start + length]));
            at = start + length;
        }
        records
    }

    #[test]
    fn records_are_stored_and_aligned() {
        let mut archive = Archive::new();
        // Names and lengths so that every remainder is met.
        for length in 0..130 {
            archive.record(&"n".repeat(1 + length % 70), &vec![7; length]).unwrap_or_else(|_| {
                // A name that is taken already.
                archive.record(&format!("{length}"), &vec![7; length]).unwrap();
            });
        }
        let tensor = Tensor::f32([2, 2], vec![1.0, -2.0, 0.5, f32::MAX]);
        archive.storage(3, &tensor).unwrap();
        archive.storage(4, &Tensor::i64([], vec![-9])).unwrap();
        let file = archive.finish().unwrap();
        let records = records(&file);
        assert_eq!(records.len(), 132);
        for (index, (name, start, bytes)) in records.iter().enumerate() {
            assert_eq!(start % 64, 0, "{name}");
            assert!(name.starts_with("classifier/"));
            if index < 130 {
                assert_eq!(*bytes, vec![7; index]);
            }
        }
        let (name, _, bytes) = &records[130];
        assert_eq!(name, "classifier/data/3");
        assert_eq!(*bytes, [1.0, -2.0, 0.5, f32::MAX].map(f32::to_le_bytes).concat());
        assert_eq!(records[131].2, (-9i64).to_le_bytes());
    }
}
