//! A Gaussian process over what was tried.

use super::{Request, Sampler, SamplerError, SobolSampler};
use crate::gp::{Column, Condition, GpError, GpOptions, Kind, Tried, scalarise, suggest};
use crate::{Distribution, Parameter, Params, Space, Trial, TrialState, Value};
use ocelli_kernels::random::Philox;

/// The most values of a parameter that are looked at one by one; of more, the nearest to a place in the range is taken.
const GRID: f64 = 1000.0;

/// egobox's Gaussian process with a Matérn 5/2 kernel, and log expected improvement ([`crate::gp`]), as Optuna's `GPSampler`: best where a trial is dear
/// and trials are few. Trials that others work at count as if they came out as expected. Pruned trials are not learnt from, as in Optuna. Several
/// objectives become one with other weights for each trial ([`scalarise`]). Where trials say nothing, as their values are all the same, and where their
/// numbers make no process, the next is a scrambled Sobol sequence's ([`SobolSampler`]).
#[derive(Clone, Debug)]
pub struct GpSampler {
    options: GpSamplerOptions,
}

/// Settings of [`GpSampler`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpSamplerOptions {
    /// Decides what is random (default 0).
    pub seed: u64,
    /// Complete trials before the first suggestion of the process; until then points are a scrambled Sobol sequence's (default 10, as in
    /// Optuna).
    pub startup_trials: usize,
    /// How much work a suggestion may be.
    pub work: GpOptions,
}

impl Default for GpSamplerOptions {
    fn default() -> Self {
        GpSamplerOptions { seed: 0, startup_trials: 10, work: GpOptions::default() }
    }
}

impl GpSampler {
    /// With these settings.
    pub fn new(options: GpSamplerOptions) -> Self {
        GpSampler { options }
    }

    /// A seed of this trial's own.
    fn seed(&self, number: u64) -> u64 {
        let block = Philox::new(self.options.seed).block([number as u32, (number >> 32) as u32, 0, 1]);
        u64::from(block[0]) | u64::from(block[1]) << 32
    }
}

impl Sampler for GpSampler {
    fn sample(&self, request: &Request<'_>) -> Result<Params, SamplerError> {
        let evenly = || SobolSampler::new(self.options.seed).sample(request);
        let complete = request.history.in_state(TrialState::Complete);
        let known =
            complete.filter_map(|trial| Some((point(request.space, trial)?, losses(request, trial)?)));
        let (points, losses): (Vec<_>, Vec<_>) = known.unzip();
        if points.len() < self.options.startup_trials.max(1) {
            return evenly();
        }
        let seed = self.seed(request.number);
        let values = match request.directions.len() {
            1 => losses.into_iter().flatten().collect(),
            _ => scalarise(&losses, seed),
        };
        let others = request.history.pending().filter(|trial| trial.number != request.number);
        let pending: Vec<Vec<f64>> = others.filter_map(|trial| point(request.space, trial)).collect();
        let tried = Tried { points: &points, values: &values, pending: &pending };
        let found = match suggest(&columns(request), tried, seed, &self.options.work) {
            Ok(found) => found,
            Err(GpError::NoProcess { .. }) => return evenly(),
            Err(error) => {
                return Err(SamplerError::Unsupported { sampler: "GpSampler", problem: error.to_string() });
            }
        };
        let places: Vec<&str> = request.space.iter().map(|(name, _)| name).collect();
        request.fill(|name, distribution| {
            let place = places.iter().position(|other| *other == name).unwrap_or_default();
            let unit = if found[place].is_nan() { 0.5 } else { found[place] };
            Ok(decoded(distribution, unit).unwrap_or_else(|| distribution.at(0.5)))
        })
    }
}

/// A trial's objectives, the smaller the better.
fn losses(request: &Request<'_>, trial: &Trial) -> Option<Vec<f64>> {
    let values = trial.values.as_ref().filter(|values| values.len() == request.directions.len())?;
    Some(values.iter().zip(request.directions).map(|(value, direction)| direction.as_loss(*value)).collect())
}

