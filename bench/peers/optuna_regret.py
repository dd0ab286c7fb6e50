"""Simple regret of Optuna's samplers, and the time that a suggestion takes:

    python optuna_regret.py regret [FIRST..LAST] [PROBLEM] [SAMPLER]
    python optuna_regret.py time
    python optuna_regret.py compare LINES.jsonl...

The problems, the numbers of trials and what is printed are those of `crates/ocelli-tune/examples/regret.rs`; `compare` makes a table of the lines
that both print, with the probability (two-sided, Mann-Whitney) that regrets which are all alike would be as far from Ocelli's Gaussian process as these are.
Samplers are `gp`, `tpe` and `random`, with their defaults. Needs optuna 5, scipy and torch.
"""

import json
import math
import pathlib
import sys
import time

import numpy
import optuna

STARTUP, TIMED = 10, [100, 1000]


def branin(u):
    x, y = 15 * u[0] - 5, 15 * u[1]
    bent = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return bent**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


ALPHA = numpy.array([1.0, 1.2, 3.0, 3.2])
A = numpy.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])
P = numpy.array([
    [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
    [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
    [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
    [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
])


def hartmann6(u):
    return float(-ALPHA @ numpy.exp(-(A * (numpy.array(u) - P) ** 2).sum(1)))


def ackley5(u):
    x = 65.536 * numpy.array(u) - 32.768
    return float(-20 * math.exp(-0.2 * math.sqrt((x**2).mean())) - math.exp(numpy.cos(2 * math.pi * x).mean()) + 20 + math.e)


STEEP, PENALTY = [1.0, 3.0, 8.0], [0.6, 0.0, 0.3]
PLACE, OFFSET = [(0.2, 0.8), (0.7, 0.3), (0.45, 0.55), (0.9, 0.9)], [0.5, 0.0, 0.2, 0.8]


def mixed(x, y, whole, kind, place):
    numbers = (x - PLACE[place][0]) ** 2 + (y - PLACE[place][1]) ** 2
    return STEEP[kind] * numbers + 0.05 * (whole - 7) ** 2 * (1 + OFFSET[place]) + PENALTY[kind] + OFFSET[place]


def of_numbers(function, count):
    return lambda trial: function([trial.suggest_float(f"x{i}", 0, 1) for i in range(count)])


def of_mixed(trial):
    x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
    whole = trial.suggest_int("whole", 0, 10)
    return mixed(x, y, whole, trial.suggest_categorical("kind", [0, 1, 2]), trial.suggest_categorical("place", [0, 1, 2, 3]))


def lessons():
    file = pathlib.Path(__file__).parents[2] / "crates/ocelli-tune/examples/lessons.csv"
    rows = (line.rsplit(",", 1) for line in file.read_text().splitlines()[1:])
    return {settings: float(loss) for settings, loss in rows}


LESSONS = lessons()


def of_lesson(trial):
    settings = (
        trial.suggest_categorical("optimizer", ["sgd", "adamw"]),
        trial.suggest_int("lr", -11, -4),
        trial.suggest_int("batch_size", 4, 7),
        trial.suggest_int("hidden", 6, 8),
        trial.suggest_float("dropout", 0.1, 0.5, step=0.2),
    )
    return LESSONS[",".join(f"{value:.1f}" if isinstance(value, float) else str(value) for value in settings)]


# Name: (objective, minimum, trials).
PROBLEMS = {
    "branin": (of_numbers(branin, 2), 0.3978873577297382, 50),
    "hartmann6": (of_numbers(hartmann6, 6), -3.322368011415515, 100),
    "ackley5": (of_numbers(ackley5, 5), 0.0, 100),
    "mixed": (of_mixed, 0.0, 60),
    "lessons": (of_lesson, min(LESSONS.values()), 40),
}
SAMPLERS = {
    "gp": lambda seed: optuna.samplers.GPSampler(seed=seed),
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
}


def regret(name, sampler, seed):
    objective, minimum, trials = PROBLEMS[name]
    study = optuna.create_study(sampler=SAMPLERS[sampler](seed))
    study.optimize(objective, n_trials=trials)
    return numpy.minimum.accumulate([trial.value for trial in study.trials]) - minimum


def print_regrets(seeds, names, samplers):
    first, last = map(int, seeds.split(".."))
    for name in names:
        for sampler in samplers:
            begin = time.perf_counter()
            runs = numpy.array([regret(name, sampler, seed) for seed in range(first, last)])
            seconds = (time.perf_counter() - begin) / len(runs)
            final, half = runs[:, -1], runs[:, runs.shape[1] // 2 - 1]
            print(json.dumps({
                "problem": name, "sampler": f"optuna {sampler}", "trials": runs.shape[1], "seeds": seeds,
                "median": numpy.median(final), "median_at_half": numpy.median(half),
                "seconds_a_run": seconds, "regrets": list(final), "regrets_at_half": list(half),
            }), flush=True)


def compare(paths):
    """A table in Markdown: medians of regret, and how likely such a difference from Ocelli's Gaussian process is by chance."""
    from scipy.stats import mannwhitneyu

    lines = [json.loads(line) for path in paths for line in pathlib.Path(path).read_text().splitlines() if line.startswith("{")]
    found = {(line["problem"], line["sampler"]): line for line in lines}
    print("| problem | sampler | seeds | trials | median regret | p | at half the trials | p | seconds a search |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in PROBLEMS:
        ours = found[name, "ocelli gp"]
        for (problem, sampler), line in sorted(found.items()):
            if problem == name:
                ps = [f"{mannwhitneyu(ours[key], line[key]).pvalue:.2g}" if line is not ours else "" for key in ("regrets", "regrets_at_half")]
                print(
                    f"| {name} | {sampler} | {line['seeds']} | {line['trials']} | {line['median']:.2g} | {ps[0]} "
                    f"| {line['median_at_half']:.2g} | {ps[1]} | {line['seconds_a_run']:.2g} |"
                )


def print_times():
    """On Hartmann-6, after so many points at random; the median of seven suggestions, of which the first has no warm start."""
    for count in TIMED:
        random = numpy.random.default_rng(0)
        for sampler in ("gp", "tpe"):
            study = optuna.create_study(sampler=SAMPLERS[sampler](0))
            space = {f"x{i}": optuna.distributions.FloatDistribution(0, 1) for i in range(6)}
            for u in random.random((count, 6)):
                study.add_trial(optuna.trial.create_trial(params={f"x{i}": v for i, v in enumerate(u)}, distributions=space, value=hartmann6(u)))
            elapsed, busy = [], []
            for _ in range(7):
                begin, begin_busy = time.perf_counter(), time.process_time()
                trial = study.ask(space)
                elapsed.append(time.perf_counter() - begin)
                busy.append(time.process_time() - begin_busy)
                study.tell(trial, hartmann6(list(trial.params.values())))
            print(json.dumps({
                "sampler": f"optuna {sampler}", "after": count, "seconds": float(numpy.median(elapsed)),
                "processor_seconds": float(numpy.median(busy)),
            }), flush=True)


def main():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    arguments = sys.argv[1:]
    if arguments[:1] == ["regret"]:
        seeds = arguments[1] if len(arguments) > 1 else "0..30"
        print_regrets(seeds, arguments[2:3] or list(PROBLEMS), arguments[3:4] or list(SAMPLERS))
    elif arguments[:1] == ["compare"]:
        compare(arguments[1:])
    elif arguments[:1] == ["time"]:
        print_times()
    else:
        print(__doc__)


if __name__ == "__main__":
    main()
