//! Probabilities beside the truth: what all figures are worked out from.

use super::Confusion;

/// What a classifier says of labelled images. It takes 4 bytes for each image and class, 8 where complements are told, and for each
/// image 8 beside what is known of it.
///
/// `T` is what is known of an image: its class, or all of its classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions<T = u32> {
    classes: usize,
    /// Images × classes.
    probabilities: Vec<f32>,
    /// What each probability lacks of one; empty if that was not told.
    complements: Vec<f32>,
    labels: Vec<T>,
    ids: Vec<u64>,
}

impl<T> Predictions<T> {
    /// None yet, over `classes` classes, with room for `images`.
    ///
    /// # Panics
    /// If there are no classes.
    pub fn new(classes: usize, images: usize) -> Self {
        assert!(classes > 0, "predictions need a class");
        Predictions {
            classes,
            probabilities: Vec::with_capacity(images * classes),
            complements: Vec::new(),
            labels: Vec::with_capacity(images),
            ids: Vec::with_capacity(images),
        }
    }

    /// Adds an image: what names it (its index in the data set), its class or classes, below the number of classes, and the
    /// probability of each class.
    ///
    /// # Panics
    /// If there is not a probability for each class, or complements were told of the images before.
    pub fn push(&mut self, id: u64, label: T, probabilities: &[f32]) {
        assert!(self.complements.is_empty(), "complements of all images or of none");
        self.add(id, label, probabilities);
    }

    /// As [`push`](Self::push), with what each probability lacks of one: near 1, `f32` rounds away how sure it is.
    ///
    /// # Panics
    /// If there is not a probability and a complement for each class, or complements were not told of the images before.
    pub fn push_with_complements(&mut self, id: u64, label: T, probabilities: &[f32], complements: &[f32]) {
        assert_eq!(self.complements.len(), self.probabilities.len(), "complements of all images or of none");
        assert_eq!(complements.len(), self.classes, "a complement for each class");
        self.complements.extend_from_slice(complements);
        self.add(id, label, probabilities);
    }

    fn add(&mut self, id: u64, label: T, probabilities: &[f32]) {
        assert_eq!(probabilities.len(), self.classes, "a probability for each class");
        self.probabilities.extend_from_slice(probabilities);
        self.labels.push(label);
        self.ids.push(id);
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The probabilities, images × classes.
    pub fn probabilities(&self) -> &[f32] {
        &self.probabilities
    }

    /// The probabilities of image `image`.
    pub fn row(&self, image: usize) -> &[f32] {
        &self.probabilities[image * self.classes..][..self.classes]
    }

    /// The class of each image, or its classes.
    pub fn labels(&self) -> &[T] {
        &self.labels
    }

    /// What names each image: its index in its data set.
    pub fn ids(&self) -> &[u64] {
        &self.ids
    }

    /// What the probability of a class of image `image` lacks of one; if that was not told, at least [`LEAST_COMPLEMENT`].
    pub(super) fn complement(&self, image: usize, class: usize) -> f64 {
        let place = image * self.classes + class;
        let least = || at_least(f64::from(LEAST_COMPLEMENT), 1.0 - f64::from(self.probabilities[place]));
        self.complements.get(place).map_or_else(least, |told| f64::from(*told))
    }

    /// Divides all probabilities, and their complements, by a number.
    pub(crate) fn divide(&mut self, by: f32) {
        self.probabilities.iter_mut().chain(&mut self.complements).for_each(|p| *p /= by);
    }

    /// Adds the probabilities of the same images, and their complements.
    pub(crate) fn sum(&mut self, other: &Self) {
        let own = self.probabilities.iter_mut().chain(&mut self.complements);
        own.zip(other.probabilities.iter().chain(&other.complements)).for_each(|(sum, p)| *sum += p);
    }

    /// The probabilities as they are, to be changed row by row.
    pub(crate) fn rows_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.probabilities.chunks_exact_mut(self.classes)
    }

    /// Each image's probabilities and what is known of it.
    pub(super) fn with_labels(&self) -> impl Iterator<Item = (&[f32], &T)> {
        self.probabilities.chunks_exact(self.classes).zip(&self.labels)
    }

    /// Keeps the images that `keep` says, by their place.
    pub(crate) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let mut kept = Predictions::new(self.classes, self.len());
        for (image, label) in std::mem::take(&mut self.labels).into_iter().enumerate() {
            if keep(image) {
                kept.add(self.ids[image], label, self.row(image));
                let complements = self.complements.chunks_exact(self.classes).nth(image);
                kept.complements.extend_from_slice(complements.unwrap_or_default());
            }
        }
        *self = kept;
    }
}

