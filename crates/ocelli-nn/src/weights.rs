//! Named tensors: a network's parameters and buffers, or anything else kept by name.

use std::fmt;

use indexmap::IndexMap;

use crate::layers::Role;
use crate::network::{Network, ParameterSpec};
use crate::suggest;

/// The values of a tensor.
#[derive(Clone, PartialEq, Debug)]
pub enum TensorData {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit integers, as `num_batches_tracked` is.
    I64(Vec<i64>),
}

impl TensorData {
    /// How many values there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::I64(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// "f32" or "i64".
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::F32(_) => "f32",
            Self::I64(_) => "i64",
        }
    }
}

/// Values with a shape, row-major, in PyTorch's layout: a convolution's weight is O×I×kH×kW.
#[derive(Clone, PartialEq, Debug)]
pub struct Tensor {
    /// Length of each dimension, outermost first; empty for a single number.
    pub shape: Vec<usize>,
    /// The values, as many as the product of `shape`.
    pub data: TensorData,
}

impl Tensor {
    /// A tensor of floats.
    pub fn f32(shape: impl Into<Vec<usize>>, values: Vec<f32>) -> Self {
        Self { shape: shape.into(), data: TensorData::F32(values) }
    }

    /// A tensor of integers.
    pub fn i64(shape: impl Into<Vec<usize>>, values: Vec<i64>) -> Self {
        Self { shape: shape.into(), data: TensorData::I64(values) }
    }

    /// Its values if they are floats.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.data {
            TensorData::F32(values) => Some(values),
            TensorData::I64(_) => None,
        }
    }

    /// Its values if they are integers.
    pub fn as_i64(&self) -> Option<&[i64]> {
        match &self.data {
            TensorData::I64(values) => Some(values),
            TensorData::F32(_) => None,
        }
    }

    /// "f32 16×3×5×5", for errors.
    fn described(&self) -> String {
        describe(self.data.type_name(), &self.shape)
    }

    /// Whether it has as many values as its shape says.
    pub(crate) fn is_whole(&self) -> bool {
        let product = self.shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        product == Some(self.data.len())
    }
}

fn describe(type_name: &str, shape: &[usize]) -> String {
    let dimensions: Vec<_> = shape.iter().map(usize::to_string).collect();
    format!("{type_name} {}", if shape.is_empty() { "scalar".to_owned() } else { dimensions.join("×") })
}

/// Tensors by name, in the order in which they were put in: a `state_dict`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Weights {
    tensors: IndexMap<String, Tensor>,
}

impl Weights {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tensor of a name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// The tensor of a name, to change.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Tensor> {
        self.tensors.get_mut(name)
    }

    /// Puts a tensor in; the one of the same name that was there is given back, and the new one takes its place.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) -> Option<Tensor> {
        self.tensors.insert(name.into(), tensor)
    }

    /// Takes a tensor out; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Tensor> {
        self.tensors.shift_remove(name)
    }

    /// Names and tensors in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Names in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Checks that these are the parameters and buffers of a network: all of them, no others, each of its shape and type.
    /// The order does not matter.
    ///
    /// # Errors
    /// Everything that is missing, unexpected or of the wrong shape.
    pub fn check(&self, network: &Network) -> Result<(), WeightsError> {
        self.check_parameters(&network.parameters())
    }

    /// Whether a tensor is there for a parameter and can be it: of its name, shape and type.
    pub fn fits(&self, parameter: &ParameterSpec) -> bool {
        self.get(&parameter.name).is_some_and(|tensor| misfit(tensor, parameter).is_none())
    }

    /// As [`Weights::check`], for the parameters of a network.
    pub(crate) fn check_parameters(&self, parameters: &[ParameterSpec]) -> Result<(), WeightsError> {
        let mut error = WeightsError::default();
        for spec in parameters {
            match self.get(&spec.name).map(|tensor| misfit(tensor, spec)) {
                None => error.missing.push(spec.name.clone()),
                Some(Some(misfit)) => error.mismatched.push(format!("{}: {misfit}", spec.name)),
                Some(None) => {}
            }
        }
        let known: std::collections::HashSet<_> = parameters.iter().map(|spec| spec.name.as_str()).collect();
        error.unexpected = self.names().filter(|name| !known.contains(name)).map(str::to_owned).collect();
        if error.is_empty() { Ok(()) } else { Err(error) }
    }
}

