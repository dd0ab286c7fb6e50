//! Which parameter is filled how: an ordered list of rules.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Table;

use super::blocks::last_norms;
use super::initialiser::{Dirac, FanMode, Initialiser};
use crate::error::{NetworkError, NetworkErrorKind};
use crate::layers::{Layer, Role};
use crate::network::{Network, ParameterSpec};
use crate::pattern::Pattern;
use crate::suggest;

/// The most rules that a network may have.
pub const MAX_RULES: usize = 256;

/// Words that files may write in place of rules.
const WORDS: [&str; 2] = ["default", "kaiming_normal"];

/// What a parameter is, as rules name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    /// The weight of a convolution or linear layer.
    Weight,
    /// The bias of a convolution or linear layer.
    Bias,
    /// The scale (gamma) of a normalisation.
    NormWeight,
    /// The shift (beta) of a normalisation.
    NormBias,
    /// The factors of a layer scale, the slopes of a PReLU.
    Factor,
}

impl ParameterKind {
    fn of(role: Role) -> Option<Self> {
        match role {
            Role::Weight => Some(Self::Weight),
            Role::Bias => Some(Self::Bias),
            Role::NormWeight => Some(Self::NormWeight),
            Role::NormBias => Some(Self::NormBias),
            Role::LayerScale | Role::Slope => Some(Self::Factor),
            Role::RunningMean | Role::RunningVar | Role::NumBatchesTracked => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Bias => "bias",
            Self::NormWeight => "norm_weight",
            Self::NormBias => "norm_bias",
            Self::Factor => "factor",
        }
    }
}

/// An [`Initialiser`] and the parameters that it fills: those whose names the pattern matches, that are of the layer and the
/// role (where given), and that the initialiser fits.
///
/// In TOML: `{ pattern = "features.*", layer = "Conv2d", role = "weight", init = "orthogonal", gain = "relu" }`, all but
/// `init` optional, the initialiser's options beside it.
///
/// ```
/// use ocelli_nn::init::{Initialiser, ParameterKind, Rule};
///
/// // torchvision's VGG: nn.init.normal_(m.weight, 0, 0.01) for each nn.Linear.
/// let rule = Rule::new(Initialiser::normal(0.01)).layer("Linear").role(ParameterKind::Weight);
/// assert_eq!(rule.pattern.as_str(), "*");
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Table")]
pub struct Rule {
    /// Over the parameters' names; default "*", all of them.
    pub pattern: Pattern,
    /// The type of the parameters' layer, as "Conv2d"; default any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// What the parameters are; default anything that is trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<ParameterKind>,
    /// What fills them.
    #[serde(flatten)]
    pub init: Initialiser,
}

impl Rule {
    /// For all that the initialiser fits.
    pub fn new(init: Initialiser) -> Self {
        Self { pattern: Pattern::default(), layer: None, role: None, init }
    }

    /// Only for parameters whose names match.
    #[must_use]
    pub fn pattern(mut self, pattern: Pattern) -> Self {
        self.pattern = pattern;
        self
    }

    /// Only for parameters of layers of this type, as "Conv2d".
    #[must_use]
    pub fn layer(mut self, type_name: impl Into<String>) -> Self {
        self.layer = Some(type_name.into());
        self
    }

    /// Only for parameters that are this.
    #[must_use]
    pub fn role(mut self, role: ParameterKind) -> Self {
        self.role = Some(role);
        self
    }

    /// The places in `parameters`, which are the network's, of those that it fills.
    pub(super) fn select(&self, network: &Network, parameters: &[ParameterSpec]) -> Vec<usize> {
        let ends = if self.init == Initialiser::ZeroGamma { last_norms(network) } else { Vec::new() };
        let selects = |spec: &ParameterSpec| {
            spec.role.is_trainable()
                && self.role.is_none_or(|role| ParameterKind::of(spec.role) == Some(role))
                && self.layer.as_deref().is_none_or(|of| network.nodes()[spec.node].layer.type_name() == of)
                && match self.init {
                    Initialiser::ZeroGamma => {
                        ParameterKind::of(spec.role) == Some(ParameterKind::NormWeight)
                            && ends.contains(&spec.node)
                    }
                    Initialiser::Dirac(_) => spec.shape.len() == 4,
                    _ => !self.needs_matrix() || spec.shape.len() >= 2,
                }
                && self.pattern.matches(&spec.name)
        };
        (0..parameters.len()).filter(|&place| selects(&parameters[place])).collect()
    }

