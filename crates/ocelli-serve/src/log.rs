//! What happened, a line of JSON each, on standard error. Nothing of images or keys is in it.

use std::io::Write as _;

use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::ServeError;

/// Writes what happened with the time.
pub(crate) fn line(level: &str, event: &str, mut what: Value) {
    what["time"] = json!(Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true));
    what["level"] = json!(level);
    what["event"] = json!(event);
    // Nobody may be there to read it; requests are answered all the same.
    let _ = writeln!(std::io::stderr().lock(), "{what}");
}

/// A model's file has changed, and is served now, or is not for a reason.
pub(crate) fn reload(model: &str, version: u64, trouble: Option<&str>) {
    match trouble {
        None => line("info", "reloaded", json!({ "model": model, "version": version })),
        Some(why) => {
            let effect = "the model that was loaded before is still served";
            line(
                "error",
                "reload failed",
                json!({ "model": model, "version": version, "reason": why, "effect": effect }),
            );
        }
    }
}

/// Files other than models have changed, and are used now, or are not for a reason.
pub(crate) fn reread(what: &str, trouble: Option<&ServeError>) {
    match trouble {
        None => line("info", "reread", json!({ "what": what })),
        Some(why) => line(
            "error",
            "reread failed",
            json!({ "what": what, "reason": why.to_string(), "effect": "what was read before is still used" }),
        ),
    }
}
