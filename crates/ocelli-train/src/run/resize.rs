//! Progressive resizing: smaller images in the first epochs, which take less time and show what is coarse.

use super::prepare::Run;
use super::session::Session;
use crate::error::TrainError;
use crate::events::{Event, Resized};
use crate::recipe::RecipeError;
use ocelli_data::{Loader, Transform, transforms::RandomResizedCrop};
use ocelli_nn::{Network, Shape};
use serde::{Deserialize, Serialize};

/// An entry of `[[train.resize]]`: the size of the training images up to an epoch. After the last entry they have the size of
/// all others, `transforms.size`.
///
/// Images go through the training transforms as ever, whose settings go on counting pixels of the full size, and are then
/// resized; a `RandomResizedCrop` that comes last of those that set a size makes the smaller one itself. Weights, the
/// optimizer's state and BatchNorm's averages go on from size to size. Evaluation always sees the full size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Height and width.
    pub size: [usize; 2],
    /// The last epoch, from 1, with this size; less than the run's epochs.
    pub until: u64,
}

/// Says what is wrong with the entries of a run of so many epochs.
pub(crate) fn check(entries: &[Resize], epochs: u64) -> Result<(), String> {
    let mut before = 0;
    for Resize { size: [height, width], until } in entries {
        if ![height, width].into_iter().all(|side| (1..=8192).contains(side)) {
            return Err(format!("has the size {height}×{width}, but sides must be 1 to 8,192"));
        }
        if *until <= before {
            return Err(format!("has {until} after {before}: the epochs of `until` must grow, from 1 on"));
        }
        if *until >= epochs {
            return Err(format!(
                "goes on until epoch {until}, but the run has {epochs}: the last epochs need the full size, which evaluation has"
            ));
        }
        before = *until;
    }
    Ok(())
}

/// A list of transforms that makes images of another size, and whether it begins as the list did, so far as images are kept that
/// went through its beginning.
fn at_size(list: &[Transform], size: [usize; 2]) -> (Vec<Transform>, bool) {
    let mut list = list.to_vec();
    let size = (size[0], size[1]);
    let sets_size = |transform: &Transform| transform.output_size(None).is_some();
    if let Some(place) = list.iter().rposition(sets_size)
        && let Transform::RandomResizedCrop(crop) = &list[place]
        && list[place + 1..].iter().all(|after| after.output_size(Some((7, 9))) == Some((7, 9)))
    {
        list[place] = RandomResizedCrop { size: size.into(), ..*crop }.into();
        return (list, true);
    }
    // Numbers are made of pixels at the end.
    let place = list.iter().position(Transform::makes_numbers).unwrap_or(list.len());
    let is_kept = list[..place].iter().all(Transform::is_deterministic);
    list.insert(place, Transform::resize(size));
    (list, !is_kept)
}

impl Run {
    /// The size of the training images in the epoch after so many epochs.
    pub(super) fn size_after(&self, epochs: u64) -> [usize; 2] {
        let resized = self.recipe().train.resize.iter().find(|entry| epochs < entry.until);
        resized.map_or_else(|| self.full_size(), |entry| entry.size)
    }

    /// The size of the images that are not resized.
    pub(super) fn full_size(&self) -> [usize; 2] {
        let size = self.network().input().size().expect("images are maps");
        [size.height, size.width]
    }

    /// Batches of training images of a size.
    fn train_loader_at(&self, size: [usize; 2]) -> Result<Loader, TrainError> {
        if size == self.full_size() {
            return self.train_loader();
        }
        let (list, begins_alike) = at_size(&self.pipeline.train, size);
        let source = match begins_alike {
            true => self.parts.train.clone(),
            false => self.behind(self.parts.train.dataset(), &list)?,
        };
        self.loader_of(source, &list)
    }
}

/// The network over training images of another size.
///
/// # Errors
/// A layer cannot take what then comes in.
pub(super) fn network_at(network: &Network, [height, width]: [usize; 2]) -> Result<Network, RecipeError> {
    let input = Shape::map(network.input().channels(), height, width);
    network.with_input(input).map_err(|source| RecipeError::OutOfRange {
        key: "train.resize".into(),
        problem: format!(
            "cannot be {height}×{width}: {source}; a network for several sizes pools to one before its first linear layer \
             (AdaptiveAvgPool2d)"
        ),
    })
}

impl Session<'_> {
    /// Brings the training images and the network to the size of the epoch that comes.
    pub(super) fn resize(&mut self, batches: &mut Loader) -> Result<(), TrainError> {
        let epoch = self.trainer.position().epoch;
        let size = self.run.size_after(epoch);
        if size == self.size {
            return Ok(());
        }
        *batches = self.run.train_loader_at(size)?;
        let network = network_at(self.run.network(), size)?;
        let trainer = &mut self.trainer;
        self.run.pool.install(|| trainer.take_input(&network))?;
        self.size = size;
        self.observer.event(&Event::Resized(&Resized { epoch: epoch + 1, size }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_resized_after_all_else_is_done_to_their_pixels() {
        let numbers = Transform::normalize_with(&[0.5], &[0.25]);
        let crop = Transform::random_crop(32, 4);
        let (list, alike) = at_size(&[crop.clone(), numbers.clone()], [16, 20]);
        assert_eq!(list, [crop.clone(), Transform::resize((16, 20)), numbers.clone()]);
        assert!(alike, "what is kept of images comes before the crop");
        let (list, alike) = at_size(&[Transform::center_crop(32), numbers.clone()], [16, 16]);
        assert_eq!(list.len(), 3);
        assert!(!alike, "images would be kept at the smaller size");
        let (list, alike) = at_size(&[Transform::random_resized_crop(32), numbers.clone()], [16, 16]);
        assert_eq!(list, [Transform::random_resized_crop((16, 16)), numbers]);
        assert!(alike);
        assert_eq!(at_size(&[], [5, 5]).0, [Transform::resize((5, 5))]);
    }

    #[test]
    fn epochs_grow_and_leave_some_for_the_full_size() {
        let entry = |until, side| Resize { size: [side, side], until };
        assert_eq!(check(&[entry(2, 16), entry(5, 24)], 6), Ok(()));
        let said = |entries: &[Resize]| check(entries, 6).unwrap_err();
        assert!(said(&[entry(2, 16), entry(2, 24)]).contains("must grow"));
        assert!(said(&[entry(0, 16)]).contains("must grow"));
        assert!(said(&[entry(6, 16)]).contains("the run has 6"));
        assert!(said(&[entry(1, 0)]).contains("sides must be 1"));
    }
}
