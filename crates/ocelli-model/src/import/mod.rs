//! Weights in and out: reading PyTorch's files and safetensors, fitting them to a network, writing safetensors.
//!
//! [`read_weights`] reads a `state_dict` from a file, whichever of these it is, by its content:
//!
//! - what `torch.save` writes, in the zip format of PyTorch 1.6 and later and in the one before it. The pickle inside is
//!   read by an interpreter that knows tensors and plain containers and refuses everything else by name: nothing in a file
//!   can run;
//! - safetensors, and with it the models that Ocelli writes.
//!
//! Floats of any width become `f32` and integers `i64`. Views (transposed, expanded, a part of another) become tensors of
//! their own. A checkpoint that keeps its `state_dict` under `state_dict`, `model_state_dict`, `model` or `net` is looked
//! into, and `module.` and `_orig_mod.`, which wrappers put before every name, come off.
//!
//! [`Fit`] puts as many of them as fit into a network, and says which did not. [`save_weights`] writes a file for others.
//!
//! What a file says of itself is checked against its length before anything is allocated for it.

mod checkpoint;
mod element;
mod error;
mod fit;
mod legacy;
mod pickle;
mod state_dict;
mod strided;
mod torch_zip;
mod zip;

pub use error::ImportError;
pub use fit::{Fit, Head, ReplacedHead};

use crate::archive::{self, Archive};
use crate::classifier;
use crate::error::ModelError;
use checkpoint::Checkpoint;
use element::Element;
use ocelli_nn::{Tensor, Weights};
use pickle::shown;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use strided::Strided;

/// Reads the weights of a file: see [the module](self) for which.
///
/// ```no_run
/// let weights = ocelli_model::read_weights("resnet18.pth")?;
/// assert_eq!(weights.get("conv1.weight").map(|tensor| &tensor.shape[..]), Some(&[64, 3, 7, 7][..]));
/// # Ok::<(), ocelli_model::ImportError>(())
/// ```
///
/// # Errors
/// The file cannot be read, is none of weights, is damaged, or asks for what is no data.
pub fn read_weights(path: impl AsRef<Path>) -> Result<Weights, ImportError> {
    WeightsFile::open(path)?.read()
}

/// Writes weights as a plain safetensors file, replacing what was there. In PyTorch,
/// `model.load_state_dict(safetensors.torch.load_file(path))` takes it as it is.
///
/// # Errors
/// The file cannot be written, or a tensor has not as many values as its shape says.
pub fn save_weights(path: impl AsRef<Path>, weights: &Weights) -> Result<(), ModelError> {
    // What `safetensors.torch.save_file` notes, and other readers look for: the layouts are PyTorch's.
    let note = ("format", "pt".to_string());
    archive::write(path.as_ref(), note, weights.iter().map(|(name, tensor)| (name.to_string(), tensor)))
}

/// How a file keeps weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WeightsFormat {
    /// What `torch.save` writes since PyTorch 1.6: a zip archive.
    Torch,
    /// What `torch.save` wrote before.
    TorchLegacy,
    /// safetensors.
    Safetensors,
    /// A model that Ocelli wrote: safetensors with a description.
    Ocelli,
}

impl fmt::Display for WeightsFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Torch => "PyTorch (zip)",
            Self::TorchLegacy => "PyTorch (before 1.6)",
            Self::Safetensors => "safetensors",
            Self::Ocelli => "a model of Ocelli's",
        })
    }
}

/// What a file tells of a tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TensorInfo {
    /// Its name, without what wrappers put before it.
    pub name: String,
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// PyTorch's name of its type in the file: `float32`, `bfloat16`, `int64`.
    pub dtype: &'static str,
}

impl TensorInfo {
    /// How many values it has.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// An open file of weights. What it holds is known; no tensor has been read.
pub struct WeightsFile {
    path: PathBuf,
    format: WeightsFormat,
    tensors: Vec<TensorInfo>,
    contents: Contents,
}

enum Contents {
    Torch(Checkpoint),
    /// With the names that the tensors have in it.
    Safetensors(Archive<'static>, Vec<String>),
}

impl fmt::Debug for WeightsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeightsFile")
            .field("path", &self.path)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl WeightsFile {
    /// Opens a file and reads what it tells of its tensors.
    ///
    /// # Errors
    /// As [`read_weights`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ImportError> {
        let path = path.as_ref();
        let mut file = File::open(path).map_err(ImportError::io(path))?;
        let about = file.metadata().map_err(ImportError::io(path))?;
        if !about.is_file() {
            return Err(ImportError::invalid(path, "is not a file"));
        }
        let mut start = Vec::new();
        Read::by_ref(&mut file).take(9).read_to_end(&mut start).map_err(ImportError::io(path))?;
        match &start[..] {
            // A header's length, which is less than 2^40, and the header, which is JSON.
            [_, _, _, _, _, 0, 0, 0, b'{'] => Self::safetensors(path),
            [b'P', b'K', ..] => {
                let checkpoint = torch_zip::open(path, file, about.len())?;
                Ok(Self::torch(path, WeightsFormat::Torch, checkpoint))
            }
            [0x80, ..] | [b'L', b'1', b'1', b'9', ..] => {
                let checkpoint = legacy::open(path, file, about.len())?;
                Ok(Self::torch(path, WeightsFormat::TorchLegacy, checkpoint))
            }
            _ => Err(ImportError::invalid(
                path,
                "is no file of weights: what torch.save writes (.pth, .pt) is read, and .safetensors",
            )),
        }
    }

