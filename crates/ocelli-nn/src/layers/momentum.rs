//! The momentum of running averages in files: a number, or "none", PyTorch's `None`.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

const NONE: &str = "none";

pub(super) fn serialize<S: Serializer>(momentum: &Option<f32>, to: S) -> Result<S::Ok, S::Error> {
    match momentum {
        Some(share) => to.serialize_f32(*share),
        None => to.serialize_str(NONE),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f32>, D::Error> {
    from.deserialize_any(Written)
}

struct Written;

impl Visitor<'_> for Written {
    type Value = Option<f32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number from 0 to 1, or {NONE:?}")
    }

    fn visit_f64<E: Error>(self, share: f64) -> Result<Self::Value, E> {
        Ok(Some(share as f32))
    }

    fn visit_f32<E: Error>(self, share: f32) -> Result<Self::Value, E> {
        Ok(Some(share))
    }

    fn visit_i64<E: Error>(self, share: i64) -> Result<Self::Value, E> {
        Ok(Some(share as f32))
    }

    fn visit_u64<E: Error>(self, share: u64) -> Result<Self::Value, E> {
        Ok(Some(share as f32))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Self::Value, E> {
        if word == NONE { Ok(None) } else { Err(E::invalid_value(serde::de::Unexpected::Str(word), &self)) }
    }
}
