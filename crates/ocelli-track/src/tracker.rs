//! Opening a store, and everything that is asked of it at once.

use crate::entity::{
    ArtifactFile, Experiment, Lifecycle, Metric, ModelVersion, Page, RegisteredModel, Run, RunKey, ViewType,
};
use crate::error::TrackError;
use crate::event::Event;
use crate::filter::{Filter, OrderBy};
use crate::queue::{Begin, Queue};
use crate::run::ActiveRun;
use crate::server::Server;
use crate::sqlite::{Database, Writer};
use crate::uri::{Place, TrackingUri};
use crate::{artifacts, ids, outputs, tags, validate};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The most runs that a search gives at once, and how many it gives unless it is told.
const MOST_RESULTS: usize = 50_000;
const RESULTS: usize = 1_000;

/// How a store is opened.
#[derive(Clone, Debug, Default)]
pub struct TrackerOptions {
    /// Folder of the queue towards a server, shared by any number of processes and servers; made where it is not there.
    /// Needed to start runs on a server, unused with SQLite.
    pub queue: Option<PathBuf>,
    /// How a server is spoken to.
    pub server: ServerOptions,
}

/// How a server is spoken to. Nothing of it is ever written to a file.
#[derive(Clone)]
pub struct ServerOptions {
    /// Token for `Authorization: Bearer`; user and password come first, as with MLflow.
    pub token: Option<String>,
    /// User for basic authentication; the user in the address, if there is one, comes before all of these.
    pub username: Option<String>,
    /// Password for basic authentication.
    pub password: Option<String>,
    /// A PEM file of the authorities that alone are believed; none: the web's, as compiled in.
    pub certificates: Option<PathBuf>,
    /// Whether any certificate is believed, so that anybody in between can read and change what is sent. Default no; not together with
    /// [`certificates`](Self::certificates).
    pub insecure_tls: bool,
    /// The longest that a request may take; where it sends or fetches a file, which may take as long as it takes, the longest silence.
    /// Default 30 seconds.
    pub timeout: Duration,
    /// The longest that [`ActiveRun::end`] and the end of the process wait for the queue to be sent. Default 10 seconds.
    pub patience: Duration,
}

impl ServerOptions {
    /// The defaults, with what the environment says as MLflow reads it: `MLFLOW_TRACKING_TOKEN`, `MLFLOW_TRACKING_USERNAME`,
    /// `MLFLOW_TRACKING_PASSWORD`, `MLFLOW_TRACKING_SERVER_CERT_PATH`, `MLFLOW_TRACKING_INSECURE_TLS` (`true` or `1`), `MLFLOW_HTTP_REQUEST_TIMEOUT` (seconds). Empty ones
    /// count as unset.
    pub fn from_env() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let seconds =
            set("MLFLOW_HTTP_REQUEST_TIMEOUT").and_then(|seconds| seconds.parse().ok()).filter(|it| *it > 0);
        let default = Self::default();
        ServerOptions {
            token: set("MLFLOW_TRACKING_TOKEN"),
            username: set("MLFLOW_TRACKING_USERNAME"),
            password: set("MLFLOW_TRACKING_PASSWORD"),
            certificates: set("MLFLOW_TRACKING_SERVER_CERT_PATH").map(PathBuf::from),
            insecure_tls: set("MLFLOW_TRACKING_INSECURE_TLS")
                .is_some_and(|it| it == "1" || it.eq_ignore_ascii_case("true")),
            timeout: seconds.map_or(default.timeout, Duration::from_secs),
            patience: default.patience,
        }
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        ServerOptions {
            token: None,
            username: None,
            password: None,
            certificates: None,
            insecure_tls: false,
            timeout: Duration::from_secs(30),
            patience: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for ServerOptions {
    /// Without what is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerOptions")
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("certificates", &self.certificates)
            .field("insecure_tls", &self.insecure_tls)
            .field("timeout", &self.timeout)
            .field("patience", &self.patience)
            .finish()
    }
}

/// How a run is begun.
#[derive(Clone, Debug, Default)]
pub struct StartRun {
    /// Its name; none: one is made up.
    pub name: Option<String>,
    /// Its tags (see [`crate::tags`]).
    pub tags: BTreeMap<String, String>,
    /// The run it belongs to: [`ActiveRun::key`] of another, whether a server has it yet or not.
    pub parent: Option<RunKey>,
    /// Who starts it; none: what `USER`, `LOGNAME` or `USERNAME` says.
    pub user: Option<String>,
    /// When it began, in milliseconds since 1970; none: now.
    pub start_time: Option<i64>,
}

/// Which runs are wanted, and in which order.
#[derive(Clone, Debug)]
pub struct SearchRuns {
    /// Ids of the experiments to search; with none of them nothing is found.
    pub experiment_ids: Vec<String>,
    /// What must hold of them. Default: nothing.
    pub filter: Filter,
    /// The order; ties, and all without an order, are by start time, the latest first, then by id.
    pub order_by: Vec<OrderBy>,
    /// The most runs in a page: 1 to 50,000. Default 1,000.
    pub max_results: usize,
    /// [`Page::next`] of the page before this one.
    pub page_token: Option<String>,
    /// Whether deleted runs are wanted. Default: no.
    pub view: ViewType,
}

impl SearchRuns {
    /// All runs of these experiments that are not deleted.
    pub fn in_experiments<I: IntoIterator<Item: Into<String>>>(ids: I) -> Self {
        SearchRuns {
            experiment_ids: ids.into_iter().map(Into::into).collect(),
            filter: Filter::default(),
            order_by: Vec::new(),
            max_results: RESULTS,
            page_token: None,
            view: ViewType::default(),
        }
    }

