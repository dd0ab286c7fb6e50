//! Which images are measured on.

use crate::failure::Failure;
use crate::text::count;
use ocelli::data::{DataError, Dataset, Division, Splits, Undivided};
use std::sync::Arc;

/// What `--split` calls the images of data that has no splits.
const ALL: &str = "all";
/// The usual names of splits.
const USUAL: [&str; 3] = ["train", "val", "test"];

/// What is measured on.
pub(in crate::commands) struct Chosen {
    /// The split's name, of several the usual one, or [`ALL`].
    pub(in crate::commands) split: String,
    pub(in crate::commands) images: Arc<dyn Dataset>,
    /// Whether training set them apart: the data has no such split of its own.
    set_apart: bool,
    origin: Origin,
}

/// What is known of the images beside what they show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    /// The data was divided as for training; the model was trained on so many of the images.
    Divided { trained_on: usize },
    /// The model was trained on other images, or these changed since; or they are a split of the data's own.
    Other,
    /// The model may have been trained on them: it does not say on which it was.
    Unknown,
}

impl Chosen {
    /// How many of the images the model was trained on, if that is known.
    pub(super) fn trained_on(&self) -> Option<usize> {
        match self.origin {
            Origin::Divided { trained_on } => Some(trained_on),
            Origin::Other | Origin::Unknown => None,
        }
    }
}

/// The split asked for; else the test images, those that training set apart included; else all of data that has no splits.
pub(in crate::commands) fn choose(
    data: &Undivided,
    asked: Option<&str>,
    division: Option<&Division>,
) -> Result<Chosen, Failure> {
    let divided = division.and_then(|division| data.divide_again(division));
    let get = |name: &str| divided.as_ref().map_or_else(|| data.get(name), |splits| splits.get(name));
    let whole = data.whole();
    let (split, images) = match (asked, get("test"), &whole) {
        (Some(ALL), _, Some(images)) => (ALL, Arc::clone(images)),
        (Some(name), ..) => (name, get(name).map_err(|error| no_split(error, whole.is_some()))?),
        (None, Ok(test), _) => ("test", test),
        (None, Err(_), Some(images)) => (ALL, Arc::clone(images)),
        (None, Err(_), None) => {
            let reason = format!("{}: has no test images", data.path.display());
            return Err(Failure::usage(reason).hint("say which part to measure on: --split val"));
        }
    };
    // `valid` and `validation` are `val`.
    let is_it = |name: &&str| get(name).is_ok_and(|other| Arc::ptr_eq(&other, &images));
    let split = if split == ALL { ALL } else { USUAL.into_iter().find(is_it).unwrap_or(split) };
    let origin = match (divided, division) {
        (Some(splits), _) => Origin::Divided { trained_on: trained_on(&splits, split) },
        // A split of the data's own is what it is called; images without one may be any.
        (None, None) if split == ALL || split.starts_with("train") => Origin::Unknown,
        (None, _) => Origin::Other,
    };
    let is_own = |own: Arc<dyn Dataset>| own.len() == images.len();
    let set_apart = split != ALL && !data.get(split).is_ok_and(is_own);
    Ok(Chosen { split: split.to_string(), images, set_apart, origin })
}

/// How many images of a split, or of all, the model was trained on.
fn trained_on(splits: &Splits, split: &str) -> usize {
    let of_training = split == ALL || split.starts_with("train");
    if of_training { splits.train.len() } else { 0 }
}

fn no_split(error: DataError, undivided: bool) -> Failure {
    let failure = Failure::usage(error);
    if undivided { failure.hint("without --split, all images are measured on") } else { failure }
}

/// What to bear in mind about the figures.
pub(in crate::commands) fn caution(chosen: &Chosen) -> Option<String> {
    let images = chosen.images.len();
    match chosen.origin {
        Origin::Divided { trained_on: 0 } | Origin::Other => None,
        Origin::Divided { trained_on } => {
            let which = if trained_on == images {
                "these images".to_string()
            } else {
                format!("{} of these {} images", count(trained_on as u64), count(images as u64))
            };
            Some(format!("the model was trained on {which}: on new ones it will do worse"))
        }
        Origin::Unknown => Some(
            "the model does not say which images it was trained on: if these are among them, it will do worse on new ones"
                .to_string(),
        ),
    }
}

/// Which images were measured on, in words.
pub(in crate::commands) fn part(chosen: &Chosen) -> String {
    match (chosen.split.as_str(), chosen.origin) {
        (ALL, Origin::Other) => "all images (not those it was trained on, or changed since)".to_string(),
        (ALL, _) => "all images".to_string(),
        (split, _) if chosen.set_apart => format!("{split} images, set apart as in its training"),
        (split, _) => format!("{split} images"),
    }
}
