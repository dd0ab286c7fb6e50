//! A safetensors file: read within bounds, written whole.

use crate::error::ModelError;
use crate::files;
use ocelli_nn::{Tensor, TensorData};
use safetensors::tensor::{Dtype, Metadata, TensorInfo, View};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The most bytes that a header may have: room for tens of thousands of tensors.
const MAX_HEADER: u64 = 16 << 20;

/// Where a safetensors file lies: on a disk, or in memory.
trait Source: Read + Seek {}
impl<T: Read + Seek> Source for T {}

/// An open safetensors file. Its header has been checked against the file's length; its tensors are read one by one.
pub(crate) struct Archive<'a> {
    path: PathBuf,
    file: Box<dyn Source + 'a>,
    header: Metadata,
    start: u64,
}

impl<'a> Archive<'a> {
    /// Opens a file and reads its header.
    pub(crate) fn open(path: &Path) -> Result<Self, ModelError> {
        let file = File::open(path).map_err(ModelError::io(path, "read"))?;
        let about = file.metadata().map_err(ModelError::io(path, "read"))?;
        if !about.is_file() {
            return Err(ModelError::invalid(path, "is not a file; a model is one .safetensors file"));
        }
        Self::read_header(path, Box::new(file), about.len())
    }

    /// Reads the header of a file that lies in memory; errors call it `path`.
    pub(crate) fn in_memory(path: &Path, bytes: &'a [u8]) -> Result<Self, ModelError> {
        Self::read_header(path, Box::new(Cursor::new(bytes)), bytes.len() as u64)
    }

    fn read_header(path: &Path, mut file: Box<dyn Source + 'a>, whole: u64) -> Result<Self, ModelError> {
        let no_model = |why: &str| ModelError::invalid(path, format!("is not a safetensors file: {why}"));
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(|_| no_model("it has fewer than 8 bytes"))?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER || length > whole - 8 {
            return Err(no_model(&format!("its header would have {length} bytes")));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(ModelError::io(path, "read"))?;
        let header: Metadata = serde_json::from_slice(&header)
            .map_err(|error| no_model(&format!("its header is broken: {error}")))?;
        let (start, data) = (8 + length, header.data_len() as u64);
        if start.checked_add(data) != Some(whole) {
            let found = whole - start;
            return Err(ModelError::invalid(
                path,
                format!(
                    "is cut short or damaged: its header tells of {data} bytes of tensors, but there are {found}"
                ),
            ));
        }
        Ok(Archive { path: path.to_path_buf(), file, header, start })
    }

    /// The text kept under `key` in the header.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.header.metadata().as_ref()?.get(key).map(String::as_str)
    }

    /// The tensors' names, in the order of the file.
    pub(crate) fn names(&self) -> Vec<String> {
        self.header.offset_keys()
    }

    /// The shape of a tensor, without reading it.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.header.info(name).map(|info| info.shape.as_slice())
    }

    /// The type of a tensor's values.
    pub(crate) fn dtype(&self, name: &str) -> Option<Dtype> {
        self.header.info(name).map(|info| info.dtype)
    }

    fn info(&self, name: &str) -> Result<&TensorInfo, ModelError> {
        let missing = || ModelError::invalid(&self.path, format!("has no tensor {name}"));
        self.header.info(name).ok_or_else(missing)
    }

    /// Reads the bytes of one tensor, as many as its type and shape say. Allocates no more than the file has.
    pub(crate) fn bytes(&mut self, name: &str) -> Result<(Dtype, Vec<u8>), ModelError> {
        let info = self.info(name)?;
        let (dtype, (from, to)) = (info.dtype, info.data_offsets);
        let mut bytes = vec![0; to - from];
        self.file
            .seek(SeekFrom::Start(self.start + from as u64))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(ModelError::io(&self.path, "read"))?;
        Ok((dtype, bytes))
    }

    /// Reads one tensor of a model: floats of 32 bits that are finite, or integers of 64. Allocates no more than the file
    /// has.
    pub(crate) fn read(&mut self, name: &str) -> Result<Tensor, ModelError> {
        let shape = self.info(name)?.shape.clone();
        let (dtype, bytes) = self.bytes(name)?;
        let data = match dtype {
            Dtype::F32 => TensorData::F32(floats(&bytes)),
            Dtype::I64 => TensorData::I64(integers(&bytes)),
            other => {
                let reason = format!("tensor {name} has values of type {other:?}, but F32 or I64 is needed");
                return Err(ModelError::invalid(&self.path, reason));
            }
        };
        if let TensorData::F32(values) = &data
            && let Some(at) = values.iter().position(|value| !value.is_finite())
        {
            let reason =
                format!("tensor {name} holds {} at place {at}: such weights predict nothing", values[at]);
            return Err(ModelError::invalid(&self.path, reason));
        }
        Ok(Tensor { shape, data })
    }
}

/// Writes tensors and one text, under `key` in the header, to a file, replacing what was there.
pub(crate) fn write<'a>(
    path: &Path,
    (key, text): (&str, String),
    tensors: impl Iterator<Item = (String, &'a Tensor)>,
) -> Result<(), ModelError> {
    let metadata = HashMap::from([(key.to_string(), text)]);
    let views = tensors.map(|(name, tensor)| (name, Stored(tensor)));
    let bytes = safetensors::serialize(views, Some(metadata))
        .map_err(|error| ModelError::invalid(path, format!("cannot be written as safetensors: {error}")))?;
    files::replace(path, &bytes).map_err(ModelError::io(path, "written"))
}

/// A tensor as safetensors wants to see it.
struct Stored<'a>(&'a Tensor);

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        match self.0.data {
            TensorData::F32(_) => Dtype::F32,
            TensorData::I64(_) => Dtype::I64,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = Vec::with_capacity(self.data_len());
        match &self.0.data {
            TensorData::F32(values) => values.iter().for_each(|value| bytes.extend(value.to_le_bytes())),
            TensorData::I64(values) => values.iter().for_each(|value| bytes.extend(value.to_le_bytes())),
        }
        Cow::Owned(bytes)
    }

    fn data_len(&self) -> usize {
        match &self.0.data {
            TensorData::F32(values) => values.len() * 4,
            TensorData::I64(values) => values.len() * 8,
        }
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
}

fn integers(bytes: &[u8]) -> Vec<i64> {
    bytes.as_chunks().0.iter().map(|chunk| i64::from_le_bytes(*chunk)).collect()
}
