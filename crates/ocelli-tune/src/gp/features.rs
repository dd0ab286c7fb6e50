//! Points as rows of numbers.

use super::column::{Column, INACTIVE, Kind};
use ndarray::Array2;

/// What a number is where the point has not got it: the middle of its range. Whether it is there is seen by the columns that its conditions are
/// about.
const ABSENT: f64 = 0.5;

/// Where a column is in a row.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Nowhere: it has one value.
    Nowhere,
    /// Here, as it is.
    Number(usize),
    /// From here on, a number for each choice: 1 for the one that the point has, 0 for the others.
    Choices(usize),
}

/// How points become rows.
#[derive(Clone, Debug)]
pub(super) struct Features {
    /// Of each column.
    places: Vec<Place>,
    /// Of each number of a row: whether it is a choice's.
    choices: Vec<bool>,
}

impl Features {
    pub(super) fn new(columns: &[Column]) -> Self {
        let mut choices = Vec::new();
        let place = |column: &Column| {
            let at = choices.len();
            let (place, width, choice) = match &column.kind {
                Kind::Grid(values) if values.len() == 1 => (Place::Nowhere, 0, false),
                Kind::Category(1) => (Place::Nowhere, 0, false),
                Kind::Range | Kind::Grid(_) => (Place::Number(at), 1, false),
                Kind::Category(count) => (Place::Choices(at), *count, true),
            };
            choices.resize(at + width, choice);
            place
        };
        let places = columns.iter().map(place).collect();
        Self { places, choices }
    }

    /// Of each number of a row, whether it says if a choice is taken.
    pub(super) fn choices(&self) -> &[bool] {
        &self.choices
    }

    /// Where a column's number is, if it is one.
    pub(super) fn number(&self, column: usize) -> Option<usize> {
        match self.places[column] {
            Place::Number(at) => Some(at),
            Place::Nowhere | Place::Choices(_) => None,
        }
    }

    /// Points, of which those numbers are [`INACTIVE`] that they have not got, as rows.
    pub(super) fn rows<'a>(&self, points: impl ExactSizeIterator<Item = &'a Vec<f64>>) -> Array2<f64> {
        let mut rows = Array2::zeros((points.len(), self.choices.len()));
        for (point, mut row) in points.zip(rows.rows_mut()) {
            for (value, place) in point.iter().zip(&self.places) {
                match *place {
                    Place::Number(at) => row[at] = if *value == INACTIVE { ABSENT } else { *value },
                    Place::Choices(from) if *value != INACTIVE => row[from + *value as usize] = 1.0,
                    Place::Nowhere | Place::Choices(_) => {}
                }
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_numbers_and_choices() {
        let kinds = [
            Kind::Range,
            Kind::Category(1),
            Kind::Category(3),
            Kind::Grid(vec![0.5]),
            Kind::Grid(vec![0.0, 1.0]),
        ];
        let features = Features::new(&kinds.map(Column::from));
        let points = [vec![0.3, 0.0, 2.0, 0.5, 1.0], vec![INACTIVE, 0.0, INACTIVE, 0.5, 0.0]];
        let rows = features.rows(points.iter());
        assert_eq!(rows.row(0).to_vec(), [0.3, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(rows.row(1).to_vec(), [0.5, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(features.choices(), [false, true, true, true, false]);
        assert_eq!(
            [0, 1, 2, 3, 4].map(|column| features.number(column)),
            [Some(0), None, None, None, Some(4)]
        );
    }
}
