//! A file that a later command adds to a tracked run.

use super::kept::Kept;
use super::{place, tell_left};
use crate::failure::Failure;
use crate::text::warn;
use ocelli::track::TrackingUri;
use std::io::{self, Write};
use std::path::Path;

/// Adds a file to those of the run in `folder` by this name, if the run is tracked, and says so. That it cannot be added is warned of.
pub(crate) fn attach(folder: &Path, file: &Path, name: &str) {
    let added = Kept::read(folder).and_then(|kept| kept.map(|kept| add(kept, file, name)).transpose());
    match added {
        Ok(None) => {}
        // Whoever reads may have had enough.
        Ok(Some(uri)) => {
            drop(writeln!(io::stdout(), "tracked   {name}, among the files of its run at {uri}"))
        }
        Err(failure) => {
            warn(&format!("{name} is not among the files of the tracked run: {}", failure.said()))
        }
    }
}

/// Where it was added.
fn add(kept: Kept, file: &Path, name: &str) -> Result<TrackingUri, Failure> {
    let Kept { uri, run, .. } = kept;
    let named = place::uri(None).ok().filter(|named| named.to_string() == uri.to_string());
    let uri = match named {
        // With user and password, where those are known.
        Some(named) => named,
        // What the environment says for another server is not for this one.
        None if uri.is_server() => {
            let reason =
                format!("it is tracked at {uri}: set MLFLOW_TRACKING_URI to that, or say --no-track");
            return Err(Failure::usage(reason));
        }
        None => uri,
    };
    // Opening would make it.
    if let Some(path) = uri.path().filter(|path| !path.exists()) {
        return Err(Failure::failed(format!("{} is there no more", path.display())));
    }
    let left = place::open(&uri)?.add_artifact(&run, file, name)?;
    tell_left(&uri, left);
    Ok(uri)
}