    /// Whether it fills only what has rows and columns.
    fn needs_matrix(&self) -> bool {
        matches!(
            self.init,
            Initialiser::XavierUniform(_)
                | Initialiser::XavierNormal(_)
                | Initialiser::KaimingUniform(_)
                | Initialiser::KaimingNormal(_)
                | Initialiser::Orthogonal(_)
        )
    }

    /// What its initialiser fits.
    fn fits(&self) -> &'static str {
        match self.init {
            Initialiser::ZeroGamma => "the weights of normalisations that end a residual block's body",
            Initialiser::Dirac(_) => "the weights of convolutions",
            _ if self.needs_matrix() => "the weights of convolutions and linear layers",
            _ => "everything that is trained",
        }
    }

    /// What is wrong with it, whatever the network.
    fn check_options(&self) -> Result<(), NetworkError> {
        self.init.check().map_err(|problem| self.error(&format!("{problem}: change it")))?;
        match &self.layer {
            Some(layer) if !Layer::type_names().contains(&layer.as_str()) => {
                let near = suggest::hint(layer, Layer::type_names());
                Err(self.error(&format!("there is no layer type {layer:?}{near}")))
            }
            _ => Ok(()),
        }
    }

    /// What is wrong with it for a network.
    fn check(&self, network: &Network, parameters: &[ParameterSpec]) -> Result<(), NetworkError> {
        self.check_options()?;
        let trained = parameters.iter().filter(|spec| spec.role.is_trainable());
        let matched = self
            .pattern
            .select(trained.map(|spec| spec.name.as_str()))
            .map_err(|error| self.error(&error.to_string()))?;
        let selected = self.select(network, parameters);
        if selected.is_empty() {
            let (count, fits) = (matched.len(), self.fits());
            return Err(self.error(&format!(
                "it fills none of the {count} parameters that its pattern matches; {} fits {fits}: change the pattern, \
                 layer or role",
                self.init.name()
            )));
        }
        let Initialiser::Dirac(Dirac { groups, .. }) = self.init else { return Ok(()) };
        match selected.iter().map(|&place| &parameters[place]).find(|spec| spec.shape[0] % groups != 0) {
            None => Ok(()),
            Some(ParameterSpec { name, shape, .. }) => Err(self.error(&format!(
                "got groups = {groups}, needs a divisor of the {} output channels of {name}: change groups",
                shape[0]
            ))),
        }
    }

    fn error(&self, problem: &str) -> NetworkError {
        NetworkError::new(NetworkErrorKind::Initialisation, format!("initialisation by {self}: {problem}"))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {:?}", self.init.name(), self.pattern.as_str())?;
        if let Some(layer) = &self.layer {
            write!(f, ", layer {layer:?}")?;
        }
        match self.role {
            Some(role) => write!(f, ", role {}", role.name()),
            None => Ok(()),
        }
    }
}

impl TryFrom<Table> for Rule {
    type Error = String;

    fn try_from(mut table: Table) -> Result<Self, String> {
        fn take<T: for<'de> Deserialize<'de>>(table: &mut Table, key: &str) -> Result<Option<T>, String> {
            let problem = |error: toml::de::Error| format!("{key}: {}", error.message());
            table.remove(key).map(|value| value.try_into().map_err(problem)).transpose()
        }
        let pattern = take(&mut table, "pattern")?.unwrap_or_default();
        let (layer, role) = (take(&mut table, "layer")?, take(&mut table, "role")?);
        let init = Initialiser::deserialize(table.clone()).map_err(|error| error.message().to_owned())?;
        // serde lets an initialiser without options have any.
        let known = Table::try_from(init).expect("an initialiser is a table");
        match table.keys().find(|key| !known.contains_key(*key)) {
            None => Ok(Self { pattern, layer, role, init }),
            Some(key) => {
                let names: Vec<_> = ["pattern", "layer", "role"]
                    .into_iter()
                    .chain(known.keys().map(String::as_str))
                    .collect();
                let near = suggest::hint(key, names.iter().copied());
                Err(format!("{} has no option {key:?}{near} (its keys: {})", init.name(), names.join(", ")))
            }
        }
    }
}

