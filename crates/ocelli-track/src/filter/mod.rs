//! MLflow's language for searching runs (<https://mlflow.org/docs/latest/ml/search/search-runs/>): conditions joined by `and`, and orders.
//!
//! A filter is read once. SQLite gets it as SQL ([`sql`]), servers as text.

mod lex;
mod parse;
pub(crate) mod sql;

use crate::error::TrackError;
use std::fmt;
use std::str::FromStr;

/// What must hold of runs.
///
/// ```
/// use ocelli_track::Filter;
/// let filter: Filter = "metrics.val_accuracy > 0.9 and params.lr = '0.01' and tags.`git branch` LIKE 'main%'".parse()?;
/// assert_eq!(filter.to_string(), "metrics.val_accuracy > 0.9 AND params.lr = '0.01' AND tags.`git branch` LIKE 'main%'");
/// # Ok::<(), ocelli_track::TrackError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub(crate) clauses: Vec<Clause>,
}

/// What runs are ordered by: `metrics.loss ASC`, `params.lr`, `attributes.start_time DESC`. Runs that have no such value come
/// last, before them those whose metric is NaN, in both directions.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderBy {
    pub(crate) field: Field,
    pub(crate) descending: bool,
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Clause {
    pub(crate) field: Field,
    pub(crate) test: Test,
}

/// What a condition is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Metric(String),
    Param(String),
    Tag(String),
    Attribute(Attribute),
    Dataset(DatasetField),
}

/// A column of the runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    RunId,
    RunName,
    Status,
    ArtifactUri,
    UserId,
    StartTime,
    EndTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DatasetField {
    Name,
    Digest,
    Context,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    Number(Comparison, f64),
    /// Texts are only compared for being equal.
    Text {
        equal: bool,
        value: String,
    },
    /// `%` is any text, `_` any character.
    Like {
        pattern: String,
        ignore_case: bool,
    },
    In {
        values: Vec<String>,
        negated: bool,
    },
    /// Whether the run has no such parameter or tag.
    Null {
        negated: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Filter {
    /// Whether everything fits it.
    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }
}

impl FromStr for Filter {
    type Err = TrackError;

    fn from_str(text: &str) -> Result<Self, TrackError> {
        parse::filter(text)
    }
}

impl FromStr for OrderBy {
    type Err = TrackError;

    fn from_str(text: &str) -> Result<Self, TrackError> {
        parse::order(text)
    }
}

impl Attribute {
    pub(crate) const ALL: [Self; 7] = [
        Attribute::RunId,
        Attribute::RunName,
        Attribute::Status,
        Attribute::ArtifactUri,
        Attribute::UserId,
        Attribute::StartTime,
        Attribute::EndTime,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Attribute::RunId => "run_id",
            Attribute::RunName => "run_name",
            Attribute::Status => "status",
            Attribute::ArtifactUri => "artifact_uri",
            Attribute::UserId => "user_id",
            Attribute::StartTime => "start_time",
            Attribute::EndTime => "end_time",
        }
    }

    /// By its name, or one of MLflow's other names for it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "created" | "Created" => Some(Attribute::StartTime),
            "run name" | "Run name" | "Run Name" => Some(Attribute::RunName),
            _ => Self::ALL.into_iter().find(|attribute| attribute.name() == name),
        }
    }

    pub(crate) fn is_number(self) -> bool {
        matches!(self, Attribute::StartTime | Attribute::EndTime)
    }
}

impl DatasetField {
    pub(crate) const ALL: [Self; 3] = [DatasetField::Name, DatasetField::Digest, DatasetField::Context];

    pub(crate) fn name(self) -> &'static str {
        match self {
            DatasetField::Name => "name",
            DatasetField::Digest => "digest",
            DatasetField::Context => "context",
        }
    }
}

impl Comparison {
    pub(crate) const ALL: [Self; 6] = [
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ];

    /// The same in MLflow's language and in SQL.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, clause) in self.clauses.iter().enumerate() {
            if place > 0 {
                f.write_str(" AND ")?;
            }
            write!(f, "{} {}", clause.field, clause.test)?;
        }
        Ok(())
    }
}

impl fmt::Display for OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, if self.descending { "DESC" } else { "ASC" })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, key) = match self {
            Field::Metric(key) => ("metrics", key.as_str()),
            Field::Param(key) => ("params", key.as_str()),
            Field::Tag(key) => ("tags", key.as_str()),
            Field::Attribute(attribute) => ("attributes", attribute.name()),
            Field::Dataset(field) => ("datasets", field.name()),
        };
        let begins_word =
            |part: &str| part.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if key
            .split('.')
            .all(|part| begins_word(part) && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        {
            write!(f, "{kind}.{key}")
        } else if key.contains('`') {
            write!(f, "{kind}.\"{key}\"")
        } else {
            write!(f, "{kind}.`{key}`")
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Test::Number(comparison, value) => write!(f, "{} {value}", comparison.sign()),
            Test::Text { equal, value } => write!(f, "{} {}", if *equal { "=" } else { "!=" }, Quoted(value)),
            Test::Like { pattern, ignore_case } => {
                write!(f, "{} {}", if *ignore_case { "ILIKE" } else { "LIKE" }, Quoted(pattern))
            }
            Test::In { values, negated } => {
                f.write_str(if *negated { "NOT IN (" } else { "IN (" })?;
                for (place, value) in values.iter().enumerate() {
                    write!(f, "{}{}", if place > 0 { ", " } else { "" }, Quoted(value))?;
                }
                f.write_str(")")
            }
            Test::Null { negated } => f.write_str(if *negated { "IS NOT NULL" } else { "IS NULL" }),
        }
    }
}

/// A value in the quotes that it came in: MLflow takes what is between them as it is, and undoes no escapes.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = if lex::fits_quotes(self.0, '\'') { '\'' } else { '"' };
        write!(f, "{quote}{}{quote}", self.0)
    }
}

#[cfg(test)]
mod tests;
