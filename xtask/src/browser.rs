//! The browser that pages are tested in.

use std::path::PathBuf;

/// Names of what is Chromium, in the order in which they are looked for.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// How to come by one.
pub(crate) const MISSING: &str = "pages are tested in Chromium, which is not there: install it (Debian: apt-get install chromium), or name \
                                  one with OCELLI_CHROMIUM";

/// Chromium: what `OCELLI_CHROMIUM` names, or what is found among the commands.
pub(crate) fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("OCELLI_CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
}