/// Why a tensor cannot be a parameter: "got f32 16×3×5×5, needs f32 16×1×5×5"; `None` if it can.
fn misfit(tensor: &Tensor, spec: &ParameterSpec) -> Option<String> {
    let type_name = if spec.role == Role::NumBatchesTracked { "i64" } else { "f32" };
    if tensor.shape != spec.shape || tensor.data.type_name() != type_name {
        return Some(format!("got {}, needs {}", tensor.described(), describe(type_name, &spec.shape)));
    }
    (!tensor.is_whole()).then(|| format!("got {} values for {}", tensor.data.len(), tensor.described()))
}

impl<S: Into<String>> FromIterator<(S, Tensor)> for Weights {
    fn from_iter<I: IntoIterator<Item = (S, Tensor)>>(tensors: I) -> Self {
        Self { tensors: tensors.into_iter().map(|(name, tensor)| (name.into(), tensor)).collect() }
    }
}

impl IntoIterator for Weights {
    type Item = (String, Tensor);
    type IntoIter = indexmap::map::IntoIter<String, Tensor>;

    fn into_iter(self) -> Self::IntoIter {
        self.tensors.into_iter()
    }
}

/// How many of each kind an error names before "and n more".
const NAMED: usize = 8;

/// Tensors that are not those of a network. Displays as one line for each, with the likely name where two are near.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WeightsError {
    missing: Vec<String>,
    unexpected: Vec<String>,
    mismatched: Vec<String>,
}

impl WeightsError {
    /// Names that the network has and the tensors lack.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Names that the tensors have and the network does not.
    pub fn unexpected(&self) -> &[String] {
        &self.unexpected
    }

    /// Tensors of the wrong shape or type: "name: got f32 16×3×5×5, needs f32 16×1×5×5".
    pub fn mismatched(&self) -> &[String] {
        &self.mismatched
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.mismatched.is_empty()
    }
}

impl WeightsError {
    /// What is wrong, one line for each, every line after a line break.
    ///
    /// # Errors
    /// As any `Display`.
    pub fn write_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, names) in [
            ("missing", &self.missing),
            ("unexpected", &self.unexpected),
            ("of the wrong shape", &self.mismatched),
        ] {
            for name in names.iter().take(NAMED) {
                // They come from a file: nothing that a terminal obeys, and no more than a line.
                let shown: String = name.chars().take(200).flat_map(char::escape_debug).collect();
                write!(f, "\n  {what}: {shown}")?;
                if what == "unexpected" {
                    f.write_str(&suggest::hint(name, self.missing.iter().map(String::as_str)))?;
                }
            }
            if names.len() > NAMED {
                write!(f, "\n  {what}: and {} more", names.len() - NAMED)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for WeightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the weights are not this network's")?;
        self.write_lines(f)
    }
}

impl std::error::Error for WeightsError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sequential, Shape};

    fn network() -> Network {
        Sequential::new(Shape::features(3)).linear(3, 2).batch_norm1d(2).linear(2, 4).build("test").unwrap()
    }

    #[test]
    fn initial_weights_are_the_networks() {
        let weights = network().init(0);
        assert_eq!(weights.check(&network()), Ok(()));
        let names: Vec<_> = network().parameters().into_iter().map(|spec| spec.name).collect();
        assert_eq!(weights.names().collect::<Vec<_>>(), names);
        let reversed: Weights = weights.into_iter().rev().collect();
        assert_eq!(reversed.check(&network()), Ok(()));
    }

    #[test]
    fn everything_wrong_is_named() {
        let mut weights = network().init(0);
        let bias = weights.remove("0.bias").unwrap();
        weights.insert("0.bais", bias);
        weights.insert("0.weight", Tensor::f32([3, 2], vec![0.0; 6]));
        weights.insert("1.num_batches_tracked", Tensor::f32([], vec![0.0]));
        weights.insert("2.bias", Tensor::f32([4], vec![0.0; 3]));
        let error = weights.check(&network()).unwrap_err();
        assert_eq!(error.missing(), ["0.bias"]);
        assert_eq!(error.unexpected(), ["0.bais"]);
        let expected = "the weights are not this network's\
            \n  missing: 0.bias\
            \n  unexpected: 0.bais; did you mean 0.bias?\
            \n  of the wrong shape: 0.weight: got f32 3×2, needs f32 2×3\
            \n  of the wrong shape: 1.num_batches_tracked: got f32 scalar, needs i64 scalar\
            \n  of the wrong shape: 2.bias: got 3 values for f32 4";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn long_lists_are_cut() {
        let weights: Weights = (0..1000).map(|i| (format!("extra.{i}"), Tensor::f32([0], vec![]))).collect();
        let text = weights.check(&network()).unwrap_err().to_string();
        assert!(text.contains("unexpected: and 992 more") && text.lines().count() < 30, "{text}");
    }
}
