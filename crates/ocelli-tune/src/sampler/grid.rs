//! Every combination once.

use super::draws::Draws;
use super::{Claim, Request, Sampler, SamplerError};
use crate::{Distribution, Params, Space, Trial, TrialState, Value};
use indexmap::IndexMap;
use serde_json::json;
use std::collections::{HashMap, HashSet};

const NAME: &str = "GridSampler";
/// The note of a trial with the number of its combination, until its parameters are known.
const NOTE: &str = "ocelli:grid";
const MOST: usize = 1_000_000;

/// What values a grid has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GridOptions {
    /// The values of some parameters. The others have all their choices, whole numbers or steps.
    pub values: IndexMap<String, Vec<Value>>,
    /// How many values a number has at most, evenly spaced in its scale, both bounds included. Without it, numbers without steps need
    /// [`GridOptions::values`].
    pub points: Option<usize>,
    /// In which random order the combinations come (default 0).
    pub seed: u64,
}

/// Tries every combination of values once, in a random order, and then has nothing left: Optuna's `GridSampler`. Combinations that
/// differ only in parameters which are not active are one. Workers take combinations under the study's lock, so that no two have the
/// same; what other samplers tried already counts as tried, and so does what failed.
#[derive(Debug)]
pub struct GridSampler {
    combinations: Vec<Params>,
    /// Which combination has these values.
    indices: HashMap<Key, usize>,
}

/// The values of a combination as numbers, by the place of their parameters in the space.
type Key = Vec<(usize, u64)>;

impl GridSampler {
    /// The grid of a space.
    ///
    /// # Errors
    /// A number without steps and without values, a value out of bounds, a name that the space has not, or more than a million
    /// combinations.
    pub fn new(space: &Space, options: GridOptions) -> Result<Self, SamplerError> {
        let mut lists = IndexMap::new();
        for (name, parameter) in space.iter() {
            let values = match options.values.get(name) {
                Some(values) => given(name, &parameter.distribution, values)?,
                None => all(name, &parameter.distribution, options.points)?,
            };
            lists.insert(name.to_string(), values);
        }
        if let Some(name) = options.values.keys().find(|name| !lists.contains_key(*name)) {
            return Err(problem(
                name,
                "the grid has values for it, but it is not in the space; leave them out".into(),
            ));
        }
        let mut combinations = combine(space, &lists)?;
        shuffle(&mut combinations, options.seed);
        let keys =
            combinations.iter().enumerate().filter_map(|(index, params)| Some((key(space, params)?, index)));
        Ok(GridSampler { indices: keys.collect(), combinations })
    }

    /// How many combinations there are.
    pub fn len(&self) -> usize {
        self.combinations.len()
    }

    /// Whether there are none (never).
    pub fn is_empty(&self) -> bool {
        self.combinations.is_empty()
    }

    /// The combination that a trial has, or took when it began.
    fn of(&self, space: &Space, trial: &Trial) -> Option<usize> {
        let by_values = key(space, &trial.params).and_then(|key| self.indices.get(&key).copied());
        by_values.or_else(|| noted(trial))
    }
}

impl Sampler for GridSampler {
    fn claim(&self, request: &Request<'_>) -> Result<Claim, SamplerError> {
        let trials = request.history.all().iter().filter(|trial| trial.state != TrialState::Waiting);
        let taken: HashSet<usize> = trials.filter_map(|trial| self.of(request.space, trial)).collect();
        let next = (0..self.len()).find(|index| !taken.contains(index));
        Ok(next.map_or(Claim::Exhausted, |index| Claim::Note(vec![(NOTE.to_string(), json!(index))])))
    }

