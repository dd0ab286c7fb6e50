//! Where things lie on a machine.

use std::path::PathBuf;

/// The folder for what can be had again, if there is a place for it: `ocelli` in the user's folder of caches (`XDG_CACHE_HOME`, else
/// `~/.cache`; on Windows `LOCALAPPDATA`). It may not exist yet.
pub fn cache_folder() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = named(if cfg!(windows) { "LOCALAPPDATA" } else { "XDG_CACHE_HOME" });
    let caches = caches.or_else(|| named("HOME").map(|home| home.join(".cache")));
    caches.map(|caches| caches.join("ocelli"))
}
