//! ocelli-nn
