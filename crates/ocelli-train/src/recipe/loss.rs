//! Which loss a recipe trains with.

use crate::loss::{BinaryCrossEntropy, CrossEntropy, Focal, Loss, SigmoidFocal};
use serde::{Deserialize, Serialize};

/// A loss, by name and with its own settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LossChoice {
    /// [`CrossEntropy`], with `train.label_smoothing`.
    CrossEntropy,
    /// [`Focal`].
    Focal(FocalChoice),
    /// [`BinaryCrossEntropy`], of data whose images may have several labels.
    BinaryCrossEntropy,
    /// [`SigmoidFocal`], of such data too.
    SigmoidFocal(SigmoidFocalChoice),
}

/// The settings of the focal loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FocalChoice {
    /// γ, at least 0 (default 2).
    pub gamma: f64,
}

impl Default for FocalChoice {
    fn default() -> Self {
        FocalChoice { gamma: Focal::default().gamma }
    }
}

/// The settings of the focal loss of images that may have several labels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SigmoidFocalChoice {
    /// γ, at least 0 (default 2).
    pub gamma: f64,
    /// α, 0 to 1: what having a class counts, beside 1 − α for not having it; −1 for 1 both (default 0.25).
    pub alpha: f64,
}

impl Default for SigmoidFocalChoice {
    fn default() -> Self {
        let SigmoidFocal { gamma, alpha } = SigmoidFocal::default();
        SigmoidFocalChoice { gamma, alpha }
    }
}

impl LossChoice {
    /// The loss of a recipe that may leave it open, for data whose images may have several labels or have one each.
    ///
    /// # Errors
    /// The loss chosen is for the other kind of data.
    pub(crate) fn fitting(asked: Option<Self>, multi_label: bool) -> Result<Self, String> {
        match (asked, multi_label) {
            (None, false) => Ok(LossChoice::CrossEntropy),
            (None, true) => Ok(LossChoice::BinaryCrossEntropy),
            (Some(asked), multi_label) if asked.is_multi_label() == multi_label => Ok(asked),
            (Some(_), false) => Err("is for several labels an image, but the images of this data have one label each: take \
                                     cross-entropy or focal, or, if they show several things, call the manifest's column `labels`"
                .into()),
            (Some(_), true) => {
                Err("is for one label an image, but this data has several: take binary-cross-entropy or sigmoid-focal".into())
            }
        }
    }

    fn is_multi_label(self) -> bool {
        self.loss(0.0, None).is_multi_label()
    }

    /// The loss with what each class counts in it.
    pub(crate) fn loss(self, label_smoothing: f64, weight: Option<Vec<f32>>) -> Loss {
        match self {
            LossChoice::CrossEntropy => Loss::CrossEntropy(CrossEntropy { weight, label_smoothing }),
            LossChoice::Focal(FocalChoice { gamma }) => Loss::Focal(Focal { gamma, weight }),
            LossChoice::BinaryCrossEntropy => {
                Loss::BinaryCrossEntropy(BinaryCrossEntropy { pos_weight: weight })
            }
            LossChoice::SigmoidFocal(SigmoidFocalChoice { gamma, alpha }) => {
                Loss::SigmoidFocal(SigmoidFocal { gamma, alpha })
            }
        }
    }

    /// Says which setting is out of its range or does not go with another, if one is: `smoothed` says that labels are to be
    /// smoothed, `weighted` that classes have weights.
    pub(crate) fn check(&self, smoothed: bool, weighted: bool) -> Result<(), (&'static str, String)> {
        let gamma = match self {
            LossChoice::Focal(FocalChoice { gamma })
            | LossChoice::SigmoidFocal(SigmoidFocalChoice { gamma, .. }) => *gamma,
            LossChoice::CrossEntropy | LossChoice::BinaryCrossEntropy => 0.0,
        };
        if !(gamma >= 0.0 && gamma.is_finite()) {
            return Err(("loss.gamma", format!("is {gamma}, but must be 0 or more")));
        }
        match self {
            LossChoice::SigmoidFocal(SigmoidFocalChoice { alpha, .. })
                if !(*alpha == -1.0 || (0.0..=1.0).contains(alpha)) =>
            {
                Err(("loss.alpha", format!("is {alpha}, but must be 0 to 1, or -1 for none")))
            }
            LossChoice::SigmoidFocal(_) if weighted => {
                let reason = "is set, but sigmoid-focal weighs by its own alpha: leave it out, or take \
                              train.loss=binary-cross-entropy";
                Err(("class_weights", reason.to_owned()))
            }
            LossChoice::CrossEntropy => Ok(()),
            _ if smoothed => {
                let or = if self.is_multi_label() { "" } else { ", or take train.loss=cross-entropy" };
                Err(("label_smoothing", format!("is set, but only cross-entropy has it: leave it out{or}")))
            }
            _ => Ok(()),
        }
    }
}
