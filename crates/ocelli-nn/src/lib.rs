//! Networks as data, and the plans that run them.
//!
//! A [`Network`] is a list of named [`Layer`]s with their inputs, checked once: from then on every shape is known and
//! fits. Build one with [`Sequential`], take one by name from the [`zoo`], or read one from TOML. [`Weights`] are its
//! tensors under PyTorch's names and in PyTorch's layouts. A [`Summary`] is what it costs.
//!
//! ```
//! use ocelli_nn::{Conv2d, Sequential, Shape};
//!
//! let network = Sequential::new(Shape::map(3, 32, 32))
//!     .conv2d(Conv2d::new(3, 16, 3).padding(1))
//!     .max_pool2d(2)
//!     .relu()
//!     .flatten()
//!     .linear(16 * 16 * 16, 10)
//!     .build("small")?;
//! assert_eq!(network.output(), Shape::features(10));
//! # Ok::<(), ocelli_nn::NetworkError>(())
//! ```

pub mod builder;
pub mod error;
pub mod init;
pub mod layers;
pub mod lint;
pub mod network;
mod parts;
pub mod pattern;
pub mod plan;
#[doc(hidden)]
pub mod reference;
pub mod shape;
pub mod suggest;
pub mod summary;
pub mod template;
pub mod weights;
pub mod zoo;

pub use builder::Sequential;
pub use error::{NetworkError, NetworkErrorKind, ParseShapeError, ShapeError, ShapeErrorKind};
pub use init::{Initialisation, Initialiser};
pub use layers::{
    AdaptiveAvgPool2d, AdaptiveMaxPool2d, Approximate, AvgPool2d, BatchNorm, ChannelLinear, ChannelShuffle,
    Conv2d, DropMode, Dropout, Elu, Gelu, GroupNorm, InstanceNorm2d, Layer, LayerNorm2d, LayerScale,
    LeakyRelu, Linear, LocalResponseNorm, MaxPool2d, Narrow, Padding, PaddingMode, Prelu, Role, ScaleFactor,
    Sides, StochasticDepth, Upsample, UpsampleMode,
};
pub use network::{Network, Node, ParameterSpec, Source};
pub use pattern::{Pattern, PatternError};
pub use shape::{Pair, Shape};
pub use summary::Summary;
pub use template::Template;
pub use weights::{Tensor, TensorData, Weights, WeightsError};