    fn torch(path: &Path, format: WeightsFormat, checkpoint: Checkpoint) -> Self {
        let wrapping = state_dict::wrapping(checkpoint.tensors().iter().map(|(name, _)| name.as_str()));
        let info = |(name, view): &(String, pickle::TensorView)| TensorInfo {
            name: name[wrapping..].to_string(),
            shape: view.strided.shape().to_vec(),
            dtype: view.element.torch(),
        };
        let tensors = checkpoint.tensors().iter().map(info).collect();
        Self { path: path.to_path_buf(), format, tensors, contents: Contents::Torch(checkpoint) }
    }

    fn safetensors(path: &Path) -> Result<Self, ImportError> {
        let archive = Archive::open(path).map_err(ImportError::Safetensors)?;
        let own = archive.text(classifier::KEY).is_some();
        let mut names = archive.names();
        names.retain(|name| !(own && name.starts_with(classifier::ATTACHED)));
        if names.is_empty() {
            return Err(ImportError::invalid(path, "holds no tensors"));
        }
        let wrapping = state_dict::wrapping(names.iter().map(String::as_str));
        let mut tensors = Vec::with_capacity(names.len());
        for name in &names {
            let (Some(shape), Some(dtype)) = (archive.shape(name), archive.dtype(name)) else { continue };
            let element = Element::of_safetensors(dtype).ok_or_else(|| {
                let reason =
                    format!("tensor {} has values of type {dtype:?}, which are not read", shown(name));
                ImportError::invalid(path, reason)
            })?;
            let (name, dtype) = (name[wrapping..].to_string(), element.torch());
            tensors.push(TensorInfo { name, shape: shape.to_vec(), dtype });
        }
        let format = if own { WeightsFormat::Ocelli } else { WeightsFormat::Safetensors };
        Ok(Self {
            path: path.to_path_buf(),
            format,
            tensors,
            contents: Contents::Safetensors(archive, names),
        })
    }

    /// How it keeps them.
    pub fn format(&self) -> WeightsFormat {
        self.format
    }

    /// Its tensors, in the order of its `state_dict`, or of the file where that has none.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The names of the classes that its last layer is for, where it says: a model of Ocelli's does.
    pub fn classes(&self) -> Option<Vec<String>> {
        #[derive(Deserialize)]
        struct Description {
            classes: Vec<String>,
        }
        let Contents::Safetensors(archive, _) = &self.contents else { return None };
        let description: Description = serde_json::from_str(archive.text(classifier::KEY)?).ok()?;
        Some(description.classes)
    }

    /// Reads all tensors.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn read(self) -> Result<Weights, ImportError> {
        let tensors = match self.contents {
            Contents::Torch(checkpoint) => checkpoint.read()?,
            Contents::Safetensors(mut archive, names) => {
                names.iter().map(|name| read_one(&self.path, &mut archive, name)).collect::<Result<_, _>>()?
            }
        };
        Ok(self.tensors.into_iter().map(|info| info.name).zip(tensors).collect())
    }
}

/// Reads a tensor of a safetensors file, whatever its type.
fn read_one(path: &Path, archive: &mut Archive<'_>, name: &str) -> Result<Tensor, ImportError> {
    let (dtype, bytes) = archive.bytes(name).map_err(ImportError::Safetensors)?;
    let element = Element::of_safetensors(dtype);
    let (Some(element), Some(shape)) = (element, archive.shape(name)) else {
        return Err(ImportError::invalid(path, format!("has no tensor {} that is read", shown(name))));
    };
    // The header was checked when it was opened: the bytes are those of the shape.
    Ok(Tensor { shape: shape.to_vec(), data: element.decode(&bytes, &Strided::whole(shape)) })
}
