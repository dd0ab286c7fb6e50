//! Artifacts through the server, which keeps them wherever it keeps them.

use super::http::Send;
use super::{Nothing, Server};
use crate::entity::ArtifactFile;
use crate::error::TrackError;
use crate::validate;
use serde::Deserialize;
use std::path::Path;
use url::Url;

const PROXY: [&str; 4] = ["api", "2.0", "mlflow-artifacts", "artifacts"];

#[derive(Deserialize)]
struct Listing {
    #[serde(default)]
    files: Vec<FileWire>,
}

#[derive(Deserialize)]
struct FileWire {
    path: String,
    #[serde(default)]
    is_dir: bool,
    #[serde(default, deserialize_with = "super::wire::integer")]
    file_size: Option<i64>,
}

impl Server {
    /// Sends a file to a path among the artifacts at `uri`.
    pub(crate) fn upload(&self, uri: &str, path: &str, file: &Path) -> Result<(), TrackError> {
        let parts = self.place(uri, path, "sent")?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.http.call::<Nothing>("PUT", &parts, &[], Send::File(file)).map(drop)
    }

    pub(crate) fn download(&self, uri: &str, path: &str, to: &Path) -> Result<(), TrackError> {
        let parts = self.place(uri, path, "fetched")?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.http.download(&parts, to)
    }

    pub(crate) fn list_artifacts(&self, run: &str, folder: &str) -> Result<Vec<ArtifactFile>, TrackError> {
        validate::artifact_path(folder)?;
        let found = self.listed(&["artifacts", "list"], &[("run_id", run), ("path", folder)]);
        self.named(found, "run", run)
    }

    /// The files that an answer lists, by path.
    pub(super) fn listed(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<ArtifactFile>, TrackError> {
        let found: Listing = self.get(path, query)?;
        let file = |file: FileWire| ArtifactFile {
            path: file.path,
            is_folder: file.is_dir,
            size: file.file_size.and_then(|size| u64::try_from(size).ok()).filter(|_| !file.is_dir),
        };
        let mut files: Vec<ArtifactFile> = found.files.into_iter().map(file).collect();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }

    /// The parts of the address of a path among the artifacts at `uri`.
    ///
    /// # Errors
    /// They are not with this server: nothing is sent anywhere else.
    fn place(&self, uri: &str, path: &str, doing: &'static str) -> Result<Vec<String>, TrackError> {
        validate::artifact_path(path)?;
        let elsewhere =
            |reason: &str| TrackError::Artifacts { uri: uri.to_owned(), doing, reason: reason.to_owned() };
        let url = Url::parse(uri).ok().filter(|url| url.scheme() == "mlflow-artifacts");
        let url = url.ok_or_else(|| {
            elsewhere("the server does not keep them itself: start it with --serve-artifacts, and runs in new experiments go through it")
        })?;
        if url.host_str().is_some_and(|host| !host.is_empty() && !self.is_host(host, url.port())) {
            return Err(elsewhere("another server keeps them than the one that runs are tracked to"));
        }
        let decoded = percent_encoding::percent_decode_str(url.path()).decode_utf8_lossy().into_owned();
        let within = decoded.trim_matches('/');
        if !validate::is_plain_path(within) {
            return Err(elsewhere("this is no path on a server"));
        }
        let mut parts: Vec<String> = PROXY.iter().map(ToString::to_string).collect();
        parts.extend(within.split('/').chain(path.split('/')).map(str::to_owned));
        Ok(parts)
    }

    fn is_host(&self, host: &str, port: Option<u16>) -> bool {
        let Ok(own) = Url::parse(self.name()) else { return false };
        own.host_str() == Some(host) && (port.is_none() || own.port_or_known_default() == port)
    }
}
