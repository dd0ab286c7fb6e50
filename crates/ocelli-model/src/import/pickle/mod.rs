//! A restricted interpreter of Python pickles: it builds plain containers and describes tensors, and does nothing else.
//!
//! A pickle is a program for a small stack machine whose instructions may name any Python function and call it. Here the
//! only names are those of [`Global`], each of them a description of data, so that nothing in a file can run. A name that is
//! not among them ends the reading. The same names are what PyTorch's `torch.load(weights_only=True)` begins with.
//!
//! What a file can make us allocate is bounded by its length: every instruction is at least one byte and makes at most one
//! value or one container, texts are cut out of the file, and there are at most four million instructions. Values live in a
//! flat [`Heap`] and refer to each other by number: deep or circular structures need no recursion, here or when dropped.

mod cursor;
mod global;
mod machine;
mod rebuild;
#[cfg(test)]
mod tests;
mod value;

pub(super) use machine::{MAX_PICKLE, Pickle, run};
pub(super) use value::{Heap, TensorView, Value};

/// Why a pickle was not read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It asks for a name that is none of data's.
    Refused(String),
    /// It is cut short, or no well-formed pickle, or its tensors do not fit their storages.
    Broken(String),
}

impl Fault {
    fn broken(reason: impl Into<String>) -> Self {
        Self::Broken(reason.into())
    }
}

/// A name from a file, as it may go to a terminal: nothing that one obeys, and no more than a line.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(120).flat_map(char::escape_debug).collect()
}
