//! Pickles as PyTorch's own writer makes them: protocol 2, of modules, tensors and plain values.
//!
//! A pickle is a program for a small stack machine. Lists and dictionaries come with their types, by functions that PyTorch's reader
//! knows (`torch.jit._pickle`), since it needs more than Python does.

use std::collections::BTreeMap;

use ocelli_nn::{Tensor, TensorData};

const MARK: u8 = b'(';
const EMPTY_TUPLE: u8 = b')';
const EMPTY_DICT: u8 = b'}';
const EMPTY_LIST: u8 = b']';
const TUPLE: u8 = b't';
const TUPLE2: u8 = 0x86;
const REDUCE: u8 = b'R';
const NEWOBJ: u8 = 0x81;
const BUILD: u8 = b'b';
const APPENDS: u8 = b'e';
const SETITEMS: u8 = b'u';
const BINPERSID: u8 = b'Q';

/// A pickle that is being written.
pub(super) struct Pickle(Vec<u8>);

impl Pickle {
    pub(super) fn new() -> Self {
        Self(b"\x80\x02".to_vec())
    }

    /// The pickle of what was written.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.push(b'.');
        self.0
    }

    pub(super) fn empty_tuple(&mut self) {
        self.0.push(EMPTY_TUPLE);
    }

    pub(super) fn none(&mut self) {
        self.0.push(b'N');
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.0.push(if value { 0x88 } else { 0x89 });
    }

    pub(super) fn float(&mut self, value: f64) {
        self.0.push(b'G');
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn text(&mut self, value: &str) {
        let length = u32::try_from(value.len()).expect("a name or word, not a book of 4 GiB");
        self.0.push(b'X');
        self.0.extend(length.to_le_bytes());
        self.0.extend(value.as_bytes());
    }

    /// A `List[str]`.
    pub(super) fn texts(&mut self, values: &[String]) {
        self.global("torch.jit._pickle", "restore_type_tag");
        self.0.extend([EMPTY_LIST, MARK]);
        values.iter().for_each(|value| self.text(value));
        self.0.push(APPENDS);
        self.tag("List[str]");
    }

    /// A `List[float]`.
    pub(super) fn floats(&mut self, values: &[f64]) {
        self.global("torch.jit._pickle", "build_doublelist");
        self.0.extend([MARK, EMPTY_LIST, MARK]);
        values.iter().for_each(|value| self.float(*value));
        self.0.extend([APPENDS, TUPLE, REDUCE]);
    }

    /// A `Dict[str, float]`.
    pub(super) fn figures(&mut self, values: &BTreeMap<String, f64>) {
        self.global("torch.jit._pickle", "restore_type_tag");
        self.0.extend([EMPTY_DICT, MARK]);
        for (name, value) in values {
            self.text(name);
            self.float(*value);
        }
        self.0.push(SETITEMS);
        self.tag("Dict[str, float]");
    }

    /// A tensor whose values are the storage of a key. It asks for no gradient.
    pub(super) fn tensor(&mut self, storage: usize, tensor: &Tensor) {
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.0.extend([MARK, MARK]);
        self.text("storage");
        self.global(
            "torch",
            match tensor.data {
                TensorData::F32(_) => "FloatStorage",
                TensorData::I64(_) => "LongStorage",
            },
        );
        self.text(&storage.to_string());
        self.text("cpu");
        self.int(tensor.data.len());
        self.0.extend([TUPLE, BINPERSID]);
        self.int(0);
        self.sizes(&tensor.shape);
        self.sizes(&strides(&tensor.shape));
        self.bool(false);
        self.global("collections", "OrderedDict");
        self.0.extend([EMPTY_TUPLE, REDUCE, TUPLE, REDUCE]);
    }

    /// Begins a module of a class; what follows are names and values of its attributes in turn.
    pub(super) fn begin_module(&mut self, (file, class): (&str, &str)) {
        self.global(file, class);
        self.0.extend([EMPTY_TUPLE, NEWOBJ, EMPTY_DICT, MARK]);
    }

    pub(super) fn end_module(&mut self) {
        self.0.extend([SETITEMS, BUILD]);
    }

    fn global(&mut self, module: &str, name: &str) {
        self.0.push(b'c');
        for line in [module, name] {
            self.0.extend(line.as_bytes());
            self.0.push(b'\n');
        }
    }

    /// Ends the arguments of `restore_type_tag` and calls it.
    fn tag(&mut self, type_name: &str) {
        self.text(type_name);
        self.0.extend([TUPLE2, REDUCE]);
    }

    fn int(&mut self, value: usize) {
        if let Ok(value) = i32::try_from(value) {
            self.0.push(b'J');
            self.0.extend(value.to_le_bytes());
        } else {
            self.0.extend([0x8a, 8]);
            self.0.extend((value as i64).to_le_bytes());
        }
    }

    fn sizes(&mut self, sizes: &[usize]) {
        self.0.push(MARK);
        sizes.iter().for_each(|size| self.int(*size));
        self.0.push(TUPLE);
    }
}

