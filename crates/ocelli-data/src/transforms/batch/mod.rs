//! Transforms of whole batches: MixUp and CutMix, which mix images and labels.

mod cut_mix;
mod mix_up;

pub use cut_mix::CutMix;
pub use mix_up::MixUp;

use ocelli_kernels::random::{Stream, hash};
use serde::{Deserialize, Serialize};

use super::span::{check_probability, half};
use crate::DataError;

/// What happens to a training batch, written as in torchvision: `{ type = "MixUp", alpha = 0.2 }`.
///
/// Each image is mixed with the one before it in the batch, the first with the last.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum BatchTransform {
    /// Images added up.
    MixUp(MixUp),
    /// A rectangle of one image put into another.
    CutMix(CutMix),
    /// One of a list.
    RandomChoice(RandomBatchChoice),
    /// Another, with a probability.
    RandomApply(RandomBatchApply),
}

/// Does one of a list to each batch, all alike likely.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomBatchChoice {
    /// The list.
    pub transforms: Vec<BatchTransform>,
}

/// Does a transform to some of the batches.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomBatchApply {
    /// The one transform: what was mixed is not mixed again.
    pub transforms: [Box<BatchTransform>; 1],
    /// The probability. Default: 0.5.
    #[serde(default = "half")]
    pub p: f32,
}

/// How a batch was mixed: each image is `share` of itself and the rest of its partner, and so is its label.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Mixing {
    /// The label of each image's partner.
    pub partners: Vec<u32>,
    /// How much of each image is its own: 0 to 1.
    pub share: f32,
}

impl Mixing {
    /// Mixes what the images have of each class as the images were.
    pub(crate) fn mix_targets(&self, targets: &mut [f32]) {
        with_partners(targets, self.partners.len(), |own, partner| {
            own.iter_mut()
                .zip(partner)
                .for_each(|(own, partner)| *own = self.share * *own + (1.0 - self.share) * partner);
        });
    }
}

impl BatchTransform {
    /// # Errors
    /// If a setting cannot be.
    pub fn check(&self) -> Result<(), DataError> {
        let alpha = match self {
            Self::MixUp(mix) => mix.alpha,
            Self::CutMix(mix) => mix.alpha,
            Self::RandomChoice(choice) if choice.transforms.is_empty() => {
                return Err(DataError::invalid(
                    "RandomChoice",
                    "transforms is empty: at least one is needed",
                ));
            }
            Self::RandomChoice(choice) => return choice.transforms.iter().try_for_each(Self::check),
            Self::RandomApply(apply) => {
                check_probability(apply.p).map_err(|reason| DataError::invalid("RandomApply", reason))?;
                return apply.transforms[0].check();
            }
        };
        if alpha > 0.0 && alpha.is_finite() {
            return Ok(());
        }
        let name = if matches!(self, Self::MixUp(_)) { "MixUp" } else { "CutMix" };
        Err(DataError::invalid(name, format!("alpha = {alpha}: a number above 0 is needed")))
    }

    /// Mixes `images`, height × width × channels numbers each, one for each label.
    ///
    /// What is drawn depends on (`seed`, `epoch`, `batch`) alone. `None`: they stay as they are.
    pub fn apply(
        &self,
        images: &mut [f32],
        labels: &[u32],
        shape: (usize, usize, usize),
        (seed, epoch, batch): (u64, u64, u64),
    ) -> Option<Mixing> {
        let mut stream = Stream::new(seed, hash("ocelli.batch"), epoch, batch);
        let share = self.mix(images, labels.len(), shape, &mut stream)?;
        let mut partners = labels.to_vec();
        partners.rotate_right(1);
        Some(Mixing { partners, share })
    }

    /// Mixes and tells how much of each image is its own.
    fn mix(
        &self,
        images: &mut [f32],
        count: usize,
        shape: (usize, usize, usize),
        stream: &mut Stream,
    ) -> Option<f32> {
        if count == 0 {
            return None;
        }
        match self {
            Self::MixUp(mix) => Some(mix.apply(images, count, stream)),
            Self::CutMix(mix) => Some(mix.apply(images, count, shape, stream)),
            Self::RandomChoice(choice) => {
                let chosen = stream.below(u32::try_from(choice.transforms.len()).unwrap_or(u32::MAX));
                choice.transforms[chosen as usize].mix(images, count, shape, stream)
            }
            Self::RandomApply(apply) => {
                let done = stream.uniform() < apply.p;
                if done { apply.transforms[0].mix(images, count, shape, stream) } else { None }
            }
        }
    }
}

