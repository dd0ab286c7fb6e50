//! TorchScript: a file that `torch.jit.load` opens, in Python and in C++ (libtorch), without Ocelli and without code of the model's own.
//!
//! [`export`] makes a classifier one module: its `forward` takes N × C × H × W images of any size, as floats of 0 to 1 or as bytes, and
//! gives N × classes probabilities. The evaluation's transforms are inside, on bytes as when Ocelli reads image files, so that both
//! say the same. [`export_network`] makes a network alone one.
//!
//! ```python
//! learn_inf = torch.jit.load("standalone_model.pt")
//! x = T.ToTensor()(Image.open("photo.jpg")).unsqueeze_(0)
//! softmax = learn_inf(x).squeeze()
//! print(learn_inf.class_names[softmax.argmax()])
//! ```
//!
//! A file has TorchScript, which is a part of Python, as text (`code/`), the values of all attributes as a pickle (`data.pkl`), and the
//! tensors' bytes (`data/`), in a zip archive. Modules are nested as in PyTorch, one for each part of the layers' names, so that
//! `state_dict()` has the names that the classifier's weights have.

mod archive;
mod layer;
mod module;
mod pickle;
mod root;
mod transforms;

use std::io;

use ocelli_model::Classifier;
use ocelli_nn::{Network, ParameterSpec, Weights};

use crate::ExportError;
use archive::Archive;
use module::{Classes, Module};
use pickle::Pickle;
use root::Root;

/// The version of operators that the code is written in: that of PyTorch 1.12 and all since.
const VERSION: &str = "10\n";

/// The classifier as the bytes of a TorchScript file.
///
/// The module has these attributes, beside one for each part of the network: `class_names` (`List[str]`), `multi_label` (`bool`),
/// `temperature` (`float`, 1 where none was fitted), `reject` (`Optional[float]`), `thresholds` (`Optional[List[float]]`, of a multi-label
/// classifier), `metrics` (`Dict[str, float]`) and `ocelli_version` (`str`). Its methods are `preprocess` (images to what the network
/// takes), `outputs` (that to the network's outputs), `probabilities` (those to probabilities) and `forward` (all three).
///
/// # Errors
/// A transform or a layer's name is impossible there.
pub fn export(classifier: &Classifier) -> Result<Vec<u8>, ExportError> {
    let root = Root::of_classifier(classifier)?;
    assemble(&root, classifier.network(), classifier.weights())
}

/// The same of a network alone: `forward` takes N × C × H × W floats (or N × features) as the network does, and gives its outputs,
/// as in evaluation.
///
/// # Errors
/// The weights are not the network's, or a layer's name is impossible there.
pub fn export_network(network: &Network, weights: &Weights) -> Result<Vec<u8>, ExportError> {
    weights.check(network)?;
    assemble(&Root::of_network(network), network, weights)
}

fn assemble(root: &Root, network: &Network, weights: &Weights) -> Result<Vec<u8>, ExportError> {
    let parameters = network.parameters();
    let mut modules = Module::tree(network, &parameters, &root.names())?;
    let mut classes = Classes::default();
    classes.of_children(&mut modules, network);
    let code = [
        ("ocelli/network", classes.finish()),
        ("ocelli/transforms", transforms::FUNCTIONS.to_owned()),
        ("ocelli/model", root.class(&modules)),
    ];
    let mut storages = Storages { weights, order: Vec::new() };
    let mut data = Pickle::new();
    data.begin_module(root::CLASS);
    root.pickle(&mut data);
    storages.children(&mut data, &modules);
    data.end_module();
    Ok(pack(data.finish(), &code, &storages)?)
}

fn pack(data: Vec<u8>, code: &[(&str, String)], storages: &Storages<'_>) -> io::Result<Vec<u8>> {
    let mut archive = Archive::new();
    archive.record("data.pkl", &data)?;
    archive.record("byteorder", b"little")?;
    for (name, text) in code {
        archive.record(&format!("code/__torch__/{name}.py"), text.as_bytes())?;
    }
    // Nothing of the code is too long to be written there.
    let mut constants = Pickle::new();
    constants.empty_tuple();
    archive.record("constants.pkl", &constants.finish())?;
    for (key, parameter) in storages.order.iter().enumerate() {
        let tensor = storages.weights.get(&parameter.name).expect("the weights are the network's");
        archive.storage(key, tensor)?;
    }
    archive.record("version", VERSION.as_bytes())?;
    archive.finish()
}

/// Tensors in the order in which the pickle names them.
struct Storages<'a> {
    weights: &'a Weights,
    order: Vec<&'a ParameterSpec>,
}

impl<'a> Storages<'a> {
    /// Pickles the modules within one, as its attributes.
    fn children(&mut self, data: &mut Pickle, module: &Module<'a>) {
        for (name, child) in &module.children {
            data.text(name);
            data.begin_module((module::FILE, &child.class));
            for (name, parameter) in &child.tensors {
                data.text(name);
                let tensor = self.weights.get(&parameter.name).expect("the weights are the network's");
                data.tensor(self.order.len(), tensor);
                self.order.push(parameter);
            }
            data.text("training");
            data.bool(false);
            self.children(data, child);
            data.end_module();
        }
    }
}

/// A number as code, with all its digits.
fn float(value: f64) -> String {
    format!("{value:?}")
}

/// An attribute of a module, whatever its name.
fn attribute(module: &str, name: &str) -> String {
    format!("getattr({module}, \"{name}\")")
}