    fn sample(&self, request: &Request<'_>) -> Result<Params, SamplerError> {
        let trial = request.history.all().iter().find(|trial| trial.number == request.number);
        // A trial of the queue took none: what it leaves open is as in the first that has the same values.
        let noted = trial.and_then(|trial| noted(trial)).and_then(|index| self.combinations.get(index));
        let fits = |params: &&Params| {
            request
                .fixed
                .iter()
                .all(|(name, value)| params.get(name).is_none_or(|other| other.is_same(value)))
        };
        let combination = noted.or_else(|| self.combinations.iter().find(fits)).or(self.combinations.first());
        request.fill(|name, distribution| {
            let value = combination.and_then(|params| params.get(name)).cloned();
            Ok(value.unwrap_or_else(|| distribution.at(0.0)))
        })
    }
}

fn noted(trial: &Trial) -> Option<usize> {
    trial.system_attrs.get(NOTE)?.as_u64()?.try_into().ok()
}

fn given(name: &str, distribution: &Distribution, values: &[Value]) -> Result<Vec<Value>, SamplerError> {
    let accept = |value: &Value| {
        let wrong = || problem(name, format!("the grid has the value {value}, but it may be {distribution}"));
        distribution.accept(value).ok_or_else(wrong)
    };
    let accepted: Vec<Value> = values.iter().map(accept).collect::<Result<_, _>>()?;
    if accepted.is_empty() {
        return Err(problem(name, "the grid has an empty list of values for it; name at least one".into()));
    }
    Ok(distinct(accepted))
}

/// All values of a distribution, or `points` of them.
fn all(name: &str, distribution: &Distribution, points: Option<usize>) -> Result<Vec<Value>, SamplerError> {
    let count = match distribution {
        Distribution::Categorical(categorical) => return Ok(distinct(categorical.choices().to_vec())),
        Distribution::Int(int) => Some(int.count()),
        Distribution::Float(_) if distribution.is_single() => Some(1.0),
        Distribution::Float(float) => float.count(),
    };
    if let Some(count) = count.filter(|count| points.is_none_or(|points| *count <= points as f64)) {
        if count > MOST as f64 {
            return Err(too_many());
        }
        // The middles of as many parts as there are values.
        let uniform = |index: usize| match distribution {
            Distribution::Int(int) => Value::Int(int.low() + index as i64 * int.step()),
            _ => distribution.at((index as f64 + 0.5) / count),
        };
        return Ok((0..count as usize).map(uniform).collect());
    }
    let points = points.ok_or_else(|| {
        problem(
            name,
            "it has no steps, so a grid needs its values: give it a step, or the grid a number of points"
                .into(),
        )
    })?;
    let place = |index: usize| if points < 2 { 0.5 } else { index as f64 / (points - 1) as f64 };
    Ok(distinct((0..points.max(1)).map(|index| distribution.at(place(index))).collect()))
}

fn distinct(values: Vec<Value>) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::with_capacity(values.len());
    let mut seen = HashSet::new();
    for value in values {
        let is_new = match value.as_f64() {
            Some(number) => seen.insert(number.to_bits()),
            None => !found.iter().any(|other| other.is_same(&value)),
        };
        if is_new {
            found.push(value);
        }
    }
    found
}

/// Every combination of the lists' values, with the parameters that are active with them.
fn combine(space: &Space, lists: &IndexMap<String, Vec<Value>>) -> Result<Vec<Params>, SamplerError> {
    let mut combinations = vec![Params::new()];
    for (name, values) in lists {
        let mut longer = Vec::with_capacity(combinations.len());
        for params in combinations {
            if !space.is_active(name, &params) {
                longer.push(params);
                continue;
            }
            if longer.len() + values.len() > MOST {
                return Err(too_many());
            }
            longer.extend(values.iter().map(|value| {
                let mut params = params.clone();
                params.insert(name.clone(), value.clone());
                params
            }));
        }
        combinations = longer;
    }
    Ok(combinations)
}

/// Fisher and Yates.
fn shuffle(combinations: &mut [Params], seed: u64) {
    let mut draws = Draws::new(seed, "grid", 0, "");
    for last in (1..combinations.len()).rev() {
        combinations.swap(last, draws.below(last + 1));
    }
}

