//! Names of tags that MLflow gives a meaning
//! (<https://mlflow.org/docs/latest/ml/tracking/tracking-api/#system-tags>).

/// The name of the run; kept equal to [`crate::Run::name`].
pub const RUN_NAME: &str = "mlflow.runName";
/// The run that this one belongs to, as a trial to its study. Set from [`crate::StartRun::parent`].
pub const PARENT_RUN_ID: &str = "mlflow.parentRunId";
/// Who started the run. Set from [`crate::StartRun::user`].
pub const USER: &str = "mlflow.user";
/// What made the run: a script's name, or a command.
pub const SOURCE_NAME: &str = "mlflow.source.name";
/// The kind of the source: `LOCAL`, `PROJECT`, `NOTEBOOK` or `JOB`.
pub const SOURCE_TYPE: &str = "mlflow.source.type";
/// The commit of the source's repository.
pub const SOURCE_GIT_COMMIT: &str = "mlflow.source.git.commit";
/// The branch of the source's repository.
pub const SOURCE_GIT_BRANCH: &str = "mlflow.source.git.branch";
/// Notes about a run, in Markdown, which MLflow's page shows.
pub const NOTE: &str = "mlflow.note.content";
/// What a data set was used for: the tag of a dataset input, of which [`crate::DatasetInput::context`] is the value.
pub const DATASET_CONTEXT: &str = "mlflow.data.context";
/// Models that a run has logged, as a JSON list.
pub const LOGGED_MODELS: &str = "mlflow.log-model.history";
/// Our own: the [`crate::RunKey`] of a run that went through the queue to a server. By it a run is found again whose creation
/// had no answer, so that it is not created twice.
pub const RUN_KEY: &str = "ocelli.run_key";
