//! The tree-structured Parzen estimator.

mod estimator;
mod hypervolume;
mod mixture;
mod normal;
mod split;

use super::draws::Draws;
use super::{RandomSampler, Request, Sampler, SamplerError};
use crate::{Distribution, Params, Trial, TrialState, Value};
use estimator::Estimator;
use indexmap::IndexMap;
use std::sync::Arc;

/// Settings of [`TpeSampler`], with the defaults of Optuna 5's `TPESampler`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TpeOptions {
    /// Random numbers' seed (default 0).
    pub seed: u64,
    /// How many trials are complete or pruned before the estimators begin; until then, values are drawn at random (default 10).
    pub startup_trials: usize,
    /// How many candidates are compared (default 24).
    pub candidates: usize,
    /// The weight of the prior among those of observations, which is 1 for the newest (default 1).
    pub prior_weight: f64,
    /// Whether kernels have a least width, so that they do not become needles (default true).
    pub magic_clip: bool,
    /// Whether the outermost kernels reach to the bounds (default false).
    pub endpoints: bool,
    /// Whether all parameters without conditions are chosen together, so that what goes well together is found together (default `None`:
    /// with one objective). Parameters with conditions are chosen each by itself, after them.
    pub multivariate: Option<bool>,
    /// Whether trials that other workers are at count as bad, so that workers keep apart (default true).
    pub constant_liar: bool,
}

impl Default for TpeOptions {
    fn default() -> Self {
        TpeOptions {
            seed: 0,
            startup_trials: 10,
            candidates: 24,
            prior_weight: 1.0,
            magic_clip: true,
            endpoints: false,
            multivariate: None,
            constant_liar: true,
        }
    }
}

/// Tree-structured Parzen estimator (Bergstra et al., NIPS 2011; Watanabe, arXiv:2304.11127): Optuna's `TPESampler`, with the same
/// estimators from the same trials. Candidates are drawn from the density of the best trials' values, and that one is taken whose
/// density among the best is greatest against that among the others. Pruned trials count, those that came further before the others. With
/// several objectives, the best are one Pareto front after the other (Ozaki et al., GECCO 2020).
#[derive(Clone, Copy, Debug)]
pub struct TpeSampler {
    options: TpeOptions,
}

impl TpeSampler {
    /// With these settings.
    pub fn new(options: TpeOptions) -> Self {
        TpeSampler { options }
    }

    /// Values for parameters that are chosen together.
    fn choose(&self, group: &Group<'_>, halves: &Halves<'_>, request: &Request<'_>) -> Params {
        // On a Pareto front, none is worse for being older.
        let below = self.estimator(group, &halves.below, request.directions.len() > 1);
        let above = self.estimator(group, &halves.above, false);
        let purpose: Vec<&str> = group.keys().copied().collect();
        let mut draws = Draws::new(self.options.seed, "tpe", request.number, &purpose.join("\n"));
        let candidates = (0..self.options.candidates.max(1)).map(|_| below.draw(&mut draws));
        let scored = candidates
            .map(|candidate| (below.log_density(&candidate) - above.log_density(&candidate), candidate));
        // The first of equals, as Optuna has it; what is no number is never better.
        let best = scored.reduce(|best, next| if next.0 > best.0 || best.0.is_nan() { next } else { best });
        let values = best.map(|(_, values)| values).unwrap_or_default();
        let external = |((name, distribution), internal): ((&&str, &&Arc<Distribution>), f64)| {
            Some(((*name).to_string(), within(distribution, internal)?))
        };
        group.iter().zip(values).filter_map(external).collect()
    }

    fn estimator(&self, group: &Group<'_>, trials: &[&Trial], even: bool) -> Estimator {
        let distributions: Vec<&Distribution> = group.values().map(|distribution| &***distribution).collect();
        let observations: Vec<Vec<f64>> =
            trials.iter().filter_map(|trial| observation(group, trial)).collect();
        Estimator::new(&distributions, &observations, even, &self.options)
    }
}

/// Parameters that are chosen together.
type Group<'a> = IndexMap<&'a str, &'a Arc<Distribution>>;

/// The trials, the best and the others.
struct Halves<'a> {
    below: Vec<&'a Trial>,
    above: Vec<&'a Trial>,
}

impl Sampler for TpeSampler {
    fn sample(&self, request: &Request<'_>) -> Result<Params, SamplerError> {
        let random = RandomSampler::new(self.options.seed);
        let told = request
            .history
            .all()
            .iter()
            .filter(|trial| matches!(trial.state, TrialState::Complete | TrialState::Pruned));
        if told.count() < self.options.startup_trials {
            return random.sample(request);
        }
        let halves = split::halves(request, self.options.constant_liar);
        let multivariate = self.options.multivariate.unwrap_or(request.directions.len() == 1);
        let together: Group<'_> = request
            .space
            .iter()
            .filter(|(name, parameter)| {
                let free = parameter.when.is_empty() && !request.fixed.contains_key(*name);
                multivariate && free && !parameter.distribution.is_single()
            })
            .map(|(name, parameter)| (name, &parameter.distribution))
            .collect();
        let joint =
            if together.is_empty() { Params::new() } else { self.choose(&together, &halves, request) };
        request.fill(|name, distribution| {
            if let Some(value) = joint.get(name) {
                return Ok(value.clone());
            }
            let alone = Group::from_iter([(name, distribution)]);
            let chosen = self.choose(&alone, &halves, request).shift_remove(name);
            Ok(chosen.unwrap_or_else(|| distribution.at(0.0)))
        })
    }
}

/// The parameters of a trial as numbers, if it has them all and they are of such kinds.
fn observation(group: &Group<'_>, trial: &Trial) -> Option<Vec<f64>> {
    let internal = |(name, distribution): (&&str, &&Arc<Distribution>)| {
        let value = distribution.to_internal(trial.params.get(*name)?)?;
        let positive = match &***distribution {
            Distribution::Float(float) => !float.is_log() || value > 0.0,
            Distribution::Int(int) => !int.is_log() || value > 0.0,
            Distribution::Categorical(_) => true,
        };
        (value.is_finite() && positive).then_some(value)
    };
    group.iter().map(internal).collect()
}

/// The nearest value that there is.
fn within(distribution: &Distribution, internal: f64) -> Option<Value> {
    match distribution {
        Distribution::Float(float) => Some(Value::Float(float.nearest(internal))),
        Distribution::Int(int) => Some(Value::Int(int.nearest(internal))),
        Distribution::Categorical(_) => distribution.to_external(internal),
    }
}

#[cfg(test)]
mod tests;
