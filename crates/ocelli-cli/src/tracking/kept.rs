//! `tracking.json` in a run's folder: where the run is tracked.

use crate::failure::Failure;
use crate::text::warn;
use ocelli::track::{RunKey, TrackingUri};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const FILE: &str = "tracking.json";

/// Where a run is tracked. A password in an address is not kept.
pub(crate) struct Kept {
    pub(crate) uri: TrackingUri,
    pub(crate) experiment: String,
    pub(crate) run: RunKey,
    /// Whether all is tracked that there is to be.
    pub(crate) complete: bool,
}

#[derive(Serialize, Deserialize)]
struct Text {
    #[serde(flatten)]
    place: PlaceText,
    experiment: String,
    run: RunKey,
    complete: bool,
}

/// A path as it is; an address without user and password.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PlaceText {
    Database(PathBuf),
    Server(String),
}

impl Kept {
    /// What a run's folder has; `None` if the run is not tracked.
    ///
    /// # Errors
    /// The file cannot be read or has something else.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, Failure> {
        let path = folder.join(FILE);
        let broken = |reason: &dyn std::fmt::Display| {
            Failure::failed(format!("{}: does not say where the run is tracked: {reason}", path.display()))
                .hint("remove it, and the run will be tracked as another; or say --no-track")
        };
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|error| broken(&error))?,
        };
        let Text { place, experiment, run, complete } =
            serde_json::from_str(&text).map_err(|error| broken(&error))?;
        let uri = match place {
            PlaceText::Database(path) => TrackingUri::sqlite(path),
            PlaceText::Server(address) => address.parse().map_err(|error| broken(&error))?,
        };
        Ok(Some(Self { uri, experiment, run, complete }))
    }

    /// Writes it; that it cannot be written is warned of.
    pub(super) fn leave(&self, folder: &Path) {
        if let Err(error) = self.write(folder) {
            warn(&format!("{FILE}: {error}; resumed, it will be tracked as another run"));
        }
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        let place = match self.uri.path() {
            Some(path) => PlaceText::Database(path.to_path_buf()),
            None => PlaceText::Server(self.uri.to_string()),
        };
        let (experiment, run) = (self.experiment.clone(), self.run.clone());
        let text = Text { place, experiment, run, complete: self.complete };
        let (path, next) = (folder.join(FILE), folder.join(format!(".next.{FILE}")));
        fs::write(&next, serde_json::to_vec_pretty(&text)?)?;
        fs::rename(next, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_tells_where_its_run_is_tracked() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Kept::read(folder.path()).unwrap().is_none());
        let uri: TrackingUri = "sqlite:////tmp/mlflow.db".parse().unwrap();
        let run: RunKey = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let experiment = "a".to_owned();
        Kept { uri: uri.clone(), experiment, run: run.clone(), complete: true }.write(folder.path()).unwrap();
        let kept = Kept::read(folder.path()).unwrap().unwrap();
        assert!(kept.uri == uri && kept.run == run && kept.complete);
        fs::write(folder.path().join(FILE), "{}").unwrap();
        assert!(Kept::read(folder.path()).is_err());
    }
}
