//! A run that is being logged.

use crate::entity::{DatasetInput, LogModel, Metric, Run, RunKey, RunStatus};
use crate::error::TrackError;
use crate::event::{Event, ModelEvent};
use crate::queue::{Journal, Queue};
use crate::sqlite::{Database, Writer};
use crate::system::Sampler;
use crate::tracker::Backlog;
use crate::{artifacts, ids, mlmodel, validate};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A run that is being logged; may be used from several threads.
///
/// Dropped without [`end`](Self::end), by an error or a panic, it ends as [`RunStatus::Failed`].
pub struct ActiveRun {
    log: Arc<Log>,
    sampler: Mutex<Option<Sampler>>,
    ended: bool,
}

/// Where a run's events go.
pub(crate) struct Log {
    key: RunKey,
    name: String,
    sink: Sink,
    /// What is known of the run's parameters.
    params: Mutex<BTreeMap<String, String>>,
}

enum Sink {
    Database { database: Arc<Database>, writer: Arc<Writer>, run: String, artifact_uri: String, began: i64 },
    Journal { queue: Arc<Queue>, journal: Arc<Journal> },
}

impl ActiveRun {
    pub(crate) fn in_database(database: Arc<Database>, writer: Arc<Writer>, run: Run) -> Self {
        let began = run.start_time.unwrap_or_default();
        let sink =
            Sink::Database { database, writer, run: run.id.clone(), artifact_uri: run.artifact_uri, began };
        Self::new(Log { key: RunKey::Id(run.id), name: run.name, sink, params: Mutex::new(run.params) })
    }

    pub(crate) fn in_journal(queue: Arc<Queue>, journal: Arc<Journal>, key: RunKey, name: String) -> Self {
        Self::new(Log { key, name, sink: Sink::Journal { queue, journal }, params: Mutex::default() })
    }

    fn new(log: Log) -> Self {
        ActiveRun { log: Arc::new(log), sampler: Mutex::new(None), ended: false }
    }

    /// What names the run at once and for good: give it to [`crate::StartRun::parent`] of its trials, or keep it for
    /// [`crate::Tracker::resume_run`].
    pub fn key(&self) -> &RunKey {
        &self.log.key
    }

    /// The run's id: at once with SQLite, with a server as soon as it has given one.
    pub fn id(&self) -> Option<String> {
        match &self.log.sink {
            Sink::Database { run, .. } => Some(run.clone()),
            Sink::Journal { journal, .. } => journal.sent().run_id,
        }
    }

    /// The run's id, waited for at most as long.
    pub fn wait_for_id(&self, timeout: Duration) -> Option<String> {
        match &self.log.sink {
            Sink::Database { run, .. } => Some(run.clone()),
            Sink::Journal { queue, journal } => queue.wait_for_id(journal, timeout),
        }
    }

    /// The run's name; empty for one that was resumed on a server, which alone knows it.
    pub fn name(&self) -> &str {
        &self.log.name
    }

    /// Logs a parameter. The same value again changes nothing.
    ///
    /// # Errors
    /// [`TrackError::ParamChanged`] if it is known to have another value; [`TrackError::Invalid`] for a name that MLflow does not allow (at
    /// most 250 characters) or a value of more than 6,000.
    pub fn log_param(&self, key: &str, value: impl Display) -> Result<(), TrackError> {
        self.log_params([(key, value)])
    }

    /// Logs parameters: all of them, or on an error none.
    ///
    /// # Errors
    /// As [`log_param`](Self::log_param).
    pub fn log_params<K: AsRef<str>, V: Display>(
        &self,
        params: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), TrackError> {
        let mut known = self.log.params.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = BTreeMap::new();
        for (key, value) in params {
            let (key, value) = (key.as_ref().to_owned(), value.to_string());
            validate::param(&key, &value)?;
            match known.get(&key).or_else(|| new.get(&key)) {
                None => drop(new.insert(key, value)),
                Some(old) if *old == value => {}
                Some(old) => {
                    let (run, old) = (self.log.key.to_string(), old.clone());
                    return Err(TrackError::ParamChanged { run, key, old, new: value });
                }
            }
        }
        let events = new.iter().map(|(key, value)| Event::Param { key: key.clone(), value: value.clone() });
        self.log.append(events.collect())?;
        known.extend(new);
        Ok(())
    }

