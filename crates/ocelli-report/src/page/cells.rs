//! Which images the cells of the confusion matrix show: as many as the page has room for.

use std::collections::BTreeMap;

use ocelli_data::check::Progress;
use ocelli_train::metrics::Predictions;
use rayon::prelude::*;

use super::thumbnail::{Thumbnail, thumbnail};
use super::{PageOptions, Subject};
use crate::{ReportError, pool};

/// The longer side of an image of a cell, in pixels; smaller ones stay as they are.
const SIDE: usize = 64;
/// Images of one cell.
pub(super) const OF_CELL: usize = 12;
/// Images that are decoded between looks at what they take.
const TOGETHER: usize = 128;

/// The images of each cell, (class, what they are taken for), of all that are in it those with the highest losses.
#[derive(Default)]
pub(super) struct Cells {
    shown: BTreeMap<(usize, usize), Vec<Shown>>,
}

/// An image that is shown.
pub(super) struct Shown {
    /// Its place among the predictions.
    pub(super) place: usize,
    pub(super) picture: Thumbnail,
}

impl Cells {
    /// The images of a cell, if it shows any.
    pub(super) fn of(&self, truth: usize, predicted: usize) -> Option<&[Shown]> {
        self.shown.get(&(truth, predicted)).map(Vec::as_slice)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = ((usize, usize), &[Shown])> {
        self.shown.iter().map(|(cell, shown)| (*cell, shown.as_slice()))
    }

    pub(super) fn images(&self) -> usize {
        self.shown.values().map(Vec::len).sum()
    }
}

/// Decodes images of the cells that are wanted until the page has what it has room for. One that cannot be decoded any more is left
/// out.
pub(super) fn gather(
    subject: &Subject<'_>,
    wanted: impl Fn((usize, usize)) -> bool,
    options: &PageOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Cells, ReportError> {
    let order = order(subject.predictions, wanted, OF_CELL);
    let pool = pool(options.threads)?;
    let (mut cells, mut bytes) = (Cells::default(), 0);
    for (number, together) in order.chunks(TOGETHER).enumerate() {
        let told = Progress { step: "pictures", done: (number * TOGETHER) as u64, total: order.len() as u64 };
        progress(told);
        let picture = |place: &usize| {
            let image = subject.images.load(subject.predictions.ids()[*place] as usize).ok()?;
            Some(Shown { place: *place, picture: thumbnail(&image, SIDE) })
        };
        let pictures: Vec<Option<Shown>> = pool.install(|| together.par_iter().map(picture).collect());
        for shown in pictures.into_iter().flatten() {
            bytes += shown.picture.url.len();
            if bytes > options.image_bytes {
                return Ok(cells);
            }
            let cell = cell(subject.predictions, shown.place);
            cells.shown.entry(cell).or_default().push(shown);
        }
    }
    Ok(cells)
}

fn cell(predictions: &Predictions, place: usize) -> (usize, usize) {
    (predictions.labels()[place] as usize, predictions.predicted(place))
}

/// The places of images by their worth to the page: the first of each cell, then the second, and so on; of cells the mistakes come
/// first, and those with most images.
fn order(predictions: &Predictions, wanted: impl Fn((usize, usize)) -> bool, of_cell: usize) -> Vec<usize> {
    let mut cells: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for place in 0..predictions.len() {
        let cell = cell(predictions, place);
        if wanted(cell) {
            cells.entry(cell).or_default().push(place);
        }
    }
    for places in cells.values_mut() {
        places.sort_by(|a, b| predictions.loss(*b).total_cmp(&predictions.loss(*a)));
    }
    let mut cells: Vec<((usize, usize), Vec<usize>)> = cells.into_iter().collect();
    cells.sort_by_key(|((truth, predicted), places)| (truth == predicted, std::cmp::Reverse(places.len())));
    let round = |round: usize| cells.iter().filter_map(move |(_, places)| places.get(round).copied());
    (0..of_cell).flat_map(round).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_has_an_image_before_one_has_two() {
        let mut predictions = Predictions::new(2, 0);
        for (id, (label, sure)) in
            [(0, 0.9), (0, 0.6), (0, 0.8), (1, 0.7), (1, 0.95), (1, 0.2)].iter().enumerate()
        {
            predictions.push(id as u64, *label, &[*sure, 1.0 - sure]);
        }
        // (1, 0) has two images, 3 and 4, of which 4 has the higher loss; (0, 0) three; (1, 1) one.
        let all = |_| true;
        assert_eq!(order(&predictions, all, 2), [4, 1, 5, 3, 2]);
        assert_eq!(order(&predictions, all, 9).len(), 6);
        assert!(order(&predictions, all, 0).is_empty());
        assert_eq!(order(&predictions, |cell| cell == (1, 0), 9), [4, 3]);
    }
}