/// Gives `mix` every image together with the one before it in the batch as it was, the first with the last.
fn with_partners(images: &mut [f32], count: usize, mut mix: impl FnMut(&mut [f32], &[f32])) {
    let len = images.len() / count;
    if len == 0 {
        return;
    }
    let last = images[images.len() - len..].to_vec();
    for own in (1..count).rev() {
        let (before, rest) = images.split_at_mut(own * len);
        mix(&mut rest[..len], &before[(own - 1) * len..]);
    }
    mix(&mut images[..len], &last);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> (Vec<f32>, Vec<u32>) {
        let images = (0..3 * 4 * 5 * 2).map(|i| (i / 40) as f32 * 100.0 + (i % 40) as f32).collect();
        (images, vec![7, 8, 9])
    }

    fn read(text: &str) -> BatchTransform {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn mix_up_adds_images_as_it_says() {
        let (before, labels) = batch();
        let mut images = before.clone();
        let transform = read(r#"{ "type": "MixUp", "alpha": 0.7 }"#);
        let mixing = transform.apply(&mut images, &labels, (4, 5, 2), (1, 2, 3)).unwrap();
        assert_eq!(mixing.partners, [9, 7, 8]);
        assert!((0.0..=1.0).contains(&mixing.share));
        for (at, value) in images.iter().enumerate() {
            let partner = before[(at + 80) % 120];
            assert_eq!(*value, partner * (1.0 - mixing.share) + before[at] * mixing.share);
        }
        let mut again = before;
        assert_eq!(transform.apply(&mut again, &labels, (4, 5, 2), (1, 2, 3)), Some(mixing));
        assert_eq!(again, images);
    }

    #[test]
    fn targets_are_mixed_as_images_are() {
        let mixing = Mixing { partners: vec![0; 3], share: 0.75 };
        let mut targets = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        mixing.mix_targets(&mut targets);
        assert_eq!(targets, [1.0, 0.25, 0.25, 0.75, 0.75, 1.0]);
        mixing.mix_targets(&mut []);
    }

    #[test]
    fn cut_mix_puts_in_as_much_as_it_says() {
        let transform = read(r#"{ "type": "CutMix" }"#);
        let mut whole = 0;
        for number in 0..200 {
            let (before, labels) = batch();
            let mut images = before.clone();
            let mixing = transform.apply(&mut images, &labels, (4, 5, 2), (1, 2, number)).unwrap();
            let own = images.iter().zip(&before).filter(|(a, b)| a == b).count();
            assert!((own as f32 / 120.0 - mixing.share).abs() < 1e-6);
            for (at, value) in images.iter().enumerate() {
                assert!(*value == before[at] || *value == before[(at + 80) % 120]);
            }
            whole += usize::from(own == 120);
        }
        assert!(whole < 150, "{whole} of 200 batches stay whole");
    }

    #[test]
    fn shares_have_torchvisions_distribution() {
        // Of Beta(0.2, 0.2): quarters of the draws lie below 0.0237, 0.5 and 0.9763 (torch.distributions, 10⁷ draws).
        let transform = read(r#"{ "type": "MixUp", "alpha": 0.2 }"#);
        let share =
            |number| transform.apply(&mut [0.0; 2], &[0, 1], (1, 1, 1), (0, 0, number)).unwrap().share;
        let shares: Vec<f32> = (0..4000).map(share).collect();
        for (limit, expected) in [(0.0237, 0.25), (0.5, 0.5), (0.9763, 0.75)] {
            let below = shares.iter().filter(|share| **share < limit).count() as f64 / 4000.0;
            // Five standard errors of 4000 draws.
            assert!((below - expected).abs() < 0.04, "{below} lie below {limit}");
        }
    }

    #[test]
    fn lists_choose_and_leave_out() {
        let transform = read(
            r#"{ "type": "RandomApply", "p": 0.3, "transforms": [{ "type": "RandomChoice",
                "transforms": [{ "type": "MixUp" }, { "type": "CutMix" }] }] }"#,
        );
        transform.check().unwrap();
        let mixed = |number| transform.apply(&mut [0.0; 2], &[0, 1], (1, 1, 1), (0, 0, number)).is_some();
        let count = (0..1000).filter(|number| mixed(*number)).count();
        assert!(count.abs_diff(300) < 75, "{count} of 1000 batches are mixed");
        assert_eq!(transform.apply(&mut [], &[], (1, 1, 1), (0, 0, 0)), None);
        assert!(read(r#"{ "type": "MixUp", "alpha": 0.0 }"#).check().is_err());
        assert!(read(r#"{ "type": "RandomChoice", "transforms": [] }"#).check().is_err());
        assert!(serde_json::from_str::<BatchTransform>(r#"{ "type": "MixUp", "beta": 1 }"#).is_err());
    }
}
