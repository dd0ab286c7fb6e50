//! Data that several runs have in common.

use crate::error::TrainError;
use crate::recipe::{DataSection, Recipe};
use ocelli_data::{
    CacheOptions, Channels, DataError, Dataset, OpenOptions, Source, SourceOptions, Splits, Transform, open,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Sources that are held: the training, validation and test images of one run.
const SOURCES: usize = 3;

/// Data that runs share: a search makes one of these and prepares all its trials with it
/// ([`Run::prepare_sharing`](super::Run::prepare_sharing)), so that files are listed, read and decoded once. It holds what the newest run needs; a run with
/// other settings of `data` or of the transforms that are done once opens its own, and later ones share that.
#[derive(Default)]
pub struct SharedData {
    held: Mutex<Held>,
}

/// Settings of the data that decide what a source keeps, and how: JPEGs at a part of their size, and the cache on disk.
type Keeping = (bool, Option<String>, u64);

#[derive(Default)]
struct Held {
    opened: Option<(String, OpenOptions, Splits)>,
    /// The newest last, with how each is kept.
    sources: Vec<(Keeping, Arc<Source>)>,
}

impl std::fmt::Debug for SharedData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held = self.held();
        let path = held.opened.as_ref().map(|(path, ..)| path);
        f.debug_struct("SharedData").field("path", &path).field("sources", &held.sources.len()).finish()
    }
}

impl SharedData {
    /// Held while data is opened: of several runs that begin at once, one opens it.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A recipe's data.
    pub(super) fn open(&self, recipe: &Recipe, threads: usize) -> Result<Splits, TrainError> {
        let DataSection { path, validation, test, coarse_labels, label_separator, strict, .. } = &recipe.data;
        let channels =
            recipe.transforms.channels.map(Channels::from_count).transpose().map_err(TrainError::Data)?;
        let options = OpenOptions {
            channels,
            validation: *validation,
            test: *test,
            seed: recipe.seed,
            coarse_labels: *coarse_labels,
            label_separator: *label_separator,
            threads,
            ..OpenOptions::default()
        };
        let mut held = self.held();
        let known = held.opened.as_ref().filter(|(known, as_asked, _)| known == path && *as_asked == options);
        let splits = match known {
            Some((.., splits)) => splits.clone(),
            None => {
                let splits = open(path, &options).map_err(TrainError::Data)?;
                *held = Held { opened: Some((path.clone(), options, splits.clone())), sources: Vec::new() };
                splits
            }
        };
        if *strict && !splits.problems.is_empty() {
            return Err(TrainError::Strict { problems: splits.problems });
        }
        Ok(splits)
    }

    /// Images behind the beginning of a list of transforms, kept as the recipe says.
    pub(super) fn source(
        &self,
        dataset: &Arc<dyn Dataset>,
        list: &[Transform],
        data: &DataSection,
    ) -> Result<Arc<Source>, DataError> {
        let mut held = self.held();
        let keeping = (data.reduced_jpeg, data.cache.clone(), data.cache_bytes);
        let place =
            held.sources.iter().position(|(kept, source)| *kept == keeping && source.is_for(dataset, list));
        let found = match place {
            Some(place) => held.sources.remove(place),
            None => (keeping, behind(dataset, list, data)?),
        };
        let source = Arc::clone(&found.1);
        held.sources.push(found);
        if held.sources.len() > SOURCES {
            held.sources.remove(0);
        }
        Ok(source)
    }
}

/// Puts images behind the beginning of a list of transforms, kept as the recipe says.
pub(super) fn behind(
    dataset: &Arc<dyn Dataset>,
    list: &[Transform],
    data: &DataSection,
) -> Result<Arc<Source>, DataError> {
    let options = SourceOptions { reduced_jpeg: data.reduced_jpeg, ..SourceOptions::default() };
    let source = Source::new(Arc::clone(dataset), list, &options)?;
    let cache = data.cache.as_ref();
    Ok(Arc::new(
        match cache.map(|folder| CacheOptions { max_bytes: data.cache_bytes, ..CacheOptions::new(folder) }) {
            Some(cache) => source.with_cache(&cache)?,
            None => source,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::super::{Run, RunOptions};
    use super::*;

    /// A folder of two classes with grey pictures of 4×4 pixels.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for class in ["a", "b"] {
            std::fs::create_dir(folder.path().join(class)).unwrap();
            for image in 0..10 {
                let file = folder.path().join(class).join(format!("{image}.bmp"));
                std::fs::write(file, super::super::prepare::tests::bmp(image)).unwrap();
            }
        }
        folder
    }

    #[test]
    fn what_is_the_same_is_shared_and_what_is_not_is_opened_anew() {
        let folder = folder();
        let mut recipe = Recipe::default();
        recipe.data.path = folder.path().display().to_string();
        let shared = SharedData::default();
        let prepare = |recipe: &Recipe| {
            Run::prepare_sharing(recipe.clone(), RunOptions { threads: 1 }, &shared).unwrap()
        };
        let first = prepare(&recipe);
        let other_rate =
            Recipe { train: crate::TrainSection { lr: Some(0.5), ..recipe.train.clone() }, ..recipe.clone() };
        let second = prepare(&other_rate);
        assert!(Arc::ptr_eq(&first.parts.train, &second.parts.train));
        let mut balanced = recipe.clone();
        balanced.data.sampler = ocelli_data::Sampler::Balanced;
        assert!(
            Arc::ptr_eq(&first.parts.train, &prepare(&balanced).parts.train),
            "another order of the same"
        );
        assert!(Arc::ptr_eq(first.parts.val.as_ref().unwrap(), second.parts.val.as_ref().unwrap()));
        let mut larger = recipe.clone();
        larger.transforms.size = Some([48, 48]);
        let third = prepare(&larger);
        assert!(!Arc::ptr_eq(&first.parts.train, &third.parts.train), "another size is another source");
        assert!(Arc::ptr_eq(first.train_images(), third.train_images()), "of the same files");
        let other_seed = Recipe { seed: 7, ..recipe.clone() };
        let fourth = prepare(&other_seed);
        assert!(!Arc::ptr_eq(first.train_images(), fourth.train_images()), "another seed divides otherwise");
        assert_eq!(format!("{shared:?}").matches("sources: 3").count(), 1, "{shared:?}");
    }
}
