//! ocelli-train
