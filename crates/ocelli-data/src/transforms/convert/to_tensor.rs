//! `ToTensor` and the other names that torchvision has for making tensors of images and numbers of bytes. Here images are
//! arrays already, and every pipeline ends in numbers of 0..1, written or not.

use serde::{Deserialize, Serialize};

use super::super::Drawing;
use super::super::transform::Spec;
use crate::DataError;

/// Nothing: images are arrays here. Accepted where torchvision needs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToImage {}

/// Nothing: images are arrays here. Accepted where torchvision needs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PILToTensor {}

/// Divides bytes by 255.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToTensor {}

/// Divides bytes by 255.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvertImageDtype {
    /// What numbers become. Default: float32, the only one.
    #[serde(default)]
    pub dtype: Dtype,
}

/// Divides bytes by 255.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToDtype {
    /// What numbers become. Default: float32, the only one.
    #[serde(default)]
    pub dtype: Dtype,
    /// Must be true: numbers are of 0..1 here. Default: false, as in torchvision.
    #[serde(default)]
    pub scale: bool,
}

/// They draw nothing: that bytes become numbers is the end of every list.
macro_rules! draws_nothing {
    ($name:ident $($check:item)?) => {
        impl Spec for $name {
            $($check)?

            fn is_deterministic(&self) -> bool {
                true
            }

            fn draw(&self, _: &mut Drawing<'_>) -> Result<(), DataError> {
                Ok(())
            }
        }
    };
}

draws_nothing!(ToImage);
draws_nothing!(PILToTensor);
draws_nothing!(ToTensor);
draws_nothing!(ConvertImageDtype);
draws_nothing!(ToDtype fn check(&self) -> Result<(), String> {
    if self.scale {
        return Ok(());
    }
    Err("scale is false, which would leave numbers of 0..255: set scale = true".to_owned())
});

/// What numbers become.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32-bit floats. Also accepted: `float`, `torch.float32`.
    #[default]
    #[serde(alias = "float", alias = "torch.float32", alias = "torch.float")]
    Float32,
}
