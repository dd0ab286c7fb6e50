//! The images that a model and its export are asked about.

use crate::args::export::GateArgs;
use crate::commands::eval::chosen::choose;
use crate::commands::{labelled, threads};
use crate::failure::Failure;
use crate::text::warn;
use ocelli::data::{Dataset, Image, OpenOptions, Undivided};
use ocelli::model::Classifier;
use ocelli::train::Record;
use std::path::Path;

/// As many bytes of decoded images are kept, at the most with one image more.
const MOST: usize = 1 << 30;

/// Labelled images for a model, opened.
pub(super) struct Data {
    path: String,
    opened: Undivided,
}

/// Images, decoded.
pub(super) struct Asked {
    /// The part of the data that they are of.
    pub(super) split: String,
    pub(super) pixels: Vec<Image>,
    pub(super) names: Vec<String>,
    /// The names of each image's labels.
    pub(super) labels: Vec<Vec<String>>,
}

impl Data {
    /// The data that is asked for, else that which the model was trained with.
    pub(super) fn open(args: &GateArgs, model: &Path, classifier: &Classifier) -> Result<Self, Failure> {
        if let Some(path) = &args.data {
            return Self::at(path, OpenOptions::default().label_separator, args, classifier);
        }
        let Some(record) = Record::of_model(model).map_err(labelled::failed)? else {
            let reason = format!(
                "{}: no run is known that made it, so neither are images to ask it about",
                model.display()
            );
            return Err(Failure::usage(reason)
                .hint("name labelled images: --data PATH; to export unseen: --no-verify"));
        };
        let data = &record.recipe.data;
        Self::at(&data.path, data.label_separator, args, classifier).map_err(|failure| {
            failure.hint("this is where the recipe of the run has its data; if it was moved: --data PATH")
        })
    }

    /// The data at a path.
    pub(super) fn at(
        path: &str,
        separator: char,
        args: &GateArgs,
        classifier: &Classifier,
    ) -> Result<Self, Failure> {
        let opened = labelled::open(classifier, path, separator, threads(args.threads))?;
        Ok(Self { path: path.to_owned(), opened })
    }

    /// So many images of the part asked for; else of the first of these that there is, else of any.
    pub(super) fn take(
        &self,
        asked: Option<&str>,
        usual: &str,
        count: usize,
        classifier: &Classifier,
    ) -> Result<Asked, Failure> {
        let division = classifier.division();
        let chosen = match asked {
            Some(split) => choose(&self.opened, Some(split), division)?,
            None => choose(&self.opened, Some(usual), division)
                .or_else(|_| choose(&self.opened, None, division))?,
        };
        Asked::load(chosen.split, chosen.images.as_ref(), count, &self.path)
    }
}

impl Asked {
    /// So many images, spread evenly, or as many as there is room for; those that cannot be used are told and left out.
    fn load(split: String, images: &dyn Dataset, count: usize, data: &str) -> Result<Self, Failure> {
        let count = count.min(images.len());
        let mut asked = Self { split, pixels: Vec::new(), names: Vec::new(), labels: Vec::new() };
        let mut room = MOST;
        for place in (0..count).map(|number| number * images.len() / count) {
            if room == 0 {
                break;
            }
            match images.load(place) {
                Ok(image) => {
                    room = room.saturating_sub(image.pixels().len());
                    asked.pixels.push(image);
                    asked.names.push(images.name(place).into_owned());
                    let labels = images.labels(place);
                    asked
                        .labels
                        .push(labels.iter().map(|label| images.classes()[*label as usize].clone()).collect());
                }
                Err(error) => warn(&error),
            }
        }
        if asked.pixels.is_empty() {
            let reason = format!("{data}: has no {} image that can be used", asked.split);
            return Err(Failure::usage(reason).hint("name other images: --data PATH, --split NAME"));
        }
        Ok(asked)
    }
}
