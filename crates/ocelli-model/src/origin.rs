//! Where a classifier comes from.

use serde::{Deserialize, Serialize};

/// Where a classifier comes from, as far as it was noted; nothing of it bears on its answers. It travels in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The version of Ocelli that trained it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The recipe that it was trained by, as TOML: every setting that decides what comes out, but not where the images lay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// What the images are known by that it was trained on: 32 hexadecimal digits, `ocelli_data::dataset::fingerprint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}
