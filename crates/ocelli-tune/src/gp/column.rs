//! What a point's numbers may be.

use super::GpError;

/// What stands for a number that a point has not.
pub(super) const INACTIVE: f64 = -1.0;

/// One number of a point: what it may be, and when there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// What it may be.
    pub kind: Kind,
    /// All of these must hold for a point to have the number; none: it always has. Where one does not, the number is NaN.
    pub when: Vec<Condition>,
    /// The value that a suggestion has to take, if it has the number at all.
    pub fixed: Option<f64>,
}

/// What a number may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Anything from 0 to 1: a range, logarithmic or not, after its encoding.
    Range,
    /// One of these, ascending, from 0 to 1: whole numbers and steps after their encoding.
    Grid(Vec<f64>),
    /// 0, 1, … up to this many choices, between which there is no order.
    Category(usize),
}

/// Holds where an earlier column is there and has one of some values.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The earlier column's place.
    pub column: usize,
    /// The values, exactly as points have them.
    pub values: Vec<f64>,
}

impl From<Kind> for Column {
    /// A column that is always there.
    fn from(kind: Kind) -> Self {
        Self { kind, when: Vec::new(), fixed: None }
    }
}

impl Column {
    /// The value at a place from 0 to 1 (excluded) along what the column may be.
    pub(super) fn at(&self, place: f64) -> f64 {
        let index = |count: usize| ((place * count as f64) as usize).min(count - 1);
        match (&self.kind, self.fixed) {
            (_, Some(value)) => value,
            (Kind::Range, None) => place,
            (Kind::Grid(values), None) => values[index(values.len())],
            (Kind::Category(count), None) => index(*count) as f64,
        }
    }

    fn has(&self, value: f64) -> bool {
        match self.kind {
            Kind::Range | Kind::Grid(_) => (0.0..=1.0).contains(&value),
            Kind::Category(count) => value >= 0.0 && value.fract() == 0.0 && value < count as f64,
        }
    }

    fn check(&self, place: usize) -> Result<(), GpError> {
        let wrong = |problem: String| Err(GpError::Column { column: place, problem });
        match &self.kind {
            Kind::Grid(values) if values.is_empty() => return wrong("its grid has no values".into()),
            Kind::Grid(values)
                if !values.is_sorted_by(|a, b| a < b) || !values.iter().all(|v| self.has(*v)) =>
            {
                return wrong("a grid's values must ascend from 0 or more to 1 or less".into());
            }
            Kind::Category(0) => return wrong("it has no choices".into()),
            _ => {}
        }
        if let Some(later) = self.when.iter().find(|condition| condition.column >= place) {
            return wrong(format!(
                "its condition is on column {}; it must be on an earlier one",
                later.column
            ));
        }
        match self.fixed {
            Some(value) if !self.has(value) => wrong(format!("it cannot have the fixed value {value}")),
            _ => Ok(()),
        }
    }
}

/// Whether these can be the columns of points.
pub(super) fn check_columns(columns: &[Column]) -> Result<(), GpError> {
    if columns.is_empty() {
        return Err(GpError::NoColumns);
    }
    columns.iter().enumerate().try_for_each(|(place, column)| column.check(place))
}

/// A point as the kernel takes it, [`INACTIVE`] where the columns' conditions do not hold, whatever the point has there.
pub(super) fn masked(columns: &[Column], point: &[f64]) -> Vec<f64> {
    let mut masked = point.to_vec();
    for (place, column) in columns.iter().enumerate() {
        let holds = |condition: &Condition| condition.values.contains(&masked[condition.column]);
        if !column.when.iter().all(holds) {
            masked[place] = INACTIVE;
        }
    }
    masked
}

/// A point of the history as the kernel takes it.
///
/// Which columns it has is its own affair, as long as only columns with conditions are missing: spaces change while studies go on.
pub(super) fn checked(columns: &[Column], point: &[f64]) -> Result<Vec<f64>, GpError> {
    if point.len() != columns.len() {
        return Err(GpError::Length { found: point.len(), needed: columns.len() });
    }
    let value = |(place, (column, value)): (usize, (&Column, &f64))| match *value {
        value if value.is_nan() && !column.when.is_empty() => Ok(INACTIVE),
        value if column.has(value) => Ok(value),
        value => Err(GpError::Value { column: place, value }),
    };
    columns.iter().zip(point).enumerate().map(value).collect()
}
