//! Where runs are tracked.

use crate::error::TrackError;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use url::Url;

/// Endings by which a path is taken for an SQLite file.
const ENDINGS: [&str; 3] = [".db", ".sqlite", ".sqlite3"];

/// Where runs are tracked. Read from text: `sqlite:///relative.db`, `sqlite:////absolute.db`, the path of a `.db` file, or the
/// address of an MLflow server, `http://…` or `https://…`, with or without user and password.
///
/// The file store of older MLflows (`./mlruns`, `file:…`) is refused, as MLflow refuses it from 3.13 on.
///
/// ```
/// use ocelli_track::TrackingUri;
/// let uri: TrackingUri = "sqlite:///runs/mlflow.db".parse()?;
/// assert_eq!(uri.path().unwrap(), std::path::Path::new("runs/mlflow.db"));
/// assert!("file:///tmp/mlruns".parse::<TrackingUri>().is_err());
/// # Ok::<(), ocelli_track::TrackError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TrackingUri(pub(crate) Place);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    /// Without a `/` at its end.
    Server(Url),
}

impl TrackingUri {
    /// The SQLite file at `path`, whatever its name ends with.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        TrackingUri(Place::Sqlite(path.into()))
    }

    /// What the variable `MLFLOW_TRACKING_URI` says, if it is set and not empty.
    ///
    /// # Errors
    /// As when it is read from text.
    pub fn from_env() -> Result<Option<Self>, TrackError> {
        match std::env::var("MLFLOW_TRACKING_URI") {
            Ok(uri) if !uri.trim().is_empty() => uri.parse().map(Some),
            _ => Ok(None),
        }
    }

    /// The SQLite file; none for a server.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Place::Sqlite(path) => Some(path),
            Place::Server(_) => None,
        }
    }

    /// Whether it is a server.
    pub fn is_server(&self) -> bool {
        self.path().is_none()
    }
}

impl FromStr for TrackingUri {
    type Err = TrackError;

    fn from_str(text: &str) -> Result<Self, TrackError> {
        let text = text.trim();
        let wrong = |reason: &str| TrackError::Uri { uri: without_password(text), reason: reason.to_owned() };
        if let Some(path) = text.strip_prefix("sqlite:") {
            return sqlite(path).map(Self::sqlite).map_err(&wrong);
        }
        if ENDINGS.iter().any(|ending| text.ends_with(ending)) && !text.contains("://") {
            return Ok(Self::sqlite(text));
        }
        let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        // SQLAlchemy's have the driver behind a plus sign.
        match scheme.as_deref().and_then(|scheme| scheme.split('+').next()) {
            Some("http" | "https") => server(text).map_err(|reason| wrong(&reason)),
            Some("postgresql" | "postgres" | "mysql" | "mssql") => Err(wrong(
                "databases on servers are not spoken to directly: start `mlflow server --backend-store-uri …` and \
                 give its address",
            )),
            Some("databricks" | "databricks-uc") => {
                Err(wrong("Databricks needs its own client: give an http(s):// address"))
            }
            Some("file") => Err(wrong(NO_FILES)),
            _ if Path::new(text).is_dir() || text.ends_with("mlruns") || text.ends_with("mlruns/") => {
                Err(wrong(NO_FILES))
            }
            _ => Err(wrong(
                "give sqlite:///mlflow.db, the path of a file that ends with .db, or the address of an MLflow server \
                 (http://… or https://…)",
            )),
        }
    }
}

const NO_FILES: &str = "folders of files (mlruns) are refused by MLflow itself from 3.13 on: give sqlite:///mlflow.db, \
                        to which `mlflow migrate-filestore` brings what lies in such a folder";

/// The path in what follows `sqlite:`.
fn sqlite(rest: &str) -> Result<&str, &'static str> {
    let path = rest.strip_prefix("///").ok_or(
        "an SQLite file is named with three slashes, sqlite:///relative.db, or four, sqlite:////absolute.db",
    )?;
    match path {
        "" => Err("it names no file: give sqlite:///mlflow.db"),
        ":memory:" => Err("runs in memory would be gone with the process: give sqlite:///mlflow.db"),
        _ if path.contains('?') => Err("options after ? are SQLAlchemy's: leave them out"),
        _ => Ok(path),
    }
}

fn server(text: &str) -> Result<TrackingUri, String> {
    let mut url = Url::parse(text).map_err(|error| format!("{error}: give http://HOST:PORT"))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("an address of a server has neither ? nor #: leave them and what follows out".to_owned());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(TrackingUri(Place::Server(url)))
}

/// What was given as it may be shown, whether it is an address or not.
fn without_password(text: &str) -> String {
    match text.split_once("://").map(|(scheme, rest)| (scheme, rest.rsplit_once('@'))) {
        Some((scheme, Some((_, rest)))) if scheme != "sqlite" => format!("{scheme}://{rest}"),
        _ => text.to_owned(),
    }
}

/// An address without user and password.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // These fail for addresses without a host, which have no password either.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.as_str().trim_end_matches('/').to_owned()
}

impl fmt::Display for TrackingUri {
    /// As it is read, without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "sqlite:///{}", path.display()),
            Place::Server(url) => f.write_str(&shown(url)),
        }
    }
}

impl fmt::Debug for TrackingUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrackingUri({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_servers_are_told_apart() {
        for (text, path) in [
            ("sqlite:///mlflow.db", "mlflow.db"),
            ("sqlite:////data/runs", "/data/runs"),
            ("runs/mlflow.db", "runs/mlflow.db"),
            (" ./my.sqlite3 ", "./my.sqlite3"),
        ] {
            assert_eq!(text.parse::<TrackingUri>().unwrap(), TrackingUri::sqlite(path), "{text}");
        }
        let server: TrackingUri = "https://user:secret@mlflow.example.org/prefix/".parse().unwrap();
        assert!(server.is_server());
        assert_eq!(server.to_string(), "https://mlflow.example.org/prefix");
        assert!(!format!("{server:?}").contains("secret"));
        assert_eq!(
            "http://localhost:5000".parse::<TrackingUri>().unwrap().to_string(),
            "http://localhost:5000"
        );
    }

    #[test]
    fn what_is_neither_says_what_would_do() {
        for (text, hint) in [
            ("file:///tmp/mlruns", "sqlite:///mlflow.db"),
            ("./mlruns", "3.13"),
            ("sqlite://mlflow.db", "three slashes"),
            ("sqlite:///", "names no file"),
            ("sqlite:///:memory:", "gone with the process"),
            ("sqlite:///a.db?timeout=3", "leave them out"),
            ("postgresql://u:secret@host/db", "mlflow server"),
            ("mysql+pymysql://u:secret@host/db", "mlflow server"),
            ("postgresql+psycopg2://u:s@secret@host/db", "mlflow server"),
            ("http://me:secret@host:70000", "give http://HOST:PORT"),
            ("http://me:secret/@host:70000", "give http://HOST:PORT"),
            ("https://secret@host?x", "neither ? nor #"),
            ("databricks", "give sqlite"),
            ("http://", "give http://HOST:PORT"),
            ("http://host/#/experiments/1", "neither ? nor #"),
            ("", "give sqlite:///"),
        ] {
            let error = text.parse::<TrackingUri>().unwrap_err().to_string();
            assert!(error.contains(hint), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
