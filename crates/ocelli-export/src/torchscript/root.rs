//! The module that a file is: what `torch.jit.load` gives.

use std::collections::BTreeMap;
use std::fmt::Write;

use ocelli_model::Classifier;
use ocelli_nn::Network;

use super::module::{self, Module};
use super::pickle::Pickle;
use super::transforms;
use crate::ExportError;

/// Where its class is, and its name.
pub(super) const CLASS: (&str, &str) = ("__torch__.ocelli.model", "Model");

/// The module around a network's.
#[derive(Default)]
pub(super) struct Root {
    attributes: Vec<(&'static str, Value)>,
    methods: Vec<Method>,
}

/// What an attribute is.
enum Value {
    Bool(bool),
    Float(f64),
    MaybeFloat(Option<f64>),
    Text(String),
    Texts(Vec<String>),
    MaybeFloats(Option<Vec<f64>>),
    Figures(BTreeMap<String, f64>),
}

impl Value {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::Float(_) => "float",
            Self::MaybeFloat(_) => "Optional[float]",
            Self::Text(_) => "str",
            Self::Texts(_) => "List[str]",
            Self::MaybeFloats(_) => "Optional[List[float]]",
            Self::Figures(_) => "Dict[str, float]",
        }
    }

    fn pickle(&self, data: &mut Pickle) {
        match self {
            Self::Bool(value) => data.bool(*value),
            Self::Float(value) | Self::MaybeFloat(Some(value)) => data.float(*value),
            Self::Text(value) => data.text(value),
            Self::Texts(values) => data.texts(values),
            Self::MaybeFloats(Some(values)) => data.floats(values),
            Self::Figures(values) => data.figures(values),
            Self::MaybeFloat(None) | Self::MaybeFloats(None) => data.none(),
        }
    }
}

/// A method of one tensor, `x`, that gives one.
struct Method {
    name: &'static str,
    statements: Vec<String>,
}

impl Root {
    /// A classifier: images in, probabilities out.
    ///
    /// # Errors
    /// If it has a transform that cannot be said, or takes images of unknown channels.
    pub(super) fn of_classifier(classifier: &Classifier) -> Result<Self, ExportError> {
        let channels = classifier.image_channels()?.count();
        let f64s = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect();
        let attributes = vec![
            ("class_names", Value::Texts(classifier.classes().to_vec())),
            ("multi_label", Value::Bool(classifier.is_multi_label())),
            ("temperature", Value::Float(classifier.temperature().unwrap_or(1.0))),
            ("reject", Value::MaybeFloat(classifier.reject().map(f64::from))),
            ("thresholds", Value::MaybeFloats(classifier.thresholds().map(f64s))),
            ("metrics", Value::Figures(classifier.metrics().clone())),
            ("ocelli_version", Value::Text(env!("CARGO_PKG_VERSION").to_owned())),
        ];
        let all = "return self.probabilities(self.outputs(self.preprocess(x)))";
        let methods = vec![
            Method {
                name: "preprocess",
                statements: transforms::statements(classifier.transforms(), channels)?,
            },
            Method { name: "outputs", statements: module::statements(classifier.network()) },
            Method { name: "probabilities", statements: probabilities(classifier) },
            Method { name: "forward", statements: vec![all.to_owned()] },
        ];
        Ok(Self { attributes, methods })
    }

    /// A network: what it takes in, what it gives out.
    pub(super) fn of_network(network: &Network) -> Self {
        let methods = vec![Method { name: "forward", statements: module::statements(network) }];
        Self { attributes: Vec::new(), methods }
    }

    /// What it calls its attributes and methods.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let attributes = self.attributes.iter().map(|(name, _)| *name);
        attributes.chain(self.methods.iter().map(|method| method.name)).collect()
    }

    /// Its class, in a file.
    pub(super) fn class(&self, modules: &Module<'_>) -> String {
        let mut text = format!("class {}(Module):\n", CLASS.1);
        text.push_str("  __parameters__ = []\n  __buffers__ = []\n  training : bool\n");
        for (name, value) in &self.attributes {
            let _ = writeln!(text, "  {name} : {}", value.type_name());
        }
        modules.declare_children(&mut text);
        for Method { name, statements } in &self.methods {
            let _ =
                writeln!(text, "  def {name}(self, x: Tensor) -> Tensor:\n    {}", statements.join("\n    "));
        }
        text
    }

    /// Pickles its own attributes.
    pub(super) fn pickle(&self, data: &mut Pickle) {
        data.text("training");
        data.bool(false);
        for (name, value) in &self.attributes {
            data.text(name);
            value.pickle(data);
        }
    }
}

/// Statements that make probabilities of the network's outputs, `x`, as [`ocelli_model::Readout`] does: the mean over an image's views,
/// then the temperature.
fn probabilities(classifier: &Classifier) -> Vec<String> {
    let mut lines = Vec::new();
    if !classifier.readout().are_probabilities() {
        let function = if classifier.is_multi_label() { "sigmoid(x)" } else { "softmax(x, 1)" };
        lines.push(format!("x = torch.{function}"));
    }
    let views = transforms::views(classifier.transforms());
    if views > 1 {
        let classes = classifier.classes().len();
        lines.push(format!("x = torch.mean(torch.reshape(x, [-1, {views}, {classes}]), [1])"));
    }
    if !classifier.is_multi_label() {
        // Probabilities count as the smallest normal number at least.
        let tempered = "torch.div(torch.log(torch.clamp_min(x, 1.1754943508222875e-38)), self.temperature)";
        lines.push(format!("if self.temperature != 1.:\n      x = torch.softmax({tempered}, 1)"));
    }
    lines.push("return x".to_owned());
    lines
}
