//! ocelli-kernels
