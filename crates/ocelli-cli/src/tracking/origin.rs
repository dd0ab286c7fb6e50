//! What made a run: tags that MLflow shows with it.

use ocelli::track::tags;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};

/// Which command made the run, and with which Ocelli.
pub(super) const COMMAND: &str = "ocelli.command";
const VERSION: &str = "ocelli.version";

/// The tags of a run that `command` makes. In a Git repository they name its commit.
pub(super) fn origin(command: &str) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::from([
        (tags::SOURCE_NAME.to_owned(), "ocelli".to_owned()),
        (tags::SOURCE_TYPE.to_owned(), "LOCAL".to_owned()),
        (COMMAND.to_owned(), command.to_owned()),
        (VERSION.to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
    ]);
    tags.extend(git(&["rev-parse", "HEAD"]).map(|commit| (tags::SOURCE_GIT_COMMIT.to_owned(), commit)));
    tags
}

/// What Git says, if there is a Git, and it says something here.
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| output.status.success() && !text.is_empty())
}
