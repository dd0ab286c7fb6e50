//! The classifier that is learned from.

use super::digest::digest;
use super::sight::{Sight, sight};
use super::{Distillation, Teaching};
use ocelli_data::{Transform, printable};
use ocelli_model::Classifier;
use ocelli_nn::plan::{InferPlan, PlanError, PlanOptions};
use ocelli_nn::{Network, ParameterSpec};

/// Names that an error lists.
const NAMED: usize = 5;

/// A classifier whose answers fit a student: it knows the same classes, in any order, and takes images of the same size and channels.
/// It sees each batch as the student does, augmented and mixed; where the two normalise differently, the images are brought to its
/// mean and standard deviation. Its temperature, if one was fitted, does not count.
#[derive(Debug)]
pub struct Teacher {
    classifier: Classifier,
    distillation: Distillation,
    /// The teacher's output for each of the student's classes, where they have another order.
    order: Option<Vec<usize>>,
    sight: Option<Sight>,
    digest: u128,
}

/// A classifier that a student cannot learn from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TeacherError {
    /// It tells any number of labels an image.
    #[error(
        "it tells several labels an image, but a student learns from one that tells one: take such a teacher"
    )]
    MultiLabel,
    /// Its classes are others than the student's.
    #[error("{}", other_classes(missing, extra))]
    Classes {
        /// Classes of the student that it does not know.
        missing: Vec<String>,
        /// Classes of its own that the student does not learn.
        extra: Vec<String>,
    },
    /// It takes images of other channels.
    #[error(
        "it takes images of {taken} channels, but those to learn from have {given}: bring them to its channels \
         (--set transforms.channels={taken}), or take a teacher of such images"
    )]
    Channels {
        /// Channels of the student's images.
        given: usize,
        /// Channels of those that it takes.
        taken: usize,
    },
    /// It takes images of another size.
    #[error(
        "it takes {}×{} images, but those to learn from are {}×{}: bring them to its size (--set transforms.size=[{},{}]), or take \
         a teacher of this size", taken.0, taken.1, given.0, given.1, taken.0, taken.1
    )]
    Size {
        /// Height and width of the student's images.
        given: (usize, usize),
        /// Height and width of those that it takes.
        taken: (usize, usize),
    },
    /// One of the two sees other colours.
    #[error(
        "its images go through {}, but those to learn from through {}: give transforms.train and transforms.eval the same, or take \
         a teacher of such images",
        listed(teacher),
        listed(student)
    )]
    Colours {
        /// Transforms of colours in the student's evaluation; where both have the same, those of other settings, with these.
        student: Vec<String>,
        /// Those in its own.
        teacher: Vec<String>,
    },
}

impl Teacher {
    /// A teacher for `student`, whose outputs are `classes` and whose images go through `transforms` in evaluation.
    ///
    /// # Errors
    /// The two do not fit.
    pub fn new(
        classifier: Classifier,
        student: &Network,
        classes: &[String],
        transforms: &[Transform],
        distillation: Distillation,
    ) -> Result<Self, TeacherError> {
        if classifier.is_multi_label() {
            return Err(TeacherError::MultiLabel);
        }
        let order = order(classifier.classes(), classes)?;
        let sight = sight((transforms, classifier.transforms()), student, classifier.network())?;
        let digest = digest(&classifier);
        Ok(Teacher { classifier, distillation, order, sight, digest })
    }

    /// The classifier.
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// How much is made of what it says.
    pub fn distillation(&self) -> Distillation {
        self.distillation
    }

    /// Whether the student's images are normalised anew for it.
    pub fn normalises_anew(&self) -> bool {
        self.sight.is_some()
    }

    /// A number that tells whether it is still the same: of all that decides what it says.
    pub fn digest(&self) -> u128 {
        self.digest
    }

    /// Bytes that it takes with batches of up to so many images, its own weights among them, on the threads of the `rayon` pool that it
    /// is called in. Allocates none of it.
    ///
    /// # Errors
    /// Its network cannot be planned.
    pub(crate) fn memory(&self, batch_size: usize) -> Result<u64, PlanError> {
        let network = self.classifier.network();
        let options = PlanOptions { batch: batch_size, ..PlanOptions::default() };
        let plan = InferPlan::memory_of(network, options)?;
        let seen = if self.sight.is_some() { network.input().elements() } else { 0 };
        let weights: usize = network.parameters().iter().map(ParameterSpec::elements).sum();
        let floats = weights + batch_size * (seen + self.classifier.classes().len());
        Ok((plan + floats * size_of::<f32>()) as u64)
    }

    /// Makes it ready to be asked about batches of up to so many images. Works on the threads of the `rayon` pool that it is called
    /// in.
    ///
    /// # Errors
    /// Its network cannot be planned.
    pub fn teaching(&self, batch_size: usize) -> Result<Teaching, PlanError> {
        Teaching::new(&self.classifier, self.distillation, self.order.clone(), self.sight.clone(), batch_size)
    }
}

/// The place among `known` of each of `classes`; `None` if they are in order.
fn order(known: &[String], classes: &[String]) -> Result<Option<Vec<usize>>, TeacherError> {
    let lacking = |has: &[String], lacks: &[String]| -> Vec<String> {
        has.iter().filter(|name| !lacks.contains(name)).cloned().collect()
    };
    let (missing, extra) = (lacking(classes, known), lacking(known, classes));
    if !(missing.is_empty() && extra.is_empty()) {
        return Err(TeacherError::Classes { missing, extra });
    }
    let place = |class: &String| known.iter().position(|name| name == class);
    Ok((known != classes).then(|| classes.iter().filter_map(place).collect()))
}

fn other_classes(missing: &[String], extra: &[String]) -> String {
    let names = |names: &[String]| {
        let named: Vec<_> = names.iter().take(NAMED).map(|name| printable(name)).collect();
        let more = names.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!("{} {}{more}", if names.len() == 1 { "the class" } else { "the classes" }, named.join(", "))
    };
    let lacks =
        (!missing.is_empty()).then(|| format!("does not know {}, which the data has", names(missing)));
    let knows = (!extra.is_empty()).then(|| format!("knows {}, which the data has not", names(extra)));
    let both: Vec<String> = lacks.into_iter().chain(knows).collect();
    format!("it {}: teacher and student must have the same classes, in any order", both.join(", and "))
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "no transform of colours".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn classes_may_have_any_order_but_must_be_the_same() {
        assert_eq!(order(&names(&["a", "b", "c"]), &names(&["a", "b", "c"])), Ok(None));
        assert_eq!(order(&names(&["a", "b", "c"]), &names(&["c", "a", "b"])), Ok(Some(vec![2, 0, 1])));
        let said =
            |known: &[&str], classes: &[&str]| order(&names(known), &names(classes)).unwrap_err().to_string();
        let found = said(&["cat", "dog"], &["cat", "dgo", "emu"]);
        assert!(found.starts_with(
            "it does not know the classes dgo, emu, which the data has, and knows the class dog, which"
        ));
        assert!(said(&[], &["a", "b", "c", "d", "e", "f", "g"]).contains("a, b, c, d, e and 2 more"));
    }
}
