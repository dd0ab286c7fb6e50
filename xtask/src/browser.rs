//! The browser that pages are tested in.

use std::path::PathBuf;

use crate::shell::Result;

/// Names of what is Chromium, in the order in which they are looked for.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Chromium: what `OCELLI_CHROMIUM` names, or what is found among the commands.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("OCELLI_CHROMIUM") {
        return Ok(named.into());
    }
    let folders: Vec<PathBuf> =
        std::env::var_os("PATH").map_or_else(Vec::new, |path| std::env::split_paths(&path).collect());
    let candidates = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let missing = "pages are tested in Chromium, which is not there: install it (Debian: apt-get install chromium), or name one with \
                   OCELLI_CHROMIUM";
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(|| missing.into())
}