/// A trial's parameters as the process sees them; `None` if it is of another space.
fn point(space: &Space, trial: &Trial) -> Option<Vec<f64>> {
    let number = |(name, parameter): (&str, &Parameter)| match trial.params.get(name) {
        Some(value) => encoded(&parameter.distribution, value),
        None if parameter.when.is_empty() => None,
        None => Some(f64::NAN),
    };
    space.iter().map(number).collect()
}

/// The space's parameters as columns, those that the trial has to take fixed.
fn columns(request: &Request<'_>) -> Vec<Column> {
    let names: Vec<&str> = request.space.iter().map(|(name, _)| name).collect();
    let condition = |condition: &crate::Condition| {
        let column = names.iter().position(|name| *name == condition.parameter).unwrap_or_default();
        let parent = request.space.get(&condition.parameter);
        let value = |value: &Value| encoded(&parent?.distribution, value);
        Condition { column, values: condition.values.iter().filter_map(value).collect() }
    };
    let column = |(name, parameter): (&str, &Parameter)| Column {
        kind: kind(&parameter.distribution),
        when: parameter.when.iter().map(condition).collect(),
        fixed: request.fixed.get(name).and_then(|value| encoded(&parameter.distribution, value)),
    };
    request.space.iter().map(column).collect()
}

/// What a parameter's column may be.
fn kind(distribution: &Distribution) -> Kind {
    let grid = |count: f64, value: &dyn Fn(usize) -> Value| match count {
        ..=GRID => {
            Kind::Grid((0..count as usize).filter_map(|at| encoded(distribution, &value(at))).collect())
        }
        _ => Kind::Range,
    };
    match distribution {
        _ if distribution.is_single() => Kind::Category(1),
        Distribution::Categorical(categorical) => Kind::Category(categorical.choices().len()),
        Distribution::Int(int) => grid(int.count(), &|at| Value::Int(int.low() + at as i64 * int.step())),
        Distribution::Float(float) => match float.count().zip(float.step()) {
            Some((count, step)) => {
                grid(count, &|at| Value::Float(float.nearest(float.low() + at as f64 * step)))
            }
            None => Kind::Range,
        },
    }
}

/// The bounds of a number, logarithms where it is searched by order of magnitude; `None` of choices.
fn bounds(distribution: &Distribution) -> Option<(f64, f64, bool)> {
    let (low, high, log) = match distribution {
        Distribution::Float(float) => (float.low(), float.high(), float.is_log()),
        Distribution::Int(int) => (int.low() as f64, int.high() as f64, int.is_log()),
        Distribution::Categorical(_) => return None,
    };
    Some(if log { (low.ln(), high.ln(), true) } else { (low, high, false) })
}

/// A value as its column has it; `None` where the distribution does not.
fn encoded(distribution: &Distribution, value: &Value) -> Option<f64> {
    let internal = distribution.contains(value).then(|| distribution.to_internal(value)).flatten()?;
    let Some((low, high, log)) = bounds(distribution).filter(|_| !distribution.is_single()) else {
        return Some(if distribution.is_single() { 0.0 } else { internal });
    };
    let number = if log { internal.ln() } else { internal };
    Some(((number - low) / (high - low)).clamp(0.0, 1.0))
}