impl Predictions {
    /// Each image's probabilities and class.
    pub fn rows(&self) -> impl Iterator<Item = (&[f32], usize)> {
        self.with_labels().map(|(row, label)| (row, *label as usize))
    }

    /// The class that image `image` is taken for: the likeliest, the first of equals.
    pub fn predicted(&self, image: usize) -> usize {
        argmax(self.row(image))
    }

    /// The probability of the class that image `image` is taken for.
    pub fn confidence(&self, image: usize) -> f32 {
        self.row(image)[self.predicted(image)]
    }

    /// The logarithmic loss of image `image`: −ln of its class's probability, which counts as the smallest normal `f32` at
    /// least (a loss of 87.3).
    pub fn loss(&self, image: usize) -> f64 {
        loss(f64::from(self.row(image)[self.labels[image] as usize]))
    }

    /// Whether image `image` is taken for what it is.
    pub fn is_right(&self, image: usize) -> bool {
        self.predicted(image) == self.labels[image] as usize
    }

    /// Which classes are taken for which.
    pub fn confusion(&self) -> Confusion {
        let mut confusion = Confusion::new(self.classes);
        self.rows().for_each(|(row, label)| confusion.add(label, argmax(row)));
        confusion
    }
}

/// What a probability that is 1 as `f32` may lack of it: 2⁻²⁵, half of what the next smaller one lacks.
const LEAST_COMPLEMENT: f32 = f32::EPSILON / 4.0;

/// What a probability lacks of one, as far as `f32` can tell: at least 2⁻²⁵.
pub(crate) fn complement(probability: f32) -> f32 {
    at_least(LEAST_COMPLEMENT, 1.0 - probability)
}

/// −ln of a probability.
pub(super) fn loss(probability: f64) -> f64 {
    -at_least(f64::from(f32::MIN_POSITIVE), probability).ln()
}

/// The larger of the two, but what is no number stays so, where `max` takes the other.
pub(crate) fn at_least<T: PartialOrd>(least: T, value: T) -> T {
    if value < least { least } else { value }
}

/// The class with the largest value; the first of equals.
pub(crate) fn argmax(values: &[f32]) -> usize {
    let larger = |best: usize, class: usize| if values[class] > values[best] { class } else { best };
    (0..values.len()).fold(0, larger)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pushed_is_there() {
        let mut found = Predictions::new(3, 2);
        assert!(found.is_empty());
        found.push(7, 2, &[0.5, 0.5, 0.0]);
        found.push(9, 1, &[0.1, 0.7, 0.2]);
        assert_eq!((found.len(), found.classes(), found.ids()), (2, 3, &[7, 9][..]));
        assert_eq!((found.predicted(0), found.is_right(0), found.is_right(1)), (0, false, true));
        assert_eq!((found.confidence(1), found.row(1)[2]), (0.7, 0.2));
        assert!((found.loss(0) - 87.336_5).abs() < 1e-3 && (found.loss(1) - 0.356_675).abs() < 1e-5);
        assert!(loss(f64::NAN).is_nan());
        found.retain(|image| image == 1);
        assert_eq!((found.ids(), found.labels(), found.probabilities().len()), (&[9][..], &[1][..], 3));
    }

    #[test]
    fn complements_stay_with_their_images() {
        let mut found = Predictions::new(2, 0);
        found.push_with_complements(7, 0, &[0.5, 1.0], &[0.5, 1e-12]);
        found.push_with_complements(9, 0, &[1.0, 0.25], &[1e-9, 0.75]);
        let mut other = found.clone();
        other.retain(|image| image == 1);
        assert_eq!((other.complement(0, 0), other.complement(0, 1)), (f64::from(1e-9_f32), 0.75));
        found.sum(&found.clone());
        found.divide(2.0);
        assert_eq!((found.row(0), found.complement(0, 1)), (&[0.5, 1.0][..], f64::from(1e-12_f32)));
    }

    #[test]
    fn a_complement_that_was_not_told_is_what_f32_can_tell() {
        let mut found = Predictions::new(3, 0);
        found.push(0, 0, &[1.0, 1.0_f32.next_down(), f32::NAN]);
        assert_eq!((found.complement(0, 0), found.complement(0, 1)), (2_f64.powi(-25), 2_f64.powi(-24)));
        assert!(found.complement(0, 2).is_nan());
    }

    #[test]
    fn the_first_of_equals_is_the_answer() {
        assert_eq!(argmax(&[0.2, 0.4, 0.4]), 1);
        assert_eq!(argmax(&[f32::NAN, 1.0]), 0);
    }
}