    fn check(&self) -> Result<(), TrackError> {
        let most = self.max_results;
        if !(1..=MOST_RESULTS).contains(&most) {
            return Err(validate::invalid(format!(
                "a page has 1 to {MOST_RESULTS} runs, and {most} were asked for"
            )));
        }
        let fields: Vec<_> = self.order_by.iter().map(|order| &order.field).collect();
        match (1..fields.len()).find(|&place| fields[..place].contains(&fields[place])) {
            Some(place) => Err(validate::invalid(format!("runs are ordered by {} twice", fields[place]))),
            None => Ok(()),
        }
    }
}

/// What the queue towards a server still holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Runs that have something unsent, those of other living processes left out.
    pub runs: usize,
    /// Length of what is unsent in bytes, artifacts included.
    pub bytes: u64,
    /// Why it is unsent, where sending failed: the last failure.
    pub problem: Option<String>,
    /// Events that the server refused, and will never take: what and why, at most a hundred of them.
    pub refused: Vec<String>,
}

/// An open tracking store: an SQLite file, or a server with a queue towards it. May be used from any number of threads.
#[derive(Clone)]
pub struct Tracker {
    uri: TrackingUri,
    store: Store,
}

#[derive(Clone)]
pub(crate) enum Store {
    Database { database: Arc<Database>, writer: Arc<Writer> },
    Server { server: Arc<Server>, queue: Option<Arc<Queue>> },
}

impl StartRun {
    /// # Errors
    /// A name or tag is outside of MLflow's limits.
    fn check(&self) -> Result<(), TrackError> {
        if let Some(name) = &self.name {
            validate::tag(tags::RUN_NAME, name)?;
        }
        self.tags.iter().try_for_each(|(key, value)| validate::tag(key, value))
    }

    /// With a name and a user, where none were given.
    fn complete(mut self) -> Self {
        let named = self.name.take().or_else(|| self.tags.get(tags::RUN_NAME).cloned());
        self.name = Some(named.filter(|name| !name.trim().is_empty()).unwrap_or_else(ids::new_name));
        let user = || ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
        self.user = Some(self.user.take().or_else(user).unwrap_or_default());
        self
    }

    /// The first line of a journal.
    fn begin(self, experiment: &str) -> Begin {
        let (name, user) = (self.name.unwrap_or_default(), self.user.unwrap_or_default());
        let mut tags = self.tags;
        tags.insert(tags::RUN_NAME.to_owned(), name.clone());
        tags.insert(tags::USER.to_owned(), user.clone());
        let start_time = self.start_time.unwrap_or_else(ids::now);
        Begin::New { experiment: experiment.to_owned(), name, user, start_time, tags, parent: self.parent }
    }
}

impl Tracker {
    /// Opens a store. An SQLite file is created where there is none, with the experiment `Default` in it, as MLflow does. A server is not
    /// asked anything yet; what the queue holds for it begins to be sent.
    ///
    /// # Errors
    /// The file is no database of MLflow's, or is older than Alembic revision `7f2a7d5fae7d` (MLflow 2.4), or asks for columns that are unknown
    /// here; a file or folder cannot be read or written.
    pub fn open(uri: &TrackingUri, options: TrackerOptions) -> Result<Self, TrackError> {
        let store = match &uri.0 {
            Place::Sqlite(path) => {
                let database = Arc::new(Database::open(path)?);
                Store::Database { writer: Arc::new(Writer::new(Arc::clone(&database))), database }
            }
            Place::Server(address) => {
                let server = Arc::new(Server::new(address, &options.server)?);
                let open =
                    |folder| Queue::open(folder, Arc::clone(&server), options.server.patience).map(Arc::new);
                let queue = options.queue.as_deref().map(open).transpose()?;
                Store::Server { server, queue }
            }
        };
        Ok(Tracker { uri: uri.clone(), store })
    }

