//! ocelli-model
