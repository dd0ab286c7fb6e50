//! Page tokens, as MLflow makes them: `{"offset": 1000}` in Base64.

use crate::error::TrackError;
use crate::validate;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The token of the page that begins with this result.
pub(crate) fn write(offset: u64) -> String {
    STANDARD.encode(json!({ "offset": offset }).to_string())
}

/// The first result of a page; without a token it is that of all.
pub(crate) fn read(token: Option<&str>) -> Result<u64, TrackError> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(0) };
    let value: Option<Value> =
        STANDARD.decode(token).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let offset = value.as_ref().and_then(|value| value.get("offset")).and_then(|offset| match offset {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    offset.ok_or_else(|| {
        validate::invalid(format!("{token:?} is no page token: take the one that came with a page"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mlflows_tokens_are_read() {
        // base64.b64encode(json.dumps({"offset": 5}).encode())
        assert_eq!(read(Some("eyJvZmZzZXQiOiA1fQ==")).unwrap(), 5);
        assert_eq!(read(None).unwrap(), 0);
        assert_eq!(read(Some("")).unwrap(), 0);
        for wrong in ["5", "AAAA", "e30=", "eyJvZmZzZXQiOiAtNX0="] {
            assert!(read(Some(wrong)).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn tokens_read_back(offset in any::<u64>()) {
            prop_assert_eq!(read(Some(&write(offset))).unwrap(), offset);
        }

        #[test]
        fn no_token_panics(token in "\\PC*") {
            let _ = read(Some(&token));
        }
    }
}
