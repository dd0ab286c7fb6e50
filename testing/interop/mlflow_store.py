"""What the real MLflow finds in a tracking store, for `crates/ocelli-track/tests/mlflow.rs`.

    python mlflow_store.py URI < QUERIES

QUERIES is JSON: `{"experiments": [id], "searches": [{"filter": …, "order_by": […]}], "log": name or null}`. With `log`, MLflow first logs a
run of this name to the first experiment. Prints JSON: the names of the runs that each search finds, and all that MLflow says of each run.
"""

import json
import math
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.artifacts import list_artifacts
from mlflow.data.meta_dataset import MetaDataset
from mlflow.data.http_dataset_source import HTTPDatasetSource


def number(value):
    return "NaN" if math.isnan(value) else value


def described(client, run):
    # Logged models are found where `runs:/` has them.
    models = logged_models(client, run)
    artifacts = sorted({file.path for file in client.list_artifacts(run.info.run_id)} | {model.name for model in models})
    model = sorted(file.path for file in list_artifacts(artifact_uri=f"runs:/{run.info.run_id}/model")) if "model" in artifacts else []
    history = {key: [[m.step, m.timestamp, number(m.value)] for m in client.get_metric_history(run.info.run_id, key)] for key in run.data.metrics}
    return {
        "id": run.info.run_id,
        "status": run.info.status,
        "start_time": run.info.start_time,
        "lifecycle": run.info.lifecycle_stage,
        "params": run.data.params,
        "tags": run.data.tags,
        "metrics": {key: number(value) for key, value in run.data.metrics.items()},
        "history": history,
        "inputs": [[i.dataset.name, i.dataset.digest, [[t.key, t.value] for t in i.tags]] for i in run.inputs.dataset_inputs],
        "artifacts": artifacts,
        "model": model,
        "logged_models": [[model.name, str(model.status), model.source_run_id, model.params] for model in models],
    }


def logged_models(client, run):
    """None before MLflow 3."""
    outputs = getattr(run, "outputs", None)
    return [client.get_logged_model(output.model_id) for output in (outputs.model_outputs if outputs else [])]


def log(client, experiment, name):
    with mlflow.start_run(experiment_id=experiment, run_name=name):
        mlflow.log_params({"lr": "0.5", "by": "mlflow"})
        for step in range(3):
            mlflow.log_metric("val loss", 1.0 / (1 + step), step=step)
        mlflow.log_metric("other", float("inf"))
        mlflow.log_input(MetaDataset(HTTPDatasetSource("https://example.org/data"), name="theirs"), context="test")
        mlflow.set_tag("branch", "main theirs")


def main():
    queries = json.load(sys.stdin)
    mlflow.set_tracking_uri(sys.argv[1])
    client = MlflowClient()
    if queries["log"]:
        log(client, queries["experiments"][0], queries["log"])

    def search(query):
        return client.search_runs(queries["experiments"], query["filter"], order_by=query["order_by"])

    found = [[run.info.run_name for run in search(query)] for query in queries["searches"]]
    every = client.search_runs(queries["experiments"], run_view_type=mlflow.entities.ViewType.ALL)
    runs = {run.info.run_name: described(client, client.get_run(run.info.run_id)) for run in every}
    models = {}
    for model in client.search_registered_models():
        model = client.get_registered_model(model.name)
        models[model.name] = {alias: [int(version), client.get_model_version_by_alias(model.name, alias).run_id] for alias, version in model.aliases.items()}
    print(json.dumps({"version": mlflow.__version__, "found": found, "runs": runs, "models": models}))


if __name__ == "__main__":
    main()
