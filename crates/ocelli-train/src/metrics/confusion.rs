//! Which classes were taken for which.

use serde::Serialize;

/// Counts of predictions by true class and predicted class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Confusion {
    counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// No predictions yet, over `classes` classes.
    pub fn new(classes: usize) -> Self {
        Confusion { counts: vec![vec![0; classes]; classes] }
    }

    /// Counts one image of class `truth` that was taken for `predicted`.
    ///
    /// # Panics
    /// If either is no class.
    pub fn add(&mut self, truth: usize, predicted: usize) {
        self.counts[truth][predicted] += 1;
    }

    /// Images of class `truth` that were taken for `predicted`.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.counts[truth][predicted]
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.counts.len()
    }

    /// Images counted.
    pub fn images(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// Images of one class.
    pub fn images_of(&self, class: usize) -> u64 {
        self.counts[class].iter().sum()
    }

    /// Images that were taken for what they are.
    pub fn correct(&self) -> u64 {
        (0..self.counts.len()).map(|class| self.counts[class][class]).sum()
    }

    /// The share of images taken for what they are, 0 to 1; 0 when there are none.
    pub fn accuracy(&self) -> f64 {
        share(self.correct(), self.images())
    }

    /// The share of one class's images taken for what they are (its recall); `None` when it has no images.
    pub fn accuracy_of(&self, class: usize) -> Option<f64> {
        let images = self.images_of(class);
        (images > 0).then(|| share(self.counts[class][class], images))
    }

    /// The pairs (true class, predicted class, images) that were mixed up, most often first.
    pub fn mistakes(&self) -> Vec<(usize, usize, u64)> {
        let mut mistakes: Vec<_> = (0..self.classes())
            .flat_map(|truth| (0..self.classes()).map(move |predicted| (truth, predicted)))
            .filter(|(truth, predicted)| truth != predicted)
            .map(|(truth, predicted)| (truth, predicted, self.counts[truth][predicted]))
            .filter(|(_, _, count)| *count > 0)
            .collect();
        mistakes.sort_by_key(|(truth, predicted, count)| (std::cmp::Reverse(*count), *truth, *predicted));
        mistakes
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::Confusion;

    #[test]
    fn counts_and_shares() {
        let mut confusion = Confusion::new(3);
        for (truth, predicted) in [(0, 0), (0, 0), (0, 1), (1, 1), (1, 0), (1, 0)] {
            confusion.add(truth, predicted);
        }
        assert_eq!((confusion.images(), confusion.correct()), (6, 3));
        assert_eq!(confusion.accuracy(), 0.5);
        assert_eq!(confusion.accuracy_of(1), Some(1.0 / 3.0));
        assert_eq!(confusion.accuracy_of(2), None);
        assert_eq!(confusion.mistakes(), [(1, 0, 2), (0, 1, 1)]);
        assert_eq!(Confusion::new(2).accuracy(), 0.0);
        assert_eq!(serde_json::to_string(&confusion).unwrap(), "[[2,1,0],[2,1,0],[0,0,0]]");
    }
}
