//! Ocelli.
pub use ocelli_data as data;
pub use ocelli_kernels as kernels;
pub use ocelli_model as model;
pub use ocelli_nn as nn;
pub use ocelli_train as train;
