//! The classifier: preprocessing, network, weights and class names in one file.
//!
//! Training makes a [`Classifier`]; predicting, exporting, serving and explaining take it. On disk it is one
//! `.safetensors` file: tensors in PyTorch's names and layouts, and in the header, under `ocelli`, JSON that describes
//! the network, the transforms, the classes, the format's version, the program's, figures from training, how it
//! divided the data, and the temperature and the reject threshold, where the classifier has them.
//!
//! ```no_run
//! use ocelli_model::Classifier;
//!
//! let classifier = Classifier::load("runs/2026-01-31-lesson/model.safetensors")?;
//! for answer in classifier.predict_files(&["cat.jpg", "dog.png"])? {
//!     match answer {
//!         Ok(prediction) => println!("{}: {:.1}%", prediction.label, prediction.probability * 100.0),
//!         Err(problem) => eprintln!("{problem}"),
//!     }
//! }
//! # Ok::<(), ocelli_model::ModelError>(())
//! ```

mod archive;
mod classifier;
mod error;
pub mod files;
pub mod import;
mod origin;
mod predict;
mod readout;

pub use classifier::{Attachment, Classifier};
pub use error::ModelError;
pub use import::{
    Fit, Head, ImportError, ReplacedHead, TensorInfo, WeightsFile, WeightsFormat, read_weights, save_weights,
};
pub use origin::Origin;
pub use predict::{PredictOptions, Prediction, Predictor};
pub use readout::Readout;