/// Values from one to the next along each dimension.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for dimension in (1..shape.len()).rev() {
        strides[dimension - 1] = strides[dimension] * shape[dimension];
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pickled(write: impl FnOnce(&mut Pickle)) -> Vec<u8> {
        let mut pickle = Pickle::new();
        write(&mut pickle);
        pickle.finish()
    }

    #[test]
    fn plain_values_are_protocol_2() {
        assert_eq!(pickled(Pickle::empty_tuple), b"\x80\x02).");
        assert_eq!(pickled(|p| p.bool(true)), b"\x80\x02\x88.");
        assert_eq!(pickled(|p| p.float(1.5)), b"\x80\x02G\x3f\xf8\0\0\0\0\0\0.");
        assert_eq!(pickled(|p| p.text("é")), b"\x80\x02X\x02\0\0\0\xc3\xa9.");
        assert_eq!(pickled(|p| p.int(256)), b"\x80\x02J\0\x01\0\0.");
        assert_eq!(pickled(|p| p.int(1 << 33)), b"\x80\x02\x8a\x08\0\0\0\0\x02\0\0\0.");
    }

    #[test]
    fn lists_come_with_their_types() {
        let expected =
            b"\x80\x02ctorch.jit._pickle\nrestore_type_tag\n](X\x01\0\0\0aeX\x09\0\0\0List[str]\x86R.";
        assert_eq!(pickled(|p| p.texts(&["a".to_owned()])), expected);
        let expected = b"\x80\x02ctorch.jit._pickle\nbuild_doublelist\n(](G\0\0\0\0\0\0\0\0etR.";
        assert_eq!(pickled(|p| p.floats(&[0.0])), expected);
        let figures = BTreeMap::from([("b".to_owned(), 0.0)]);
        let expected = b"\x80\x02ctorch.jit._pickle\nrestore_type_tag\n}(X\x01\0\0\0bG\0\0\0\0\0\0\0\0u\
                         X\x10\0\0\0Dict[str, float]\x86R.";
        assert_eq!(pickled(|p| p.figures(&figures)), expected.as_slice());
    }

    #[test]
    fn a_module_is_its_class_and_attributes() {
        let module = pickled(|p| {
            p.begin_module(("__torch__.m", "C"));
            p.text("training");
            p.bool(false);
            p.end_module();
        });
        assert_eq!(module, b"\x80\x02c__torch__.m\nC\n)\x81}(X\x08\0\0\0training\x89ub.");
    }

    /// What `torch.save` writes for such a tensor but for its memo.
    #[test]
    fn a_tensor_names_its_storage() {
        let tensor = Tensor::i64([2, 1, 3], vec![0; 6]);
        let expected =
            b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nLongStorage\n\
            X\x02\0\0\x0012X\x03\0\0\0cpuJ\x06\0\0\0tQJ\0\0\0\0(J\x02\0\0\0J\x01\0\0\0J\x03\0\0\0t\
            (J\x03\0\0\0J\x03\0\0\0J\x01\0\0\0t\x89ccollections\nOrderedDict\n)RtR.";
        assert_eq!(pickled(|p| p.tensor(12, &tensor)), expected.as_slice());
        assert_eq!(strides(&[]), [] as [usize; 0]);
    }
}
