//! A network as PyTorch's modules: one for each part of its layers' names, a class for each kind of module.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use indexmap::IndexMap;
use ocelli_nn::{Network, ParameterSpec, Shape, Source};

use super::attribute;
use super::layer::expression;
use crate::ExportError;

/// Where the classes of modules are.
pub(super) const FILE: &str = "__torch__.ocelli.network";
/// What names of modules may not be: methods and attributes that PyTorch needs of every module. Others, such as "eval", it looks for among its
/// own first.
const TAKEN: [&str; 14] = [
    "forward",
    "training",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_buffers",
    "_c",
    "_concrete_type",
    "_forward_hooks",
    "_forward_pre_hooks",
    "_initializing",
    "_modules",
    "_parameters",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
];

/// A module: a layer, what layers with a common beginning of their names are in, or both.
#[derive(Default)]
pub(super) struct Module<'a> {
    /// The layer that it is, by its index.
    layer: Option<usize>,
    /// Its tensors: the last parts of their names, and what they are.
    pub(super) tensors: Vec<(String, &'a ParameterSpec)>,
    pub(super) children: IndexMap<String, Module<'a>>,
    /// The name of its class in [`FILE`], once there is one.
    pub(super) class: String,
}

impl<'a> Module<'a> {
    /// The tree of a network's modules. `taken` are names that its root has for other things.
    ///
    /// # Errors
    /// If a layer's name cannot be one in PyTorch.
    pub(super) fn tree(
        network: &Network,
        parameters: &'a [ParameterSpec],
        taken: &[&str],
    ) -> Result<Self, ExportError> {
        let mut root = Module::default();
        for (index, node) in network.nodes().iter().enumerate() {
            let refuse = |reason| Err(ExportError::unsupported(format!("the layer {}", node.name), reason));
            let mut module = &mut root;
            for (depth, part) in node.name.split('.').enumerate() {
                if part.is_empty() {
                    return refuse("an empty name between dots is none in TorchScript: rename the layer");
                }
                if TAKEN.contains(&part) || depth == 0 && taken.contains(&part) {
                    return refuse("a part of its name means something else there: rename the layer");
                }
                module = module.children.entry(part.to_owned()).or_default();
            }
            module.layer = Some(index);
        }
        for parameter in parameters {
            let path: Vec<_> = parameter.name.split('.').collect();
            let (last, modules) = path.split_last().expect("a name has a part");
            let module = modules.iter().fold(&mut root, |module, part| &mut module.children[*part]);
            if module.children.contains_key(*last) {
                let reason = "a layer has its name: rename that layer";
                return Err(ExportError::unsupported(format!("the tensor {}", parameter.name), reason));
            }
            module.tensors.push(((*last).to_owned(), parameter));
        }
        Ok(root)
    }

    /// Attributes that hold its modules, as a class declares them.
    pub(super) fn declare_children(&self, text: &mut String) {
        for (name, child) in &self.children {
            // Written this way, a name need be no identifier: many are numbers.
            let _ = writeln!(text, "  __annotations__[\"{name}\"] = {FILE}.{}", child.class);
        }
    }
}

/// The classes of modules: those that would be the same are one.
#[derive(Default)]
pub(super) struct Classes {
    /// Names by what is written below them.
    names: HashMap<String, String>,
    used: HashSet<String>,
    text: String,
}

impl Classes {
    /// Gives all modules within one their classes.
    pub(super) fn of_children(&mut self, module: &mut Module<'_>, network: &Network) {
        for child in module.children.values_mut() {
            self.of_children(child, network);
            child.class = self.class(child, network);
        }
    }

    /// The file of all classes.
    pub(super) fn finish(self) -> String {
        self.text
    }

    fn class(&mut self, module: &Module<'_>, network: &Network) -> String {
        let kind = module.layer.map_or("Modules", |layer| network.nodes()[layer].layer.type_name());
        let body = body(module, network);
        if let Some(name) = self.names.get(&body) {
            return name.clone();
        }
        let mut numbered = (1..).map(|number| format!("{kind}_{number}"));
        let mut name = kind.to_owned();
        while !self.used.insert(name.clone()) {
            name = numbered.next().expect("numbers do not end");
        }
        let _ = write!(self.text, "class {name}(Module):\n{body}");
        self.names.insert(body, name.clone());
        name
    }
}

