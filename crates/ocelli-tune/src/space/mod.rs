//! What may vary, as data.

mod order;
mod parse;
mod write;

use crate::{Distribution, Params, Value};
use indexmap::IndexMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What may vary: parameters by name, in an order in which each comes after those that it depends on.
///
/// As TOML, a table keyed by names, which are paths into a recipe:
///
/// ```toml
/// "train.lr" = { type = "float", low = 1e-4, high = 1e-1, log = true }
/// "train.weight_decay" = { type = "float", low = 0.0, high = 0.01, step = 0.001 }
/// "train.batch_size" = { type = "int", low = 16, high = 256, log = true }
/// "train.optimizer.name" = { type = "categorical", choices = ["sgd", "adam"] }
/// "train.optimizer.momentum" = { type = "float", low = 0.0, high = 0.99, when = { "train.optimizer.name" = ["sgd"] } }
/// ```
///
/// Nested tables (`[train]`, `lr = {…}`) mean the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    parameters: IndexMap<String, Parameter>,
}

/// What one parameter may be, and when there is such a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// What it may be.
    pub distribution: Arc<Distribution>,
    /// All of these must hold for a trial to have the parameter; none: it always has.
    pub when: Vec<Condition>,
}

/// Holds where another parameter is there and has one of some values.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The other parameter.
    pub parameter: String,
    /// The values.
    pub values: Vec<Value>,
}

/// A space that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpaceError {
    /// Not TOML.
    #[error("{origin}: not TOML\n{message}")]
    Syntax {
        /// The file.
        origin: String,
        /// The reader's picture of the place.
        message: String,
    },
    /// The file cannot be read.
    #[error("{}: cannot be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A parameter's description cannot be used.
    #[error("parameter `{name}`: {problem}")]
    Parameter {
        /// The parameter.
        name: String,
        /// What was found, what is needed, and how to mend it.
        problem: String,
    },
    /// Nothing varies.
    #[error(
        "the space has no parameters; add one, such as \"train.lr\" = {{ type = \"float\", low = 1e-4, high = 1e-1, log = true }}"
    )]
    Empty,
}

impl Space {
    /// From the text of a TOML file.
    ///
    /// # Errors
    /// What is wrong, with the parameter's name.
    pub fn parse(text: &str) -> Result<Self, SpaceError> {
        Self::parse_from(text, "space")
    }

