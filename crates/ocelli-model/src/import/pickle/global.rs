//! The names that a pickle may use: those that describe data.

use super::{Fault, shown};
use crate::import::element::Element;

/// A name that a pickle may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) enum Global {
    /// `collections.OrderedDict` and `Counter`: a dictionary.
    Dict,
    /// `set` and `frozenset`: kept as a list.
    Set,
    /// `torch.Size`: a tuple.
    Size,
    /// `torch.device`: nothing that bears on values.
    Device,
    /// `torch.float32` and its kin.
    Dtype(Element),
    /// `torch.FloatStorage` and its kin; `None` is `torch.storage.UntypedStorage`, bytes.
    Storage(Option<Element>),
    /// `torch._utils._rebuild_tensor` (PyTorch 0.3 and before) and `_rebuild_tensor_v2`: a view of a typed storage.
    RebuildTensor,
    /// `torch._utils._rebuild_tensor_v3`: a view of bytes.
    RebuildTensorV3,
    /// `torch._utils._rebuild_parameter`: its tensor.
    RebuildParameter,
}

impl Global {
    /// # Errors
    /// The name is none of these.
    pub(super) fn find(module: &str, name: &str) -> Result<Self, Fault> {
        let found = match (module, name) {
            ("collections", "OrderedDict" | "Counter") => Some(Self::Dict),
            ("builtins" | "__builtin__", "set" | "frozenset") => Some(Self::Set),
            ("torch", "Size") => Some(Self::Size),
            ("torch", "device") => Some(Self::Device),
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Some(Self::RebuildTensor),
            ("torch._utils", "_rebuild_tensor_v3") => Some(Self::RebuildTensorV3),
            ("torch._utils", "_rebuild_parameter") => Some(Self::RebuildParameter),
            ("torch.storage" | "torch", "UntypedStorage") => Some(Self::Storage(None)),
            ("torch" | "torch.storage" | "torch.cuda", name) => Self::typed(name),
            _ => None,
        };
        found.ok_or_else(|| Fault::Refused(format!("{}.{}", shown(module), shown(name))))
    }

    fn typed(name: &str) -> Option<Self> {
        let storage = name.strip_suffix("Storage").and_then(|kind| {
            Element::ALL
                .into_iter()
                .find(|element| element.storage() == Some(kind))
                .map(|e| Self::Storage(Some(e)))
        });
        let dtype = || Element::ALL.into_iter().find(|element| element.torch() == name).map(Self::Dtype);
        storage.or_else(dtype)
    }
}