/// All of a class but its name.
fn body(module: &Module<'_>, network: &Network) -> String {
    let mut text = String::new();
    let of_kind = |trainable: bool| {
        let those = module.tensors.iter().filter(|(_, spec)| spec.role.is_trainable() == trainable);
        those.map(|(name, _)| format!("\"{name}\", ")).collect::<String>()
    };
    let _ = writeln!(text, "  __parameters__ = [{}]", of_kind(true));
    let _ = writeln!(text, "  __buffers__ = [{}]", of_kind(false));
    for (name, _) in &module.tensors {
        let _ = writeln!(text, "  {name} : Tensor");
    }
    text.push_str("  training : bool\n");
    module.declare_children(&mut text);
    if let Some(layer) = module.layer {
        let inputs = network.input_shapes(layer);
        let expression = expression(&network.nodes()[layer].layer, &inputs);
        let arguments: String = (0..inputs.len()).map(|input| format!(", x{input}: Tensor")).collect();
        let _ = writeln!(text, "  def forward(self{arguments}) -> Tensor:\n    return {expression}");
    }
    text
}

/// Statements that run the network over its input, the variable `x`, and `return` its output.
pub(super) fn statements(network: &Network) -> Vec<String> {
    let value = |source: &Source| match source {
        Source::Input => "x".to_owned(),
        Source::Node(node) => format!("v{node}"),
    };
    let mut lines = Vec::new();
    if let Shape::Map { channels, height, width } = network.input() {
        let sizes = [channels, height, width];
        let fits = |(dimension, size)| format!("torch.size(x, {dimension}) == {size}");
        let fits: Vec<_> = (1..).zip(sizes).map(fits).collect();
        let needs = format!("the network takes N x {channels} x {height} x {width}");
        lines.push(format!("assert {}, \"{needs}\"", fits.join(" and ")));
    }
    for (index, node) in network.nodes().iter().enumerate() {
        let module = node.name.split('.').fold("self".to_owned(), |module, part| attribute(&module, part));
        let inputs: Vec<_> = node.inputs.iter().map(value).collect();
        lines.push(format!("v{index} = {module}.forward({})", inputs.join(", ")));
    }
    lines.push(format!("return v{}", network.nodes().len() - 1));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use ocelli_nn::{Linear, Node, zoo};

    fn named(names: &[&str]) -> Network {
        let node = |(index, name): (usize, &&str)| Node {
            name: (*name).to_owned(),
            layer: Linear::new(2, 2).into(),
            inputs: vec![index.checked_sub(1).map_or(Source::Input, Source::Node)],
        };
        let nodes = names.iter().enumerate().map(node).collect();
        Network::new("named", Shape::features(2), nodes).unwrap()
    }

    fn refused(names: &[&str]) -> String {
        let network = named(names);
        match Module::tree(&network, &network.parameters(), &["class_names"]) {
            Ok(_) => panic!("{names:?} were taken"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn names_that_pytorch_cannot_have_are_refused() {
        assert_eq!(
            refused(&["a..b"]),
            "the layer a..b cannot be exported: an empty name between dots is none in TorchScript: rename the layer"
        );
        assert!(refused(&["a."]).contains("empty name"));
        assert!(refused(&["a.forward"]).contains("means something else"));
        assert!(refused(&["class_names.0"]).contains("means something else"));
        assert!(refused(&["a", "a.weight"]).contains("the tensor a.weight cannot"));
        let network = named(&["a.class_names", "a", "0"]);
        assert!(Module::tree(&network, &network.parameters(), &["class_names"]).is_ok());
    }

    #[test]
    fn modules_that_are_alike_share_a_class() {
        let network = zoo::build("resnet18", Shape::map(3, 64, 64), 10).unwrap();
        let parameters = network.parameters();
        let mut root = Module::tree(&network, &parameters, &[]).unwrap();
        let mut classes = Classes::default();
        classes.of_children(&mut root, &network);
        let block = |layer: &str, number: &str| &root.children[layer].children[number];
        assert_eq!(block("layer1", "0").class, block("layer1", "1").class);
        assert_ne!(block("layer2", "0").class, block("layer2", "1").class, "one has a downsample");
        assert_eq!(block("layer1", "0").children["bn1"].class, root.children["bn1"].class);
        let text = classes.finish();
        // The first, those of blocks with a stride and without, and those beside blocks.
        assert_eq!(text.matches("class Conv2d").count(), 4);
        assert_eq!(text.matches("class BatchNorm2d").count(), 1);
        assert!(text.contains(
            "class BatchNorm2d(Module):\n  __parameters__ = [\"weight\", \"bias\", ]\n  \
             __buffers__ = [\"running_mean\", \"running_var\", \"num_batches_tracked\", ]\n  weight : Tensor\n"
        ));
    }
}
