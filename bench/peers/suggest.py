"""What a trial costs in Optuna beside its own work, as `cargo bench -p ocelli-tune` times it in Ocelli. Needs optuna 5, scipy and torch."""

import statistics
import tempfile
import time
import warnings
from pathlib import Path

import optuna
from optuna.samplers import GPSampler, QMCSampler, RandomSampler, TPESampler
from optuna.storages.journal import JournalFileBackend

REPEATS = 11


def objective(trial):
    total = sum(trial.suggest_float(f"x{i}", -5, 5) ** 2 for i in range(8))
    return total + trial.suggest_int("n", 1, 100, log=True) ** 2 + (trial.suggest_categorical("k", ["a", "b", "c"]) == "a")


def median(storage, sampler, trials):
    study = optuna.create_study(storage=storage, sampler=RandomSampler(seed=1))
    study.optimize(objective, n_trials=trials)
    study.sampler = sampler
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        trial = study.ask()
        study.tell(trial, objective(trial))
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e3


def main():
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    samplers = {
        "random": lambda: RandomSampler(seed=0),
        "Sobol": lambda: QMCSampler(seed=0, scramble=True),
        "TPE": lambda: TPESampler(seed=0),
        "TPE, each parameter alone": lambda: TPESampler(seed=0, multivariate=False),
        "GP": lambda: GPSampler(seed=0),
    }
    for place in ("memory", "journal"):
        for name, sampler in samplers.items():
            for trials in (100, 1000):
                with tempfile.TemporaryDirectory() as folder:
                    file = JournalFileBackend(str(Path(folder) / "journal.log"))
                    storage = optuna.storages.JournalStorage(file) if place == "journal" else None
                    print(f"{place}, {name}, after {trials} trials: {median(storage, sampler(), trials):.3f} ms", flush=True)


if __name__ == "__main__":
    main()
