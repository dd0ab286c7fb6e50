//! Parameters by pattern: which stay as they are, and which learn at another pace.

use crate::optimizer::Optimizer;
use crate::recipe::RecipeError;
use ocelli_kernels::Isa;
use ocelli_nn::plan::{Update, UpdateStep, Whole};
use ocelli_nn::{Network, ParameterSpec, Pattern, PatternError, Role};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A learning rate and weight decay of their own for some parameters, as PyTorch's parameter groups: an entry of
/// `[[train.groups]]`. Where several groups match a parameter, the last one counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Which parameters, by their names in the `state_dict`, such as `fc.*`.
    pub pattern: Pattern,
    /// The learning rate, as a multiple of `train.lr`, more than 0 (default 1). The schedule moves both.
    #[serde(default = "one")]
    pub lr_scale: f64,
    /// The weight decay (default: the optimizer's).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
}

fn one() -> f64 {
    1.0
}

impl Group {
    /// A group with the optimizer's own settings.
    pub fn new(pattern: Pattern) -> Self {
        Self { pattern, lr_scale: 1.0, weight_decay: None }
    }

    /// Says which setting is out of its range, if one is.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !(self.lr_scale > 0.0 && self.lr_scale.is_finite()) {
            return Err(format!(
                "has the lr_scale {} for {}, but it must be more than 0; train.freeze leaves parameters as they are",
                self.lr_scale, self.pattern
            ));
        }
        match self.weight_decay {
            Some(decay) if !(decay >= 0.0 && decay.is_finite()) => {
                Err(format!("has the weight_decay {decay} for {}, but it must be 0 or more", self.pattern))
            }
            _ => Ok(()),
        }
    }
}

/// One entry of `train.freeze`: a pattern over parameters that stay as they are or, after `!`, that learn all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Freeze {
    /// Which parameters, by their names in the `state_dict`.
    pub pattern: Pattern,
    /// Whether they stay as they are; `false` takes back what an earlier entry said.
    pub frozen: bool,
}

impl TryFrom<String> for Freeze {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        match text.strip_prefix('!') {
            Some(rest) => Ok(Self { pattern: Pattern::new(rest)?, frozen: false }),
            None => Ok(Self { pattern: Pattern::new(text)?, frozen: true }),
        }
    }
}

impl From<Freeze> for String {
    fn from(freeze: Freeze) -> String {
        let mark = if freeze.frozen { "" } else { "!" };
        format!("{mark}{}", freeze.pattern)
    }
}

/// An entry of `[[train.unfreeze]]`: parameters that `train.freeze` holds until an epoch (gradual unfreezing: Howard and Ruder,
/// "Universal Language Model Fine-tuning for Text Classification", 2018). Of several entries that match a parameter, the earliest
/// counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unfreeze {
    /// Which parameters, by their names in the `state_dict`.
    pub pattern: Pattern,
    /// The first epoch in which they learn, from 1; at least 2. Their optimizer begins with it: as in PyTorch, where a parameter
    /// that had no gradient has no state.
    pub epoch: u64,
}

impl Unfreeze {
    /// Says which setting is out of its range, if one is, in a run of so many epochs.
    pub(crate) fn check(&self, epochs: u64) -> Result<(), String> {
        let Unfreeze { pattern, epoch } = self;
        match *epoch {
            0 | 1 => Err(format!(
                "has the epoch {epoch} for {pattern}, but it must be at least 2; what learns from the first on needs no entry"
            )),
            epoch if epoch > epochs => Err(format!(
                "has the epoch {epoch} for {pattern}, but the run ends after epoch {epochs}: leave the entry out, or set train.epochs higher"
            )),
            _ => Ok(()),
        }
    }
}

/// Epochs for which a parameter that never learns is frozen.
const ALWAYS: u64 = u64::MAX;

/// What is done to a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Treatment {
    /// Epochs from the first on in which it stays as it is.
    frozen: u64,
    lr_scale: f64,
    weight_decay: Option<f64>,
}

impl Treatment {
    /// As the optimizer says.
    const USUAL: Self = Self { frozen: 0, lr_scale: 1.0, weight_decay: None };
}

/// What a network's parameters are treated as.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    /// Of the parameters that are not treated as the optimizer says.
    treated: HashMap<String, Treatment>,
}

