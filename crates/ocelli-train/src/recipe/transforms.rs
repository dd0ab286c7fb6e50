//! `[transforms]`: what happens to an image before the network sees it.

use super::RecipeError;
use ocelli_data::{BatchTransform, Pipeline, Transform};
use serde::{Deserialize, Serialize};

/// `[transforms]`: what happens to an image before the network sees it.
///
/// Without lists, they are made for the data and the size: training images are shifted and mirrored at random (unless
/// `augment` is false), all images are brought to the size and normalised by the training images' mean and std. A list that
/// is given must make images of the size; one that is not is made to go with it, its mean and std included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransformsSection {
    /// Height and width of the network's input. Left out: what a given list makes of the images; without lists, the images'
    /// own if they all have one of at most 64×64 (grown to the size that the network was made for, if that is larger but
    /// within the same bounds), else 64×64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
    /// 1 (grey) or 3 (RGB). Left out: as the images are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
    /// Whether training images are shifted and mirrored at random where `train` is left out (default true).
    /// Wrong for letters and digits, whose mirror images mean something else.
    pub augment: bool,
    /// What training images go through, such as `[{ type = "RandomCrop", size = 32, padding = 4 }]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<Vec<Transform>>,
    /// What happens to whole batches of training images, such as `{ type = "MixUp", alpha = 0.2 }`: images and labels are
    /// mixed (default: nothing).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchTransform>,
    /// What all other images go through, in validation, test, prediction and every export.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eval: Option<Vec<Transform>>,
}

impl Default for TransformsSection {
    fn default() -> Self {
        TransformsSection { size: None, channels: None, augment: true, train: None, batch: None, eval: None }
    }
}

impl TransformsSection {
    pub(super) fn check(&self) -> Result<(), RecipeError> {
        let wrong = |key: &str, problem: String| Err(RecipeError::OutOfRange { key: key.into(), problem });
        if let Some([height, width]) =
            self.size.filter(|size| !size.iter().all(|side| (1..=8192).contains(side)))
        {
            return wrong("transforms.size", format!("is {height}×{width}, but sides must be 1 to 8,192"));
        }
        if let Some(channels) = self.channels.filter(|channels| !matches!(channels, 1 | 3)) {
            return wrong("transforms.channels", format!("is {channels}, but must be 1 (grey) or 3 (RGB)"));
        }
        let random =
            |list: &Vec<Transform>| list.iter().find(|transform| !transform.is_deterministic()).cloned();
        if let (false, Some(random)) = (self.augment, self.train.as_ref().and_then(random)) {
            let problem = format!(
                "is false, but transforms.train has {}, which is random: leave one of the two out",
                random.name()
            );
            return wrong("transforms.augment", problem);
        }
        let lists = Pipeline {
            train: self.train.clone().unwrap_or_default(),
            eval: self.eval.clone().unwrap_or_default(),
        };
        lists.check().or_else(|error| wrong("transforms", format!("cannot be: {error}")))?;
        let batch = self.batch.as_ref().map_or(Ok(()), BatchTransform::check);
        batch.or_else(|error| wrong("transforms.batch", format!("cannot be: {error}")))
    }
}
