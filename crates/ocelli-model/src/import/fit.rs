//! Weights from elsewhere put into a network, as far as they fit.

use ocelli_nn::{Network, ParameterSpec, Role, Tensor, TensorData, Weights, WeightsError};
use std::fmt;

/// How many of each kind are named before "and n more".
const NAMED: usize = 8;

/// What came of putting a file's weights into a network. Displays as a few lines: how many were loaded, and everything that
/// was not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fit {
    parameters: usize,
    loaded: Vec<String>,
    replaced: Option<ReplacedHead>,
    not_finite: Vec<String>,
    misfits: WeightsError,
}

/// What becomes of the last convolution or linear layer, whose outputs are the classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Head {
    /// It is loaded like any other, but where the file's differs from it in the number of classes, it stays as it is.
    #[default]
    IfItFits,
    /// It stays as it is: the file's is for other classes, however many.
    New,
}

/// A last layer that stayed as it was, because the file's is for other classes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplacedHead {
    /// The layer's name.
    pub layer: String,
    /// How many classes the file's is for.
    pub found: usize,
    /// How many the network has.
    pub classes: usize,
}

impl Fit {
    /// Puts every tensor of `found` that has the name, shape and type of one of the network's into `weights`, which are the
    /// network's own and otherwise stay as they are.
    ///
    /// - `head` says what becomes of the last layer.
    /// - BatchNorm's `num_batches_tracked`, which files of PyTorch before 0.4.1 lack, is no loss where it is missing, and may
    ///   be a float.
    /// - Tensors with values that are infinite or no numbers are not taken.
    pub fn load(network: &Network, weights: &mut Weights, mut found: Weights, head: Head) -> Self {
        let parameters = network.parameters();
        let mut fit = Self { parameters: parameters.len(), ..Self::default() };
        fit.replaced = replaced(network, &parameters, &found, head);
        for spec in &parameters {
            let head =
                fit.replaced.as_ref().is_some_and(|head| head.layer == network.nodes()[spec.node].name);
            if spec.role == Role::NumBatchesTracked {
                count_in_integers(&mut found, &spec.name);
            }
            let stays = match found.get(&spec.name) {
                None => spec.role == Role::NumBatchesTracked,
                Some(_) if head => true,
                Some(tensor) => {
                    let bad = first_not_finite(tensor);
                    fit.not_finite.extend(bad.map(|value| format!("{}: holds {value}", spec.name)));
                    bad.is_some()
                }
            };
            if stays && let Some(own) = weights.get(&spec.name) {
                found.insert(&spec.name, own.clone());
            } else if found.fits(spec) {
                fit.loaded.push(spec.name.clone());
            }
        }
        fit.misfits = found.check(network).err().unwrap_or_default();
        for name in &fit.loaded {
            if let Some(tensor) = found.remove(name) {
                weights.insert(name, tensor);
            }
        }
        fit
    }

    /// Names of what was loaded, in the network's order.
    pub fn loaded(&self) -> &[String] {
        &self.loaded
    }

    /// The last layer, where it stayed as it was.
    pub fn replaced(&self) -> Option<&ReplacedHead> {
        self.replaced.as_ref()
    }

    /// What was not loaded because it holds infinite values or no numbers: "name: holds NaN".
    pub fn not_finite(&self) -> &[String] {
        &self.not_finite
    }

    /// What is missing in the file, unexpected in it, or of another shape or type.
    pub fn misfits(&self) -> &WeightsError {
        &self.misfits
    }

    /// Whether every tensor of the file was loaded and every one of the network's was in it, the last layer aside.
    pub fn is_whole(&self) -> bool {
        self.misfits.is_empty() && self.not_finite.is_empty()
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} tensors loaded", self.loaded.len(), self.parameters)?;
        if let Some(ReplacedHead { layer, found, classes }) = &self.replaced {
            write!(f, "\n  new: {layer}, the last layer: the file's is for ")?;
            if found == classes {
                f.write_str("other classes")?;
            } else {
                write!(f, "{found} classes, here are {classes}")?;
            }
        }
        for name in self.not_finite.iter().take(NAMED) {
            write!(f, "\n  not loaded: {name}")?;
        }
        if self.not_finite.len() > NAMED {
            write!(f, "\n  not loaded: and {} more", self.not_finite.len() - NAMED)?;
        }
        self.misfits.write_lines(f)
    }
}

