//! What calling a [`Global`] gives.

use super::global::Global;
use super::value::{Heap, Storage, TensorView, Value};
use super::{Fault, shown};
use crate::import::element::Element;
use crate::import::strided::Strided;
use std::rc::Rc;

impl Heap {
    /// The value of `global(*arguments)`.
    pub(super) fn call(&mut self, global: Global, arguments: &Value) -> Result<Value, Fault> {
        let arguments = match self.items(arguments) {
            Some(items) => items.to_vec(),
            None => return Err(Fault::broken(format!("calls with {} for arguments", arguments.kind()))),
        };
        match (global, &arguments[..]) {
            (Global::Dict, []) => Ok(self.dict(Vec::new())),
            (Global::Dict, [entries @ Value::Dict(_)]) => Ok(entries.clone()),
            (Global::Dict, [entries]) => self.dict_of_pairs(entries),
            (Global::Set, []) => Ok(self.list(Vec::new())),
            (Global::Set, [items @ Value::List(_)]) => Ok(items.clone()),
            (Global::Size, [sizes @ (Value::Tuple(_) | Value::List(_))]) => Ok(sizes.clone()),
            (Global::Device, _) => Ok(Value::Opaque),
            (Global::RebuildParameter, [tensor @ Value::Tensor(_), ..]) => Ok(tensor.clone()),
            (Global::RebuildTensor, [storage, offset, size, stride, rest @ ..]) => {
                // After these come requires_grad, hooks and, seldom, a dictionary of properties.
                self.check_properties(rest.get(2))?;
                self.view(storage, offset, size, stride, None)
            }
            (
                Global::RebuildTensorV3,
                [storage, offset, size, stride, _, _, Value::Global(Global::Dtype(element)), rest @ ..],
            ) => {
                self.check_properties(rest.first())?;
                self.view(storage, offset, size, stride, Some(*element))
            }
            _ => Err(Fault::broken("calls a function of PyTorch's with arguments that it does not take")),
        }
    }

    /// A dictionary of `[[key, value], …]`, as Python 2 wrote ordered ones.
    fn dict_of_pairs(&mut self, entries: &Value) -> Result<Value, Fault> {
        let pair = |item: &Value| match self.items(item) {
            Some([key, value]) => Some((key.clone(), value.clone())),
            _ => None,
        };
        let pairs = self.items(entries).and_then(|items| items.iter().map(pair).collect::<Option<Vec<_>>>());
        let pairs = pairs.ok_or_else(|| Fault::broken("has a dictionary of something other than pairs"))?;
        Ok(self.dict(pairs))
    }

    /// A tensor may be marked as negated or conjugated, to be done when it is read: seldom, and not done here.
    fn check_properties(&self, properties: Option<&Value>) -> Result<(), Fault> {
        match properties {
            Some(value) if self.pairs(value).is_some_and(|pairs| !pairs.is_empty()) => {
                Err(Fault::broken("has a tensor that is to be negated or conjugated: save a .clone() of it"))
            }
            _ => Ok(()),
        }
    }

    fn view(
        &mut self,
        storage: &Value,
        offset: &Value,
        size: &Value,
        stride: &Value,
        dtype: Option<Element>,
    ) -> Result<Value, Fault> {
        let storage =
            self.storage_of(storage).ok_or_else(|| Fault::broken("has a tensor without a storage"))?;
        let element = match (storage.element, dtype) {
            (Some(element), None) | (None, Some(element)) => element,
            _ => return Err(Fault::broken("has a tensor that does not say what its values are")),
        };
        // A storage of bytes has its length in bytes; views of it are in values all the same.
        let length = if storage.element.is_some() { storage.length } else { storage.length / element.size() };
        let offset = offset.as_count().ok_or_else(|| Fault::broken("has a tensor that begins nowhere"))?;
        let strided = Strided::new(self.counts(size)?, self.counts(stride)?, offset, length)
            .and_then(|strided| strided.shifted(storage.start))
            .map_err(|reason| Fault::broken(format!("has a tensor {reason}")))?;
        let key = Rc::clone(&storage.key);
        Ok(self.tensor(TensorView { key, element, strided }))
    }

    fn counts(&self, value: &Value) -> Result<Vec<u64>, Fault> {
        let counts = self.items(value).and_then(|items| items.iter().map(Value::as_count).collect());
        counts.ok_or_else(|| Fault::broken("has a tensor whose sizes or strides are no counts"))
    }

    /// The storage of a persistent id: `('storage', type, key, location, length)` and, in old files, a view of another.
    pub(super) fn persistent(&mut self, id: &Value) -> Result<Value, Fault> {
        let broken = || Fault::broken("refers to something outside of it that is no storage");
        let items = self.items(id).ok_or_else(broken)?;
        let [kind, Value::Global(Global::Storage(element)), key, _, length, view @ ..] = items else {
            return Err(broken());
        };
        let (Some(key), Some(mut length)) = (key.as_text(), length.as_count()) else { return Err(broken()) };
        if kind.as_text().is_none_or(|kind| &**kind != "storage") {
            return Err(broken());
        }
        let (key, element, mut start) = (Rc::clone(key), *element, 0);
        if let Some(view) = view.first().and_then(|view| self.items(view)) {
            let [_, offset, count] = view else { return Err(broken()) };
            let (Some(offset), Some(count)) = (offset.as_count(), count.as_count()) else {
                return Err(broken());
            };
            if offset.checked_add(count).is_none_or(|end| end > length) {
                return Err(Fault::broken(format!("has a view beyond the end of storage {}", shown(&key))));
            }
            (start, length) = (offset, count);
        }
        Ok(self.storage(Storage { key, element, start, length }))
    }
}
