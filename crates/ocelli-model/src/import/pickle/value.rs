//! What a pickle's instructions make.

use super::global::Global;
use crate::import::element::Element;
use crate::import::strided::Strided;
use std::rc::Rc;

/// A container's place in the [`Heap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) struct Id(u32);

/// A value. Containers are elsewhere: a value is small, and copying one copies nothing else.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::import) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than 64 bits, in as many bytes as it takes but for its sign, the lowest first.
    BigInt(Rc<[u8]>),
    /// A number with a fraction: no use is made of any.
    Float,
    Text(Rc<str>),
    /// Bytes: no use is made of any.
    Bytes,
    /// A list or a set.
    List(Id),
    Tuple(Id),
    Dict(Id),
    Storage(Id),
    Tensor(Id),
    /// A name of [`Global`]'s, not called.
    Global(Global),
    /// What describes no data: a device.
    Opaque,
}

/// The stretch of numbers that a tensor's values lie in.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::import) struct Storage {
    /// Its name in the file.
    pub(in crate::import) key: Rc<str>,
    /// What its values are; `None` for bytes.
    pub(in crate::import) element: Option<Element>,
    /// Where it begins in what has that name, in values.
    pub(in crate::import) start: u64,
    /// How many values (or bytes) it has.
    pub(in crate::import) length: u64,
}

/// A tensor as a view of a storage. Checked when made: it lies within the storage's length.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::import) struct TensorView {
    /// The storage's name in the file.
    pub(in crate::import) key: Rc<str>,
    pub(in crate::import) element: Element,
    pub(in crate::import) strided: Strided,
}

/// A container.
#[derive(Clone, Debug)]
enum Object {
    Items(Vec<Value>),
    Pairs(Vec<(Value, Value)>),
    Storage(Box<Storage>),
    Tensor(Box<TensorView>),
}

/// All containers of one pickle.
#[derive(Clone, Debug, Default)]
pub(in crate::import) struct Heap {
    objects: Vec<Object>,
}

impl Heap {
    fn push(&mut self, object: Object) -> Id {
        self.objects.push(object);
        // There are fewer containers than instructions, and these are far fewer than 2^32.
        Id((self.objects.len() - 1) as u32)
    }

    pub(super) fn list(&mut self, items: Vec<Value>) -> Value {
        Value::List(self.push(Object::Items(items)))
    }

    pub(super) fn tuple(&mut self, items: Vec<Value>) -> Value {
        Value::Tuple(self.push(Object::Items(items)))
    }

    pub(super) fn dict(&mut self, pairs: Vec<(Value, Value)>) -> Value {
        Value::Dict(self.push(Object::Pairs(pairs)))
    }

    pub(super) fn storage(&mut self, storage: Storage) -> Value {
        Value::Storage(self.push(Object::Storage(Box::new(storage))))
    }

    pub(super) fn tensor(&mut self, tensor: TensorView) -> Value {
        Value::Tensor(self.push(Object::Tensor(Box::new(tensor))))
    }

    /// The items of a list or tuple.
    pub(in crate::import) fn items(&self, value: &Value) -> Option<&[Value]> {
        let (Value::List(id) | Value::Tuple(id)) = value else { return None };
        match &self.objects[id.0 as usize] {
            Object::Items(items) => Some(items),
            _ => None,
        }
    }

    /// The items of a list, to add to.
    pub(super) fn list_mut(&mut self, value: &Value) -> Option<&mut Vec<Value>> {
        let Value::List(id) = value else { return None };
        match &mut self.objects[id.0 as usize] {
            Object::Items(items) => Some(items),
            _ => None,
        }
    }

    /// The keys and values of a dictionary.
    pub(in crate::import) fn pairs(&self, value: &Value) -> Option<&[(Value, Value)]> {
        let Value::Dict(id) = value else { return None };
        match &self.objects[id.0 as usize] {
            Object::Pairs(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// The keys and values of a dictionary, to add to.
    pub(super) fn pairs_mut(&mut self, value: &Value) -> Option<&mut Vec<(Value, Value)>> {
        let Value::Dict(id) = value else { return None };
        match &mut self.objects[id.0 as usize] {
            Object::Pairs(pairs) => Some(pairs),
            _ => None,
        }
    }

    pub(in crate::import) fn storage_of(&self, value: &Value) -> Option<&Storage> {
        let Value::Storage(id) = value else { return None };
        match &self.objects[id.0 as usize] {
            Object::Storage(storage) => Some(storage),
            _ => None,
        }
    }

    pub(in crate::import) fn tensor_of(&self, value: &Value) -> Option<&TensorView> {
        let Value::Tensor(id) = value else { return None };
        match &self.objects[id.0 as usize] {
            Object::Tensor(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// All storages that the pickle names, in its order.
    pub(in crate::import) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.objects.iter().filter_map(|object| match object {
            Object::Storage(storage) => Some(&**storage),
            _ => None,
        })
    }
}

impl Value {
    pub(in crate::import) fn as_text(&self) -> Option<&Rc<str>> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A length, offset or count.
    pub(super) fn as_count(&self) -> Option<u64> {
        match self {
            Value::Int(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// What it is, for errors.
    pub(in crate::import) fn kind(&self) -> &'static str {
        match self {
            Value::None => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::BigInt(_) | Value::Float => "a number",
            Value::Text(_) => "a text",
            Value::Bytes => "bytes",
            Value::List(_) => "a list",
            Value::Tuple(_) => "a tuple",
            Value::Dict(_) => "a dictionary",
            Value::Storage(_) => "a storage",
            Value::Tensor(_) => "a single tensor",
            Value::Global(_) | Value::Opaque => "a name",
        }
    }
}
