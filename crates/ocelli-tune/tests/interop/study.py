"""Optuna at one of our journals: `study.py JOURNAL LOCK ACTION …`. Prints all trials, as JSON, when it is done.

    create NAME        makes a study, with everything in it that journals know
    run NAME COUNT     runs so many trials, those of the queue first
    show NAME          only looks
"""

import json
import math
import sys
import warnings

import optuna
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalFileSymlinkLock


def objective(trial):
    x = trial.suggest_float("x", -5.0, 5.0)
    rate = trial.suggest_float("rate", 1e-5, 1e-1, log=True)
    share = trial.suggest_float("share", 0.0, 1.0, step=0.1)
    width = trial.suggest_int("width", 16, 64, step=16)
    kind = trial.suggest_categorical("kind", ["a", 3, 2.5, True])
    if kind == "a":
        trial.suggest_int("of_a", 1, 100, log=True)
    for step in range(3):
        trial.report(x * x + rate / (step + 1), step)
    trial.set_user_attr("by", "optuna")
    return x * x + share + width


def number(value):
    return value if value is None or math.isfinite(value) else str(value)


def shown(study):
    return {
        "name": study.study_name,
        "directions": [direction.name for direction in study.directions],
        "user_attrs": study.user_attrs,
        "metric_names": study.metric_names,
        "best": [trial.number for trial in study.best_trials],
        "trials": [
            {
                "number": trial.number,
                "state": trial.state.name,
                "values": trial.values and [number(value) for value in trial.values],
                "params": trial.params,
                "intermediate": {str(step): number(value) for step, value in sorted(trial.intermediate_values.items())},
                "user_attrs": trial.user_attrs,
                "system_attrs": trial.system_attrs,
                "start": trial.datetime_start and round(trial.datetime_start.timestamp() * 1e6),
                "complete": trial.datetime_complete and round(trial.datetime_complete.timestamp() * 1e6),
            }
            for trial in study.trials
        ],
    }


def create(storage, name):
    study = optuna.create_study(study_name=name, storage=storage, sampler=optuna.samplers.RandomSampler(seed=1))
    study.set_user_attr("made by", {"optuna": [optuna.__version__, None]})
    study.enqueue_trial({"x": 1.5, "kind": True}, user_attrs={"queued": True})
    study.optimize(objective, n_trials=4)
    pruned = study.ask()
    pruned.report(math.nan, 0)
    pruned.report(math.inf, 1)
    study.tell(pruned, state=optuna.trial.TrialState.PRUNED)
    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)
    study.tell(study.ask(), -math.inf)
    study.ask()
    study.enqueue_trial({"x": -2.0, "width": 32, "kind": 2.5})
    other = optuna.create_study(study_name=name + " deleted", storage=storage)
    other.tell(other.ask(), 1.0)
    optuna.delete_study(study_name=name + " deleted", storage=storage)
    return study


def main(path, lock, action, name, count="0"):
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    locks = {"symlink": JournalFileSymlinkLock, "open": JournalFileOpenLock}
    storage = optuna.storages.JournalStorage(JournalFileBackend(path, lock_obj=locks[lock](path)))
    if action == "create":
        study = create(storage, name)
    else:
        study = optuna.load_study(study_name=name, storage=storage, sampler=optuna.samplers.RandomSampler())
        study.optimize(objective, n_trials=int(count)) if action == "run" else None
    print(json.dumps(shown(study)))


if __name__ == "__main__":
    main(*sys.argv[1:])
