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

/// What is done to a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Treatment {
    frozen: bool,
    lr_scale: f64,
    weight_decay: Option<f64>,
}

impl Treatment {
    /// As the optimizer says.
    const USUAL: Self = Self { frozen: false, lr_scale: 1.0, weight_decay: None };
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
        freeze: &[Freeze],
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
                treated[place] = Treatment { frozen: false, lr_scale, weight_decay };
            }
        }
        for (treatment, role) in treated.iter_mut().zip(roles) {
            if !decay_norms_and_biases && role != Role::Weight {
                treatment.weight_decay = treatment.weight_decay.or(Some(0.0));
            }
        }
        for entry in freeze {
            for place in select("train.freeze", &entry.pattern)? {
                treated[place].frozen = entry.frozen;
            }
        }
        if !freeze.is_empty() && treated.iter().all(|treatment| treatment.frozen) {
            let head = names.last().and_then(|name| name.rsplit_once('.')).map_or("fc", |(layer, _)| layer);
            let problem = format!("leaves no parameter to train: end it with \"!{head}.*\", the last layer");
            return Err(RecipeError::OutOfRange { key: "train.freeze".into(), problem });
        }
        let treated = names.into_iter().zip(treated).filter(|(_, treatment)| *treatment != Treatment::USUAL);
        Ok(Self { treated: treated.collect() })
    }

    /// Whether a parameter stays as it is.
    pub(crate) fn is_frozen(&self, name: &str) -> bool {
        self.treated.get(name).is_some_and(|treatment| treatment.frozen)
    }

    /// The optimizer of one step as what a plan steps with.
    pub(crate) fn update(&self, optimizer: Optimizer) -> GroupedUpdate<'_> {
        GroupedUpdate { groups: self, optimizer }
    }
}

/// An optimizer that treats parameters by their groups.
pub(crate) struct GroupedUpdate<'a> {
    groups: &'a Groups,
    optimizer: Optimizer,
}

impl GroupedUpdate<'_> {
    /// The optimizer of a parameter, unless that is frozen.
    fn of(&self, spec: &ParameterSpec) -> Option<Optimizer> {
        match self.groups.treated.get(&spec.name) {
            None => Some(self.optimizer.clone()),
            Some(treatment) if treatment.frozen => None,
            Some(treatment) => Some(self.optimizer.with_group(treatment.lr_scale, treatment.weight_decay)),
        }
    }
}

impl Update for GroupedUpdate<'_> {
    fn slots(&self) -> usize {
        self.optimizer.as_update().slots()
    }

    fn carry(&self, number: u64, before: f64) -> f64 {
        self.optimizer.as_update().carry(number, before)
    }

    fn whole(&self, of: &ParameterSpec) -> Whole {
        self.of(of).map_or(Whole::Nothing, |optimizer| optimizer.as_update().whole(of))
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
        let optimizer = self.of(of);
        optimizer
            .map_or([0.0; 2], |optimizer| optimizer.as_update().prepare(step, of, isa, value, grad, state))
    }

    fn rework(&self, of: &ParameterSpec, isa: Isa, matrix: &mut [f32], work: &mut [f32]) {
        if let Some(optimizer) = self.of(of) {
            optimizer.as_update().rework(of, isa, matrix, work);
        }
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
        if let Some(optimizer) = self.of(of) {
            optimizer.as_update().update(step, of, isa, value, grad, state);
        }
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
            update.update(step, &spec, Isa::detect().unwrap(), &mut value, &[0.25; 16], &mut slots);
        }
        value
    }

    #[test]
    fn a_group_steps_as_an_optimizer_of_its_settings() {
        let groups = [group("*.weight", 9.0, None), group("2.*", 0.5, Some(0.3))];
        let groups = Groups::new(&network(), &freeze(&["0.*", "!0.bias", "1.bias"]), &groups, true).unwrap();
        let sgd =
            |lr, weight_decay| Optimizer::Sgd(Sgd { lr, weight_decay, momentum: 0.9, ..Sgd::default() });
        let adam = |lr, weight_decay| Optimizer::Adam(Adam { lr, weight_decay, ..Adam::default() });
        let adamw = |lr, weight_decay| Optimizer::AdamW(AdamW { lr, weight_decay, ..AdamW::default() });
        for of in [&sgd as &dyn Fn(f64, f64) -> Optimizer, &adam, &adamw] {
            let update = groups.update(of(0.1, 0.01));
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
                assert_eq!(groups.is_frozen(name), expected == [1.0; 16], "{name}");
            }
        }
    }

    #[test]
    fn norms_and_biases_decay_only_where_that_is_asked_for() {
        let groups = [group("0.*", 2.0, None), group("2.bias", 1.0, Some(0.3))];
        let of = |lr, weight_decay| Optimizer::Sgd(Sgd { lr, weight_decay, ..Sgd::default() });
        for decays in [false, true] {
            let groups = Groups::new(&network(), &[], &groups, decays).unwrap();
            let update = groups.update(of(0.1, 0.5));
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
            Groups::new(&network(), &freeze(frozen), groups, true).unwrap_err().to_string()
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
}