/// How [`Network::init`] fills a network's parameters: the last rule that selects a parameter does it, and PyTorch's default
/// what none selects.
///
/// In files a list of [`Rule`]s, or a word: `"default"` is none, `"kaiming_normal"` torchvision's for ResNets.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Initialisation {
    rules: Vec<Rule>,
}

impl Initialisation {
    /// These rules, in their order.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { rules }
    }

    /// What torchvision's ResNets do: weights of convolutions normal with variance 2/fan_out
    /// (`kaiming_normal_(mode="fan_out", nonlinearity="relu")`), all else as the default.
    pub fn kaiming_normal() -> Self {
        let convolutions = Rule::new(Initialiser::kaiming_normal(FanMode::FanOut));
        Self::new(vec![convolutions.layer("Conv2d").role(ParameterKind::Weight)])
    }

    /// The rules, of which later ones win.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// These rules, and more after them.
    #[must_use]
    pub fn then(mut self, more: impl IntoIterator<Item = Rule>) -> Self {
        self.rules.extend(more);
        self
    }

    /// # Errors
    /// A rule that fills nothing, or whose options cannot be.
    pub(crate) fn check(&self, network: &Network) -> Result<(), NetworkError> {
        self.check_count()?;
        let parameters = network.parameters();
        self.rules.iter().try_for_each(|rule| rule.check(network, &parameters))
    }

    /// What can be said without time in proportion to rules and parameters: enough for files that were checked when they
    /// were written.
    ///
    /// # Errors
    /// Too many rules, or options that cannot be.
    pub(crate) fn check_options(&self) -> Result<(), NetworkError> {
        self.check_count()?;
        self.rules.iter().try_for_each(Rule::check_options)
    }

    fn check_count(&self) -> Result<(), NetworkError> {
        match self.rules.len() {
            0..=MAX_RULES => Ok(()),
            count => {
                let message =
                    format!("got {count} rules of initialisation, needs at most {MAX_RULES}: use patterns");
                Err(NetworkError::new(NetworkErrorKind::Limit, message))
            }
        }
    }

    /// What fills each of `parameters`, which are the network's.
    pub(super) fn initialisers(&self, network: &Network, parameters: &[ParameterSpec]) -> Vec<Initialiser> {
        let mut initialisers = vec![Initialiser::Default; parameters.len()];
        for rule in &self.rules {
            for place in rule.select(network, parameters) {
                initialisers[place] = rule.init;
            }
        }
        initialisers
    }
}

impl Serialize for Initialisation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.rules.is_empty() {
            serializer.serialize_str(WORDS[0])
        } else {
            self.rules.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Initialisation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordOrRules)
    }
}

struct WordOrRules;

impl<'de> Visitor<'de> for WordOrRules {
    type Value = Initialisation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rules, \"default\" or \"kaiming_normal\"")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Initialisation, E> {
        match word {
            "default" => Ok(Initialisation::default()),
            "kaiming_normal" => Ok(Initialisation::kaiming_normal()),
            _ => Err(E::unknown_variant(word, &WORDS)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Initialisation, A::Error> {
        let mut rules = Vec::new();
        while let Some(rule) = list.next_element()? {
            if rules.len() == MAX_RULES {
                return Err(A::Error::custom(format!("more than {MAX_RULES} rules: use patterns")));
            }
            rules.push(rule);
        }
        Ok(Initialisation { rules })
    }
}
