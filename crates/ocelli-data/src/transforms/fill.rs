//! What fills pixels that no image covers.

use serde::{Deserialize, Serialize};

/// The colour of pixels that are not the image's: one number for all channels, or `[red, green, blue]`; 0 to 255.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fill {
    /// The same in every channel.
    One(f32),
    /// Red, green and blue.
    Each([f32; 3]),
}

impl Default for Fill {
    fn default() -> Self {
        Self::One(0.0)
    }
}

impl From<u8> for Fill {
    fn from(all: u8) -> Self {
        Self::One(f32::from(all))
    }
}

impl Fill {
    /// The number of each channel; grey images take the first.
    pub(crate) fn values(self) -> [f32; 3] {
        match self {
            Self::One(all) => [all; 3],
            Self::Each(each) => each,
        }
    }

    /// The byte of each channel, cut off after the point as PyTorch does it.
    pub(crate) fn bytes(self) -> [u8; 3] {
        self.values().map(|value| value as u8)
    }

    /// # Errors
    /// If a number is not in 0..=255.
    pub(crate) fn check(self, name: &str) -> Result<(), String> {
        match self.values().iter().find(|value| !(0.0..=255.0).contains(*value)) {
            Some(wrong) => Err(format!("{name} = {wrong} is no level of a pixel: 0 to 255 is needed")),
            None => Ok(()),
        }
    }
}