    /// Logs a value of a metric, measured now.
    ///
    /// # Errors
    /// [`TrackError::Invalid`] for a name that MLflow does not allow.
    pub fn log_metric(&self, key: &str, value: f64, step: i64) -> Result<(), TrackError> {
        self.log_metrics(&[Metric { key: key.to_owned(), value, step, timestamp: ids::now() }])
    }

    /// Logs values of metrics with steps and times of their own.
    ///
    /// # Errors
    /// As [`log_metric`](Self::log_metric), or a time before 1970.
    pub fn log_metrics(&self, metrics: &[Metric]) -> Result<(), TrackError> {
        self.log.metrics(metrics)
    }

    /// Sets a tag, whatever it was.
    ///
    /// # Errors
    /// [`TrackError::Invalid`] for a name that MLflow does not allow, or a value of more than 8,000 characters.
    pub fn set_tag(&self, key: &str, value: impl Display) -> Result<(), TrackError> {
        self.set_tags([(key, value)])
    }

    /// Sets tags: all of them, or on an error none.
    ///
    /// # Errors
    /// As [`set_tag`](Self::set_tag).
    pub fn set_tags<K: AsRef<str>, V: Display>(
        &self,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), TrackError> {
        let mut events = Vec::new();
        for (key, value) in tags {
            let (key, value) = (key.as_ref().to_owned(), value.to_string());
            validate::tag(&key, &value)?;
            events.push(Event::Tag { key, value });
        }
        self.log.append(events)
    }

    /// Copies a file into a folder of the run's artifacts (`""`: the topmost), where it keeps its name. The file may change or go as
    /// soon as this returns.
    ///
    /// # Errors
    /// The file cannot be copied, or its name or the folder's is no path among artifacts.
    pub fn log_artifact(&self, file: &Path, folder: &str) -> Result<(), TrackError> {
        let name = file.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
            validate::invalid(format!("{}: a file with a name in Unicode is needed", file.display()))
        })?;
        self.log.artifact(file, &join(folder, name))
    }

    /// Copies all that is in a folder into a folder of the run's artifacts.
    ///
    /// # Errors
    /// As [`log_artifact`](Self::log_artifact).
    pub fn log_artifacts(&self, from: &Path, folder: &str) -> Result<(), TrackError> {
        let files = mlmodel::files_under(from)?;
        files.iter().try_for_each(|(file, path)| self.log.artifact(file, &join(folder, path)))
    }

    /// Writes bytes as the file `path` (with `/`) of the run's artifacts.
    ///
    /// # Errors
    /// It cannot be written, or is no path among artifacts.
    pub fn log_bytes(&self, bytes: &[u8], path: &str) -> Result<(), TrackError> {
        validate::artifact_file(path)?;
        match &self.log.sink {
            Sink::Database { artifact_uri, .. } => artifacts::put_bytes(artifact_uri, path, bytes),
            Sink::Journal { journal, .. } => {
                let file = journal.keep(|to| fs::write(to, bytes))?;
                self.log.append(vec![Event::Artifact { file, path: path.to_owned() }])
            }
        }
    }

    /// Says that the run uses a data set.
    ///
    /// # Errors
    /// [`TrackError::Invalid`] for what MLflow does not allow.
    pub fn log_dataset(&self, input: &DatasetInput) -> Result<(), TrackError> {
        validate::dataset(input)?;
        self.log.append(vec![Event::Dataset(input.clone())])
    }

    /// Logs a model: a folder with `MLmodel`.
    ///
    /// With a server of MLflow 3, and an SQLite file that MLflow 3 has upgraded, it becomes a logged model. Otherwise its files become artifacts
    /// of the run, and the run's tag `mlflow.log-model.history` names it. Either way `runs:/ID/NAME` finds it.
    ///
    /// # Errors
    /// The folder has no `MLmodel`, or cannot be copied; a name is outside of MLflow's limits.
    pub fn log_model(&self, model: &LogModel) -> Result<(), TrackError> {
        let summary = mlmodel::summary(model)?;
        let mut event = ModelEvent {
            key: ids::new_id(),
            name: model.name.clone(),
            step: model.step,
            params: model.params.clone(),
            register_as: model.register_as.clone(),
            files: Vec::new(),
            summary,
        };
        let found = mlmodel::files_under(&model.folder)?;
        match &self.log.sink {
            Sink::Database { database, artifact_uri, run, .. } => {
                let logged = database.logged_model_uri(run, &event.key)?;
                for (file, path) in &found {
                    match &logged {
                        Some(uri) => artifacts::put_file(uri, path, file)?,
                        None => artifacts::put_file(artifact_uri, &join(&model.name, path), file)?,
                    }
                }
                database.log_model(run, &event, logged.as_deref())?;
                let source = logged.unwrap_or_else(|| format!("{artifact_uri}/{}", model.name));
                model.register_as.as_ref().map_or(Ok(()), |name| database.register(name, &source, run))
            }
            Sink::Journal { journal, .. } => {
                for (file, path) in found {
                    event.files.push((journal.keep(|to| fs::copy(&file, to).map(drop))?, path));
                }
                self.log.append(vec![Event::Model(event)])
            }
        }
    }

    /// Logs how busy processor and memory are, now and then every so often until the run ends: [`crate::system`] says under which names.
    /// MLflow's interval is 10 seconds.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn log_system_metrics(&self, every: Duration) -> Result<(), TrackError> {
        let sampler = Sampler::start(Arc::clone(&self.log), every)?;
        *self.sampler.lock().unwrap_or_else(PoisonError::into_inner) = Some(sampler);
        Ok(())
    }

    /// Waits until what was logged is in the database. What goes to a server is in its journal already.
    ///
    /// # Errors
    /// The database cannot be written to: what was logged stays, and is tried again. Or something was refused, and left out.
    pub fn flush(&self) -> Result<(), TrackError> {
        match &self.log.sink {
            Sink::Database { writer, run, .. } => writer.flush(run),
            Sink::Journal { .. } => Ok(()),
        }
    }

    /// Ends the run. With a server it waits for its answers at most [`crate::ServerOptions::patience`]; what is unsent then stays in the
    /// queue, and is said.
    ///
    /// # Errors
    /// As [`flush`](Self::flush); the run has ended nevertheless, if the database can be written to at all.
    pub fn end(mut self, status: RunStatus) -> Result<Backlog, TrackError> {
        self.finish(status)
    }

    fn finish(&mut self, status: RunStatus) -> Result<Backlog, TrackError> {
        self.ended = true;
        drop(self.sampler.lock().unwrap_or_else(PoisonError::into_inner).take());
        match &self.log.sink {
            Sink::Database { database, writer, run, .. } => {
                let flushed = writer.flush(run);
                database.end_run(run, status)?;
                flushed.map(|()| Backlog::default())
            }
            Sink::Journal { queue, journal } => {
                let done = journal.append(&[Event::End { status, time: ids::now() }]);
                journal.release();
                done?;
                Ok(queue.flush_one(journal))
            }
        }
    }
}

