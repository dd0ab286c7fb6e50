"""Makes a study in a journal and prints what Optuna makes of it: `search.py JOURNAL`. One objective with conditions, pruned and failed trials in
the study "one"; two objectives in the study "two".
"""

import json
import math
import sys
import warnings

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.visualization._intermediate_values import _get_intermediate_plot_info
from optuna.visualization._optimization_history import _get_optimization_history_info_list
from optuna.visualization._timeline import _get_timeline_info


def one(trial):
    rate = trial.suggest_float("rate", 1e-5, 1e-1, log=True)
    kind = trial.suggest_categorical("kind", ["adamw", "sgd", None])
    width = trial.suggest_int("width", 4, 64, step=4)
    loss = abs(math.log10(rate) + 2) + width / 64
    if kind == "sgd":
        loss += abs(trial.suggest_float("momentum", 0.0, 1.0) - 0.9)
    if trial.number == 5:
        raise ValueError("on purpose")
    for step in range(1, 5):
        trial.report(loss + 1 / step, step)
        if trial.number % 4 == 3 and step == 3:
            raise optuna.TrialPruned()
    return loss


def two(trial):
    x, y = trial.suggest_float("x", 0.0, 2.0), trial.suggest_float("y", 0.0, 2.0)
    return x * x + y, (x - 1) ** 2 - y


def main(path):
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    storage = JournalStorage(JournalFileBackend(path))
    sampler = optuna.samplers.RandomSampler(seed=1)
    study = optuna.create_study(study_name="one", storage=storage, sampler=sampler)
    study.set_metric_names(["loss"])
    study.optimize(one, n_trials=40, catch=(ValueError,))
    front = optuna.create_study(study_name="two", storage=storage, sampler=sampler, directions=["minimize", "maximize"])
    front.optimize(two, n_trials=30)
    history = _get_optimization_history_info_list(study, None, "loss", False)[0]
    complete = [place for place, value in enumerate(history.values_info.values) if math.isfinite(value)]
    seconds = lambda time: time.timestamp()
    print(
        json.dumps(
            {
                "history": [[history.trial_numbers[place], history.values_info.values[place], history.best_values_info.values[place]] for place in complete],
                "intermediate": [[info.trial_number, info.sorted_intermediate_values] for info in _get_intermediate_plot_info(study).trial_infos],
                "importances": optuna.importance.get_param_importances(study),
                "timeline": [[bar.number, bar.state.name, seconds(bar.start), seconds(bar.complete)] for bar in _get_timeline_info(study).bars],
                "front": [[trial.number, *trial.values] for trial in front.best_trials],
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