    /// What it was opened on.
    pub fn uri(&self) -> &TrackingUri {
        &self.uri
    }

    fn queue<'a>(&self, queue: &'a Option<Arc<Queue>>) -> Result<&'a Arc<Queue>, TrackError> {
        queue.as_ref().ok_or_else(|| {
            validate::invalid(
                "runs on a server need a folder for their queue: give TrackerOptions::queue".to_owned(),
            )
        })
    }

    /// Begins a run in the experiment of this name, which is made where there is none. With a server this returns at once, whether
    /// the server answers or not.
    ///
    /// # Errors
    /// A name or tag is outside of MLflow's limits; with SQLite, the experiment is deleted, or the file cannot be written to; with a server,
    /// no queue was given, or it cannot be written to.
    pub fn start_run(&self, experiment: &str, start: StartRun) -> Result<ActiveRun, TrackError> {
        validate::experiment(experiment)?;
        start.check()?;
        let start = start.complete();
        match &self.store {
            Store::Database { database, writer } => {
                let run = database.create_run(experiment, &start)?;
                Ok(ActiveRun::in_database(Arc::clone(database), Arc::clone(writer), run))
            }
            Store::Server { queue, .. } => {
                let queue = self.queue(queue)?;
                let name = start.name.clone().unwrap_or_default();
                let journal = queue.begin(start.begin(experiment))?;
                let key = RunKey::Key(journal.key.clone());
                Ok(ActiveRun::in_journal(Arc::clone(queue), journal, key, name))
            }
        }
    }

    /// Goes on with a run: its status becomes `RUNNING`, and what is logged is added to it.
    ///
    /// # Errors
    /// There is no such run, or it is deleted: with a server this only shows later, in [`Backlog::refused`]. A run in the queue is being logged
    /// already.
    pub fn resume_run(&self, key: &RunKey) -> Result<ActiveRun, TrackError> {
        match &self.store {
            Store::Database { database, writer } => {
                let run = database.resume_run(key)?;
                Ok(ActiveRun::in_database(Arc::clone(database), Arc::clone(writer), run))
            }
            Store::Server { queue, .. } => {
                let queue = self.queue(queue)?;
                let journal = queue.resume(key)?;
                Ok(ActiveRun::in_journal(Arc::clone(queue), journal, key.clone(), String::new()))
            }
        }
    }

    /// The run of this id.
    ///
    /// # Errors
    /// [`TrackError::NotFound`] if there is none.
    pub fn get_run(&self, id: &str) -> Result<Run, TrackError> {
        match &self.store {
            Store::Database { database, .. } => database.get_run(id),
            Store::Server { server, .. } => server.get_run(id),
        }
    }

    /// Runs, as MLflow's `search_runs` finds them.
    ///
    /// # Errors
    /// A page of no or too many runs, an order by the same twice, or a page token that is none.
    pub fn search_runs(&self, search: &SearchRuns) -> Result<Page<Run>, TrackError> {
        search.check()?;
        match &self.store {
            Store::Database { database, .. } => database.search_runs(search),
            Store::Server { server, .. } => server.search_runs(search),
        }
    }

    /// All values of a metric of a run, by timestamp, then step, then value. A metric that the run does not have has none.
    pub fn metric_history(&self, run_id: &str, key: &str) -> Result<Vec<Metric>, TrackError> {
        match &self.store {
            Store::Database { database, .. } => database.metric_history(run_id, key),
            Store::Server { server, .. } => server.metric_history(run_id, key),
        }
    }

    /// Marks a run as deleted. Its artifacts stay.
    pub fn delete_run(&self, id: &str) -> Result<(), TrackError> {
        match &self.store {
            Store::Database { database, .. } => database.mark_run(id, Lifecycle::Deleted),
            Store::Server { server, .. } => server.delete_run(id),
        }
    }

    /// Takes the deletion of a run back.
    pub fn restore_run(&self, id: &str) -> Result<(), TrackError> {
        match &self.store {
            Store::Database { database, .. } => database.mark_run(id, Lifecycle::Active),
            Store::Server { server, .. } => server.restore_run(id),
        }
    }

    /// Sets a tag of a run, running or not, and waits until it is set.
    pub fn set_tag(&self, run_id: &str, key: &str, value: &str) -> Result<(), TrackError> {
        validate::tag(key, value)?;
        match &self.store {
            Store::Database { database, .. } => {
                let event = Event::Tag { key: key.to_owned(), value: value.to_owned() };
                match database.log(&[(run_id.to_owned(), event)])?.pop() {
                    Some((_, refused)) => Err(refused),
                    None => Ok(()),
                }
            }
            Store::Server { server, .. } => server.set_tag(run_id, key, value),
        }
    }

    /// What lies in a folder of a run's artifacts (`""`: the topmost), by path. A folder that is not there is empty. The files of a model
    /// that was logged are in a folder of its name, also where MLflow 3 keeps them elsewhere.
    pub fn list_artifacts(&self, run_id: &str, folder: &str) -> Result<Vec<ArtifactFile>, TrackError> {
        match &self.store {
            Store::Database { database, .. } => {
                let own = artifacts::list(&database.get_run(run_id)?.artifact_uri, folder)?;
                outputs::list(own, &database.outputs(run_id)?, folder, |model, folder| {
                    artifacts::list(&model.artifact_uri, folder)
                })
            }
            Store::Server { server, .. } => {
                let own = server.list_artifacts(run_id, folder)?;
                outputs::list(own, &server.outputs(run_id)?, folder, |model, folder| {
                    server.list_model(&model.id, folder)
                })
            }
        }
    }

    /// Copies one file of a run's artifacts, as [`list_artifacts`](Self::list_artifacts) lists them, to `to`, which is replaced.
    pub fn download_artifact(&self, run_id: &str, path: &str, to: &Path) -> Result<(), TrackError> {
        let models = match &self.store {
            Store::Database { database, .. } => database.outputs(run_id)?,
            Store::Server { server, .. } => server.outputs(run_id)?,
        };
        let (uri, path) = match outputs::holder(&models, path) {
            Some((model, within)) => (model.artifact_uri.clone(), within),
            None => (self.get_run(run_id)?.artifact_uri, path),
        };
        match &self.store {
            Store::Database { .. } => artifacts::get(&uri, path, to),
            Store::Server { server, .. } => server.download(&uri, path, to),
        }
    }

    /// Copies a file to a path among the artifacts of a run, whether that is over or not, and changes nothing else of it. What was there is
    /// replaced. With a server it waits for the answer as [`ActiveRun::end`] does; what is unsent then stays in the queue, and is said.
    ///
    /// # Errors
    /// There is no such run: with a server this only shows later, in [`Backlog::refused`]; the run is being logged just now; the file cannot be copied,
    /// or `path` is no path among artifacts.
    pub fn add_artifact(&self, run: &RunKey, file: &Path, path: &str) -> Result<Backlog, TrackError> {
        validate::artifact_file(path)?;
        match &self.store {
            Store::Database { database, .. } => {
                artifacts::put_file(&database.find_run(run)?.artifact_uri, path, file)?;
                Ok(Backlog::default())
            }
            Store::Server { queue, .. } => self.queue(queue)?.attach(run, file, path),
        }
    }

    /// Makes an experiment, and gives its id.
    ///
    /// # Errors
    /// [`TrackError::Exists`] if there is one of this name, deleted or not.
    pub fn create_experiment(
        &self,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<String, TrackError> {
        validate::experiment(name)?;
        match &self.store {
            Store::Database { database, .. } => database.create_experiment(name, tags),
            Store::Server { server, .. } => server.create_experiment(name, tags),
        }
    }

    /// The experiment of this id.
    ///
    /// # Errors
    /// [`TrackError::NotFound`] if there is none.
    pub fn get_experiment(&self, id: &str) -> Result<Experiment, TrackError> {
        match &self.store {
            Store::Database { database, .. } => database.get_experiment(id),
            Store::Server { server, .. } => server.get_experiment(id),
        }
    }

    /// The experiment of this name, deleted or not.
    pub fn get_experiment_by_name(&self, name: &str) -> Result<Option<Experiment>, TrackError> {
        match &self.store {
            Store::Database { database, .. } => database.get_experiment_by_name(name),
            Store::Server { server, .. } => server.get_experiment_by_name(name),
        }
    }

    /// All experiments, the one that was changed last first.
    pub fn list_experiments(&self, view: ViewType) -> Result<Vec<Experiment>, TrackError> {
        match &self.store {
            Store::Database { database, .. } => database.list_experiments(view),
            Store::Server { server, .. } => server.list_experiments(view),
        }
    }

    /// Marks an experiment and its runs as deleted.
    pub fn delete_experiment(&self, id: &str) -> Result<(), TrackError> {
        match &self.store {
            Store::Database { database, .. } => database.mark_experiment(id, Lifecycle::Deleted),
            Store::Server { server, .. } => server.delete_experiment(id),
        }
    }

    /// Takes the deletion of an experiment and its runs back.
    pub fn restore_experiment(&self, id: &str) -> Result<(), TrackError> {
        match &self.store {
            Store::Database { database, .. } => database.mark_experiment(id, Lifecycle::Active),
            Store::Server { server, .. } => server.restore_experiment(id),
        }
    }

    /// Makes a registered model.
    ///
    /// # Errors
    /// [`TrackError::Exists`] if there is one of this name.
    pub fn create_registered_model(
        &self,
        name: &str,
        description: Option<&str>,
    ) -> Result<RegisteredModel, TrackError> {
        validate::model(name)?;
        match &self.store {
            Store::Database { database, .. } => database.create_registered_model(name, description),
            Store::Server { server, .. } => server.create_registered_model(name, description),
        }
    }

    /// The registered model of this name.
    pub fn get_registered_model(&self, name: &str) -> Result<RegisteredModel, TrackError> {
        validate::model(name)?;
        match &self.store {
            Store::Database { database, .. } => database.get_registered_model(name),
            Store::Server { server, .. } => server.get_registered_model(name),
        }
    }

    /// All registered models, by name.
    pub fn list_registered_models(&self) -> Result<Vec<RegisteredModel>, TrackError> {
        match &self.store {
            Store::Database { database, .. } => database.list_registered_models(),
            Store::Server { server, .. } => server.list_registered_models(),
        }
    }

    /// Registers what lies at `source`, such as [`Run::artifact_uri`] and `/model`, as the next version of a registered model.
    pub fn create_model_version(
        &self,
        name: &str,
        source: &str,
        run_id: Option<&str>,
    ) -> Result<ModelVersion, TrackError> {
        validate::model(name)?;
        match &self.store {
            Store::Database { database, .. } => database.create_model_version(name, source, run_id),
            Store::Server { server, .. } => {
                server.create_model_version(name, source, run_id, &BTreeMap::new())
            }
        }
    }

    /// A version of a registered model.
    pub fn get_model_version(&self, name: &str, version: u32) -> Result<ModelVersion, TrackError> {
        validate::model(name)?;
        match &self.store {
            Store::Database { database, .. } => database.get_model_version(name, version),
            Store::Server { server, .. } => server.get_model_version(name, version),
        }
    }

    /// All versions of a registered model, the newest first.
    pub fn list_model_versions(&self, name: &str) -> Result<Vec<ModelVersion>, TrackError> {
        validate::model(name)?;
        match &self.store {
            Store::Database { database, .. } => database.list_model_versions(name),
            Store::Server { server, .. } => server.list_model_versions(name),
        }
    }

    /// Points an alias (`champion`) of a registered model at a version, wherever it pointed before.
    pub fn set_alias(&self, name: &str, alias: &str, version: u32) -> Result<(), TrackError> {
        validate::model(name)?;
        validate::alias(alias)?;
        match &self.store {
            Store::Database { database, .. } => database.set_alias(name, alias, version),
            Store::Server { server, .. } => server.set_alias(name, alias, version),
        }
    }

    /// Removes an alias; that there is none is no error.
    pub fn delete_alias(&self, name: &str, alias: &str) -> Result<(), TrackError> {
        validate::model(name)?;
        match &self.store {
            Store::Database { database, .. } => database.delete_alias(name, alias),
            Store::Server { server, .. } => server.delete_alias(name, alias),
        }
    }

    /// The version that an alias points at.
    pub fn get_model_version_by_alias(&self, name: &str, alias: &str) -> Result<ModelVersion, TrackError> {
        validate::model(name)?;
        match &self.store {
            Store::Database { database, .. } => database.get_model_version_by_alias(name, alias),
            Store::Server { server, .. } => server.get_model_version_by_alias(name, alias),
        }
    }

    /// Waits at most `timeout` until all that the queue holds for this server is sent, and says what is left. With SQLite, which has no
    /// queue, nothing is.
    pub fn flush(&self, timeout: Duration) -> Backlog {
        match &self.store {
            Store::Server { queue: Some(queue), .. } => queue.flush(timeout),
            _ => Backlog::default(),
        }
    }
}