impl Groups {
    /// Looks groups and frozen parameters up in a network. Without `decay_norms_and_biases`, only weights of convolutions and
    /// linear layers decay, but for parameters of groups that say how they do.
    ///
    /// # Errors
    /// A pattern that matches no parameter, or nothing left to train.
    pub(crate) fn new(
        network: &Network,
        (freeze, unfreeze): (&[Freeze], &[Unfreeze]),
        groups: &[Group],
        decay_norms_and_biases: bool,
    ) -> Result<Self, RecipeError> {
        let parameters = network.parameters().into_iter().filter(|spec| spec.role.is_trainable());
        let (names, roles): (Vec<String>, Vec<Role>) = parameters.map(|spec| (spec.name, spec.role)).unzip();
        let select = |key: &str, pattern: &Pattern| {
            pattern.select(names.iter().map(String::as_str)).map_err(|error| RecipeError::OutOfRange {
                key: key.to_string(),
                problem: format!("cannot be: {error}"),
            })
        };
        let mut treated = vec![Treatment::USUAL; names.len()];
        for group in groups {
            for place in select("train.groups", &group.pattern)? {
                let Group { lr_scale, weight_decay, .. } = *group;
                treated[place] = Treatment { frozen: 0, lr_scale, weight_decay };
            }
        }
        for (treatment, role) in treated.iter_mut().zip(roles) {
            if !decay_norms_and_biases && role != Role::Weight {
                treatment.weight_decay = treatment.weight_decay.or(Some(0.0));
            }
        }
        for entry in freeze {
            for place in select("train.freeze", &entry.pattern)? {
                treated[place].frozen = if entry.frozen { ALWAYS } else { 0 };
            }
        }
        if !freeze.is_empty() && treated.iter().all(|treatment| treatment.frozen > 0) {
            let head = names.last().and_then(|name| name.rsplit_once('.')).map_or("fc", |(layer, _)| layer);
            let problem = format!("leaves no parameter to train: end it with \"!{head}.*\", the last layer");
            return Err(RecipeError::OutOfRange { key: "train.freeze".into(), problem });
        }
        for Unfreeze { pattern, epoch } in unfreeze {
            let held =
                select("train.unfreeze", pattern)?.into_iter().filter(|place| treated[*place].frozen > 0);
            let held: Vec<usize> = held.collect();
            if held.is_empty() {
                let problem = format!(
                    "has {pattern}, of which train.freeze holds nothing: let train.freeze match it too"
                );
                return Err(RecipeError::OutOfRange { key: "train.unfreeze".into(), problem });
            }
            for place in held {
                treated[place].frozen = treated[place].frozen.min(epoch - 1);
            }
        }
        let treated = names.into_iter().zip(treated).filter(|(_, treatment)| *treatment != Treatment::USUAL);
        Ok(Self { treated: treated.collect() })
    }

    /// Whether a parameter stays as it is, after so many epochs.
    pub(crate) fn is_frozen(&self, name: &str, epochs: u64) -> bool {
        self.treated.get(name).is_some_and(|treatment| treatment.frozen > epochs)
    }

    /// The optimizer of one step, after so many epochs, as what a plan steps with.
    pub(crate) fn update(&self, optimizer: Optimizer, epochs: u64) -> GroupedUpdate<'_> {
        GroupedUpdate { groups: self, epochs, optimizer }
    }

    /// Which of these parameters learn from the epoch after so many epochs on.
    pub(crate) fn thawing(&self, parameters: Vec<ParameterSpec>, epochs: u64) -> Vec<ParameterSpec> {
        let thaws = |spec: &ParameterSpec| {
            epochs > 0 && self.treated.get(&spec.name).is_some_and(|t| t.frozen == epochs)
        };
        parameters.into_iter().filter(thaws).collect()
    }
}

/// An optimizer that treats parameters by their groups.
pub(crate) struct GroupedUpdate<'a> {
    groups: &'a Groups,
    epochs: u64,
    optimizer: Optimizer,
}

impl GroupedUpdate<'_> {
    /// The optimizer of a parameter.
    fn of(&self, spec: &ParameterSpec) -> Optimizer {
        match self.groups.treated.get(&spec.name) {
            None => self.optimizer.clone(),
            Some(treatment) => self.optimizer.with_group(treatment.lr_scale, treatment.weight_decay),
        }
    }
}