/// The value of a column's number.
fn decoded(distribution: &Distribution, unit: f64) -> Option<Value> {
    if distribution.is_single() {
        return Some(distribution.at(0.5));
    }
    let Some((low, high, log)) = bounds(distribution) else { return distribution.to_external(unit) };
    let number = low + unit * (high - low);
    let number = if log { number.exp() } else { number };
    match distribution {
        Distribution::Int(int) => Some(Value::Int(int.nearest(number))),
        Distribution::Float(float) => {
            Some(Value::Float(float.nearest(number.clamp(float.low(), float.high()))))
        }
        Distribution::Categorical(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Journal, Outcome, RandomSampler, Study, StudyOptions};

    /// Little work, so that the contract's thousand suggestions take seconds.
    fn quick(seed: u64) -> GpSampler {
        let work = GpOptions { candidates: 32, starts: 1, points: 30, fit_points: 12, likelihoods: 25 };
        GpSampler::new(GpSamplerOptions { seed, startup_trials: 8, work })
    }

    #[test]
    fn the_contract_holds() {
        super::super::contract::check(|_, seed| Box::new(quick(seed)));
    }

    #[test]
    fn values_go_there_and_back() {
        let space = Space::parse(
            r#"
            a = { type = "float", low = 1e-7, high = 10.0, log = true }
            b = { type = "float", low = -1.0, high = 1.0, step = 0.25 }
            c = { type = "int", low = 1, high = 1000, log = true }
            d = { type = "int", low = 3, high = 20, step = 4 }
            e = { type = "int", low = -900000, high = 900000 }
            f = { type = "categorical", choices = ["x", "y", "z"] }
            g = { type = "int", low = 5, high = 5 }
            "#,
        )
        .unwrap();
        for (name, parameter) in space.iter() {
            for place in 0..=20 {
                let value = parameter.distribution.at(f64::from(place) / 20.0);
                let unit = encoded(&parameter.distribution, &value).unwrap();
                let back = decoded(&parameter.distribution, unit).unwrap();
                let (value, back) = (value.as_f64(), back.as_f64());
                let near = value.zip(back).is_none_or(|(a, b)| (a - b).abs() <= 1e-12 * a.abs());
                assert!(near, "{name}: {value:?} became {back:?}");
            }
        }
    }

    /// The best of thirty on a bowl with a choice that matters.
    fn best(sampler: impl Sampler + 'static) -> f64 {
        let space = Space::parse(
            r#"
            x = { type = "float", low = -5.0, high = 5.0 }
            y = { type = "float", low = 1e-3, high = 1e3, log = true }
            z = { type = "categorical", choices = ["good", "bad"] }
            "#,
        )
        .unwrap();
        let study = Study::open(Journal::memory(), StudyOptions::new("s", space).sampler(sampler)).unwrap();
        for _ in 0..30 {
            let trial = study.ask().unwrap().unwrap();
            let (x, y) = (trial.float("x").unwrap(), trial.float("y").unwrap().log10());
            let z = if trial.get("z").and_then(Value::as_str) == Some("good") { 0.0 } else { 3.0 };
            trial.tell(Outcome::Complete(vec![(x - 1.0).powi(2) + (y + 1.0).powi(2) + z])).unwrap();
        }
        study.best_trial().unwrap().unwrap().value().unwrap()
    }

    #[test]
    fn no_trial_is_lost_to_values_that_make_no_process() {
        let space = Space::parse("x = { type = \"float\", low = 0, high = 1 }").unwrap();
        for value in
            [|_: u32| 3.0, |_: u32| f64::INFINITY, |i: u32| if i.is_multiple_of(2) { 1e308 } else { -1e308 }]
        {
            let options = StudyOptions::new("s", space.clone()).sampler(quick(1));
            let study = Study::open(Journal::memory(), options).unwrap();
            for number in 0..20 {
                let trial = study.ask().unwrap().unwrap();
                assert!((0.0..=1.0).contains(&trial.float("x").unwrap()));
                trial.tell(Outcome::Complete(vec![value(number)])).unwrap();
            }
        }
    }

    #[test]
    fn it_finds_what_chance_does_not() {
        for seed in 0..3 {
            let options = GpSamplerOptions { seed, ..GpSamplerOptions::default() };
            let (ours, chance) = (best(GpSampler::new(options)), best(RandomSampler::new(seed)));
            assert!(ours < 1e-2 && ours < chance / 5.0, "seed {seed}: {ours} against {chance}");
        }
    }
}