/// `None` for parameters that the space has not, or values that it has not.
fn key(space: &Space, params: &Params) -> Option<Key> {
    if params.is_empty() {
        return None;
    }
    let mut found = Key::with_capacity(params.len());
    for (place, (name, parameter)) in space.iter().enumerate() {
        if let Some(value) = params.get(name) {
            // Both zeros are one.
            let internal = parameter.distribution.to_internal(value)? + 0.0;
            found.push((place, internal.to_bits()));
        }
    }
    (found.len() == params.len()).then_some(found)
}

fn problem(parameter: &str, problem: String) -> SamplerError {
    SamplerError::Space { sampler: NAME, parameter: parameter.to_string(), problem }
}

fn too_many() -> SamplerError {
    let problem = format!("the grid has more than {MOST} combinations; take fewer values or another sampler");
    SamplerError::Unsupported { sampler: NAME, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: &str = r#"
        kind = { type = "categorical", choices = ["a", "b"] }
        layers = { type = "int", low = 1, high = 3 }
        rate = { type = "float", low = 0, high = 0.5, step = 0.25 }
        only_a = { type = "categorical", choices = [true, false], when = { kind = "a" } }
    "#;

    #[test]
    fn inactive_parameters_do_not_multiply() {
        let space = Space::parse(SPACE).unwrap();
        let grid = GridSampler::new(&space, GridOptions::default()).unwrap();
        assert_eq!(grid.len(), 3 * 3 * (2 + 1));
        assert_eq!(grid.indices.len(), grid.len(), "all differ");
        for params in &grid.combinations {
            space.check(params).unwrap();
        }
        let other = GridSampler::new(&space, GridOptions { seed: 1, ..GridOptions::default() }).unwrap();
        assert_ne!(grid.combinations, other.combinations, "another seed, another order");
    }

    #[test]
    fn values_and_points() {
        let space = Space::parse("lr = { type = \"float\", low = 0.001, high = 0.1, log = true }\nwidth = { type = \"int\", low = 1, high = 1000 }").unwrap();
        let options = |points| GridOptions { points, ..GridOptions::default() };
        let error = GridSampler::new(&space, options(None)).unwrap_err().to_string();
        assert!(error.contains("`lr`: it has no steps"), "{error}");
        let grid = GridSampler::new(&space, options(Some(3))).unwrap();
        assert_eq!(grid.len(), 9);
        let values = |name: &str| {
            let mut values: Vec<f64> =
                grid.combinations.iter().map(|params| params[name].as_f64().unwrap()).collect();
            values.sort_by(f64::total_cmp);
            values.dedup();
            values
        };
        let lr = values("lr");
        assert!((lr[1] - 0.01).abs() < 1e-12 && lr[0] == 0.001 && lr[2] == 0.1, "{lr:?}");
        assert_eq!(values("width"), [1.0, 501.0, 1000.0]);

        let with = |name: &str, values: Vec<Value>| {
            let options = GridOptions {
                values: [(name.to_string(), values)].into_iter().collect(),
                ..options(Some(2))
            };
            GridSampler::new(&space, options)
        };
        assert_eq!(with("lr", vec![0.01.into(), 0.01.into(), 0.05.into()]).unwrap().len(), 4);
        for (name, values, expected) in [
            ("lr", vec![Value::from(1.0)], "the value 1.0, but it may be a number from 0.001 to 0.1"),
            ("lr", vec![], "empty list"),
            ("other", vec![Value::from(1.0)], "not in the space"),
        ] {
            let error = with(name, values).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let wide: String =
            (0..8).map(|index| format!("p{index} = {{ type = \"int\", low = 1, high = 10 }}\n")).collect();
        let error =
            GridSampler::new(&Space::parse(&wide).unwrap(), GridOptions::default()).unwrap_err().to_string();
        assert!(error.contains("more than 1000000 combinations"), "{error}");
    }
}