impl Update for GroupedUpdate<'_> {
    fn slots(&self) -> usize {
        self.optimizer.as_update().slots()
    }

    fn steps(&self, of: &ParameterSpec) -> bool {
        !self.groups.is_frozen(&of.name, self.epochs)
    }

    fn carry(&self, number: u64, before: f64) -> f64 {
        self.optimizer.as_update().carry(number, before)
    }

    fn whole(&self, of: &ParameterSpec) -> Whole {
        self.of(of).as_update().whole(of)
    }

    fn prepare(
        &self,
        step: UpdateStep,
        of: &ParameterSpec,
        isa: Isa,
        value: &[f32],
        grad: &[f32],
        state: &mut [&mut [f32]],
    ) -> [f64; 2] {
        self.of(of).as_update().prepare(step, of, isa, value, grad, state)
    }

    fn rework(&self, of: &ParameterSpec, isa: Isa, matrix: &mut [f32], work: &mut [f32]) {
        self.of(of).as_update().rework(of, isa, matrix, work);
    }

    fn update(
        &self,
        step: UpdateStep,
        of: &ParameterSpec,
        isa: Isa,
        value: &mut [f32],
        grad: &[f32],
        state: &mut [&mut [f32]],
    ) {
        self.of(of).as_update().update(step, of, isa, value, grad, state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adam, AdamW, Sgd};
    use ocelli_nn::{Sequential, Shape};

    fn network() -> Network {
        Sequential::new(Shape::features(3)).linear(3, 4).batch_norm1d(4).linear(4, 2).build("small").unwrap()
    }

    fn freeze(entries: &[&str]) -> Vec<Freeze> {
        entries.iter().map(|entry| Freeze::try_from(entry.to_string()).unwrap()).collect()
    }

    fn group(pattern: &str, lr_scale: f64, weight_decay: Option<f64>) -> Group {
        Group { pattern: pattern.parse().unwrap(), lr_scale, weight_decay }
    }

    /// The values of a parameter after two steps, under an optimizer by groups or alone.
    fn stepped(update: &dyn Update, name: &str) -> Vec<f32> {
        let spec = ParameterSpec { name: name.into(), shape: vec![16], node: 0, role: Role::Weight };
        let (mut value, mut state) = (vec![1.0; 16], vec![vec![0.0; 16]; update.slots()]);
        for number in 1..=2 {
            let mut slots: Vec<&mut [f32]> = state.iter_mut().map(Vec::as_mut_slice).collect();
            let step = UpdateStep { first: number == 1, number, carried: 1.0, sums: [1.0; 2] };
            if update.steps(&spec) {
                update.update(step, &spec, Isa::detect().unwrap(), &mut value, &[0.25; 16], &mut slots);
            }
        }
        value
    }

    #[test]
    fn a_group_steps_as_an_optimizer_of_its_settings() {
        let groups = [group("*.weight", 9.0, None), group("2.*", 0.5, Some(0.3))];
        let groups =
            Groups::new(&network(), (&freeze(&["0.*", "!0.bias", "1.bias"]), &[]), &groups, true).unwrap();
        let sgd =
            |lr, weight_decay| Optimizer::Sgd(Sgd { lr, weight_decay, momentum: 0.9, ..Sgd::default() });
        let adam = |lr, weight_decay| Optimizer::Adam(Adam { lr, weight_decay, ..Adam::default() });
        let adamw = |lr, weight_decay| Optimizer::AdamW(AdamW { lr, weight_decay, ..AdamW::default() });
        for of in [&sgd as &dyn Fn(f64, f64) -> Optimizer, &adam, &adamw] {
            let update = groups.update(of(0.1, 0.01), 7);
            for (name, expected) in [
                ("0.weight", None),
                ("0.bias", Some((0.1, 0.01))),
                ("1.weight", Some((9.0 * 0.1, 0.01))),
                ("1.bias", None),
                ("2.weight", Some((0.5 * 0.1, 0.3))),
                ("2.bias", Some((0.5 * 0.1, 0.3))),
            ] {
                let expected = match expected {
                    Some((lr, decay)) => stepped(of(lr, decay).as_update(), name),
                    None => vec![1.0; 16],
                };
                assert_eq!(stepped(&update, name), expected, "{name}");
                assert_eq!(groups.is_frozen(name, 7), expected == [1.0; 16], "{name}");
            }
        }
    }

    #[test]
    fn norms_and_biases_decay_only_where_that_is_asked_for() {
        let groups = [group("0.*", 2.0, None), group("2.bias", 1.0, Some(0.3))];
        let of = |lr, weight_decay| Optimizer::Sgd(Sgd { lr, weight_decay, ..Sgd::default() });
        for decays in [false, true] {
            let groups = Groups::new(&network(), (&[], &[]), &groups, decays).unwrap();
            let update = groups.update(of(0.1, 0.5), 0);
            let small = if decays { 0.5 } else { 0.0 };
            for (name, lr, decay) in [
                ("0.weight", 0.2, 0.5),
                ("0.bias", 0.2, small),
                ("1.weight", 0.1, small),
                ("1.bias", 0.1, small),
                ("2.weight", 0.1, 0.5),
                ("2.bias", 0.1, 0.3),
            ] {
                assert_eq!(stepped(&update, name), stepped(of(lr, decay).as_update(), name), "{name}");
            }
        }
    }

    #[test]
    fn patterns_that_cannot_be_are_refused() {
        let said = |frozen: &[&str], groups: &[Group]| {
            Groups::new(&network(), (&freeze(frozen), &[]), groups, true).unwrap_err().to_string()
        };
        let near = said(&["0.wieght"], &[]);
        assert!(near.starts_with("train.freeze cannot be: ") && near.contains("nearest: 0.weight"), "{near}");
        // Buffers are not trained in any case.
        assert!(said(&["*.running_mean"], &[]).contains("matches no parameter"));
        assert!(said(&[], &[group("fc.*", 1.0, None)]).starts_with("train.groups cannot be: "));
        let all = said(&["2.*", "*"], &[]);
        assert!(all.contains("leaves no parameter") && all.contains("\"!2.*\""), "{all}");
        assert!(Freeze::try_from("!".to_string()).is_err());
        assert!(group("*", 0.0, None).check().unwrap_err().contains("train.freeze"));
        assert!(group("*", 1.0, Some(f64::NAN)).check().is_err());
        assert_eq!(group("*", 2.0, Some(0.0)).check(), Ok(()));
    }
    #[test]
    fn what_thaws_learns_from_its_epoch_on() {
        let entry = |pattern: &str, epoch| Unfreeze { pattern: pattern.parse().unwrap(), epoch };
        let new =
            |unfreeze: &[Unfreeze]| Groups::new(&network(), (&freeze(&["*", "!2.*"]), unfreeze), &[], true);
        let groups = new(&[entry("1.*", 2), entry("*.weight", 4)]).unwrap();
        let frozen_for = |name: &str| (0..9).find(|epochs| !groups.is_frozen(name, *epochs));
        assert_eq!(frozen_for("2.weight"), Some(0), "it never was frozen");
        assert_eq!(frozen_for("1.bias"), Some(1));
        assert_eq!(frozen_for("1.weight"), Some(1), "the earliest entry counts");
        assert_eq!(frozen_for("0.weight"), Some(3));
        assert_eq!(frozen_for("0.bias"), None);
        let thawing = |epochs: u64| {
            let found = groups.thawing(network().parameters(), epochs);
            found.into_iter().map(|spec| spec.name).collect::<Vec<_>>()
        };
        assert_eq!(thawing(0), [""; 0]);
        assert_eq!(thawing(1), ["1.weight", "1.bias"]);
        assert_eq!(thawing(3), ["0.weight"]);

        let said = new(&[entry("2.*", 2)]).unwrap_err().to_string();
        assert!(said.starts_with("train.unfreeze has 2.*, of which train.freeze holds nothing"), "{said}");
        assert!(new(&[entry("fc.*", 2)]).unwrap_err().to_string().starts_with("train.unfreeze cannot be: "));
        assert!(entry("*", 1).check(9).unwrap_err().contains("at least 2"));
        assert!(entry("*", 10).check(9).unwrap_err().contains("the run ends after epoch 9"));
        assert_eq!(entry("*", 9).check(9), Ok(()));
    }
}