/// The last layer with a weight, if the file's is to be left and differs from it in no more than the number of outputs.
fn replaced(
    network: &Network,
    parameters: &[ParameterSpec],
    found: &Weights,
    head: Head,
) -> Option<ReplacedHead> {
    let node = parameters.iter().rfind(|spec| spec.role == Role::Weight)?.node;
    let mut outputs = None;
    for spec in parameters.iter().filter(|spec| spec.node == node) {
        let ((&theirs, their_rest), (&ours, our_rest)) =
            (found.get(&spec.name)?.shape.split_first()?, spec.shape.split_first()?);
        if their_rest != our_rest
            || (theirs == ours && head == Head::IfItFits)
            || outputs.is_some_and(|outputs| outputs != (theirs, ours))
        {
            return None;
        }
        outputs = Some((theirs, ours));
    }
    let (found, classes) = outputs?;
    Some(ReplacedHead { layer: network.nodes()[node].name.clone(), found, classes })
}

/// A count that was made a float with the rest of a model (`model.half()`) becomes an integer again.
fn count_in_integers(found: &mut Weights, name: &str) {
    if let Some(Tensor { data, .. }) = found.get_mut(name)
        && let TensorData::F32(values) = data
        && values.iter().all(|value| value.fract() == 0.0)
    {
        *data = TensorData::I64(values.iter().map(|&value| value as i64).collect());
    }
}

fn first_not_finite(tensor: &Tensor) -> Option<f32> {
    tensor.as_f32()?.iter().copied().find(|value| !value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ocelli_nn::{Conv2d, Sequential, Shape};

    fn network(classes: usize) -> Network {
        Sequential::new(Shape::map(1, 4, 4))
            .conv2d(Conv2d::new(1, 2, 3))
            .batch_norm2d(2)
            .flatten()
            .linear(8, classes)
            .build("small")
            .unwrap()
    }

    fn load(classes: usize, found: Weights) -> (Weights, Fit) {
        let mut weights = network(classes).init(1);
        let fit = Fit::load(&network(classes), &mut weights, found, Head::IfItFits);
        assert_eq!(weights.check(&network(classes)), Ok(()), "whatever was loaded");
        (weights, fit)
    }

    #[test]
    fn what_fits_is_loaded_whole() {
        let found = network(3).init(2);
        let (weights, fit) = load(3, found.clone());
        assert_eq!(weights, found);
        assert_eq!(fit.to_string(), "9 of 9 tensors loaded");
        assert!(fit.is_whole() && fit.replaced().is_none());
    }

    #[test]
    fn a_head_of_other_classes_stays_new() {
        let (weights, fit) = load(3, network(5).init(2));
        let head = ReplacedHead { layer: "3".into(), found: 5, classes: 3 };
        assert_eq!((fit.loaded().len(), fit.replaced(), fit.is_whole()), (7, Some(&head), true));
        assert_eq!(weights.get("3.weight"), network(3).init(1).get("3.weight"));
        assert_eq!(weights.get("0.weight"), network(5).init(2).get("0.weight"));
        assert!(fit.to_string().ends_with("new: 3, the last layer: the file's is for 5 classes, here are 3"));
    }

    #[test]
    fn a_head_of_as_many_other_classes_can_be_left() {
        let mut weights = network(3).init(1);
        let fit = Fit::load(&network(3), &mut weights, network(3).init(2), Head::New);
        assert_eq!((fit.loaded().len(), fit.is_whole()), (7, true));
        assert_eq!(weights.get("3.weight"), network(3).init(1).get("3.weight"));
        assert!(
            fit.to_string().ends_with("new: 3, the last layer: the file's is for other classes"),
            "{fit}"
        );
    }

    #[test]
    fn everything_that_does_not_fit_is_told() {
        let mut found = network(3).init(2);
        let bias = found.remove("3.bias").unwrap();
        found.insert("3.bais", bias);
        found.insert("3.weight", Tensor::f32([3, 9], vec![0.0; 27]));
        found.insert("0.bias", Tensor::f32([2], vec![0.0, f32::NAN]));
        found.remove("1.num_batches_tracked");
        let (weights, fit) = load(3, found);
        let said = "5 of 9 tensors loaded\
            \n  not loaded: 0.bias: holds NaN\
            \n  missing: 3.bias\
            \n  unexpected: 3.bais; did you mean 3.bias?\
            \n  of the wrong shape: 3.weight: got f32 3×9, needs f32 3×8";
        assert_eq!(fit.to_string(), said);
        assert!(!fit.is_whole());
        for name in ["0.bias", "3.weight", "3.bias", "1.num_batches_tracked"] {
            assert_eq!(weights.get(name), network(3).init(1).get(name), "{name} stays as it was");
        }
        assert_eq!(load(3, Weights::new()).1.loaded().len(), 0);
    }

    #[test]
    fn counts_may_be_floats() {
        let mut found = network(3).init(2);
        found.insert("1.num_batches_tracked", Tensor::f32([], vec![70.0]));
        let (weights, fit) = load(3, found);
        assert!(fit.is_whole(), "{fit}");
        assert_eq!(weights.get("1.num_batches_tracked"), Some(&Tensor::i64([], vec![70])));
    }
}