    /// From a TOML file.
    ///
    /// # Errors
    /// As [`Space::parse`], or the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, SpaceError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SpaceError::Io { path: path.to_path_buf(), source })?;
        Self::parse_from(&text, &path.display().to_string())
    }

    fn parse_from(text: &str, origin: &str) -> Result<Self, SpaceError> {
        let table = toml::from_str(text).map_err(|error| SpaceError::Syntax {
            origin: origin.to_string(),
            message: error.to_string().trim_end().to_string(),
        })?;
        Self::from_table(&table)
    }

    /// From a table of parameters.
    ///
    /// # Errors
    /// As [`Space::parse`].
    pub fn from_table(table: &toml::Table) -> Result<Self, SpaceError> {
        Self::new(parse::parameters(table)?)
    }

    /// Of these parameters, in code.
    ///
    /// # Errors
    /// None, two of one name, a condition on a parameter that there is not, on a value that it cannot have, or in a circle.
    pub fn new(parameters: impl IntoIterator<Item = (String, Parameter)>) -> Result<Self, SpaceError> {
        let mut given = IndexMap::new();
        for (name, parameter) in parameters {
            if given.insert(name.clone(), parameter).is_some() {
                return Err(problem(&name, "is there twice; leave one of them out".into()));
            }
        }
        if given.is_empty() {
            return Err(SpaceError::Empty);
        }
        for (name, parameter) in &given {
            check_conditions(name, parameter, &given)?;
        }
        Ok(Space { parameters: order::sorted(given)? })
    }

    /// The parameters, each after those that it depends on.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.parameters.iter().map(|(name, parameter)| (name.as_str(), parameter))
    }

    /// How many parameters there are.
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether there are none (never: such a space cannot be made).
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// One parameter.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.parameters.get(name)
    }

    /// Whether a trial with these parameters has this one as well.
    pub fn is_active(&self, name: &str, params: &Params) -> bool {
        self.parameters.get(name).is_some_and(|parameter| parameter.holds(params))
    }

    /// Chooses every parameter that is active, in order, by `choose`.
    ///
    /// # Errors
    /// What `choose` says.
    pub fn fill<E>(
        &self,
        mut choose: impl FnMut(&str, &Arc<Distribution>) -> Result<Value, E>,
    ) -> Result<Params, E> {
        let mut params = Params::new();
        for (name, parameter) in &self.parameters {
            if parameter.holds(&params) {
                let value = choose(name, &parameter.distribution)?;
                params.insert(name.clone(), value);
            }
        }
        Ok(params)
    }

    /// Whether these are values for exactly the parameters that are active with them; what is wrong otherwise.
    ///
    /// # Errors
    /// The first parameter that is missing, too many, or outside its bounds.
    pub fn check(&self, params: &Params) -> Result<(), SpaceError> {
        if let Some(name) = params.keys().find(|name| !self.parameters.contains_key(*name)) {
            return Err(problem(name, "is not in the space; add it, or leave the value out".into()));
        }
        for (name, parameter) in &self.parameters {
            match (params.get(name), parameter.holds(params)) {
                (Some(value), true) => parameter.check(name, value)?,
                (None, true) => return Err(problem(name, "has no value".into())),
                (Some(value), false) => {
                    let text = format!("has the value {value}, but its conditions do not hold; leave it out");
                    return Err(problem(name, text));
                }
                (None, false) => {}
            }
        }
        Ok(())
    }

    /// As TOML, such that [`Space::from_table`] gives the same space, but for the order of parameters.
    pub fn to_toml(&self) -> toml::Table {
        self.parameters.iter().map(|(name, parameter)| (name.clone(), write::parameter(parameter))).collect()
    }
}

impl Parameter {
    /// A parameter that every trial has.
    pub fn always(distribution: Distribution) -> Self {
        Parameter { distribution: Arc::new(distribution), when: Vec::new() }
    }

    /// With one more condition.
    pub fn when(mut self, parameter: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Self {
        self.when.push(Condition { parameter: parameter.into(), values: values.into_iter().collect() });
        self
    }

    /// Whether all conditions hold.
    fn holds(&self, params: &Params) -> bool {
        self.when.iter().all(|condition| {
            let value = params.get(&condition.parameter);
            value.is_some_and(|value| condition.values.iter().any(|one| one.is_same(value)))
        })
    }

    /// Whether it may have this value; what it may have otherwise.
    pub(crate) fn check(&self, name: &str, value: &Value) -> Result<(), SpaceError> {
        if self.distribution.contains(value) {
            return Ok(());
        }
        Err(problem(name, format!("cannot be {value}; it may be {}", self.distribution)))
    }
}

fn check_conditions(
    name: &str,
    parameter: &Parameter,
    all: &IndexMap<String, Parameter>,
) -> Result<(), SpaceError> {
    for Condition { parameter: other, values } in &parameter.when {
        let Some(there) = all.get(other) else {
            let near = all.keys().min_by_key(|key| strsim::levenshtein(key, other));
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            return Err(problem(name, format!("when: there is no parameter `{other}` in the space{hint}")));
        };
        if values.is_empty() {
            return Err(problem(
                name,
                format!("when.{other}: is empty; name the values with which there is `{name}`"),
            ));
        }
        if let Some(value) = values.iter().find(|value| !there.distribution.contains(value)) {
            let may = &there.distribution;
            return Err(problem(name, format!("when.{other}: it is never {value}; it may be {may}")));
        }
    }
    Ok(())
}

fn problem(name: &str, problem: String) -> SpaceError {
    SpaceError::Parameter { name: name.to_string(), problem }
}

#[cfg(test)]
mod tests;