impl Drop for ActiveRun {
    fn drop(&mut self) {
        if !self.ended {
            // Whatever made it end like this is the failure to tell.
            let _ = self.finish(RunStatus::Failed);
        }
    }
}

impl Log {
    fn append(&self, events: Vec<Event>) -> Result<(), TrackError> {
        match &self.sink {
            Sink::Database { writer, run, .. } => {
                writer.log(events.into_iter().map(|event| (run.clone(), event)))
            }
            Sink::Journal { queue, journal } => {
                journal.append(&events)?;
                queue.logged();
            }
        }
        Ok(())
    }

    /// When the run began, in milliseconds since 1970, as soon as it is known.
    pub(crate) fn began(&self) -> Option<i64> {
        match &self.sink {
            Sink::Database { began, .. } => Some(*began),
            Sink::Journal { journal, .. } => journal.began(),
        }
    }

    pub(crate) fn metrics(&self, metrics: &[Metric]) -> Result<(), TrackError> {
        metrics.iter().try_for_each(validate::metric)?;
        self.append(metrics.iter().cloned().map(Event::Metric).collect())
    }

    fn artifact(&self, from: &Path, path: &str) -> Result<(), TrackError> {
        validate::artifact_file(path)?;
        match &self.sink {
            Sink::Database { artifact_uri, .. } => artifacts::put_file(artifact_uri, path, from),
            Sink::Journal { journal, .. } => {
                let file = journal.keep(|to| fs::copy(from, to).map(drop))?;
                self.append(vec![Event::Artifact { file, path: path.to_owned() }])
            }
        }
    }
}

fn join(folder: &str, name: &str) -> String {
    match folder.trim_matches('/') {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}
