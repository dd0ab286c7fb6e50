//! Golden fixtures from PyTorch and the conformance and interoperability tests that read them.
