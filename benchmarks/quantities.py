"""What the benchmarks measure of a fitted model, and how they print it.

numpy and torch are imported where they are used: on Linux a child's ru_maxrss starts at the size of
the process that started it, so a parent that only starts others must be small.
"""

import datetime
import importlib.metadata
import os
import platform

TURNS = (1, 3, 5, 10)  # of a dialogue
N_REPETITIONS = 10  # by hand
LARGER_IS_WORSE = {
    "calibration_error",
    "distance_from_uniform",
    "latent_error",
    "fit_seconds",
    "peak_mb",
}
LEGEND = """\
As in `control_report`, and: distance_from_uniform, the total variation of the labels' frequencies
with a new latent for each image, mean of {k} repetitions (ceiling: an ideal sampler); no_latent,
accuracy of predict(X); dialogue_t, share of a speaker's answers predicted from t others."""


def measure(est, X, label_sets, seed):
    """Return all quantities of `est`, and the chance and ceiling of those that have them."""
    import numpy as np

    from condcap_sk.metrics import (
        control_report,
        dialogue_accuracy,
        label_frequencies,
        total_variation,
    )

    # Away from the seed of the fit, whose first normal draws G may have trained on.
    report = control_report(est, X, label_sets, random_state=100_000 + seed, output_dict=True)
    rng = np.random.RandomState(200_000 + seed)
    labels = np.unique([label for answers in label_sets for label in answers])
    uniform = np.full(len(labels), 1 / len(labels))

    latents = [est.sample_latents(len(X), random_state=rng) for _ in range(N_REPETITIONS)]
    draws = np.stack([est.predict(X, c) for c in latents], axis=1)
    distance = total_variation(label_frequencies(draws, labels), uniform).mean()
    by_chance = rng.multinomial(len(X), uniform, size=10_000) / len(X)
    floor = total_variation(by_chance, uniform).mean()
    report["distance_from_uniform"] = {"value": float(distance), "ceiling": float(floor)}
    if hasattr(est, "score"):
        report["no_latent"] = {"value": est.score(X, label_sets), "ceiling": 1.0}
    if hasattr(est, "infer_speaker"):
        accuracy = dialogue_accuracy(est, X, turns=TURNS, random_state=300_000 + seed)
        report |= {
            f"dialogue_{turn}": {"value": accuracy[turn], "chance": accuracy["chance"]}
            for turn in TURNS
        }
    values = {name: row.pop("value") for name, row in report.items()}
    return values, report


def print_table(columns, bounds, worst=False):
    """Quantities as rows; a column for each fit, then chance and ceiling."""
    names = [*columns, *(["mean", "worst"] if worst else []), "chance", "ceiling"]
    width = max(map(len, names)) + 2
    print(f"\n{'':22}" + "".join(f"{name:>{width}}" for name in names))
    quantities = dict.fromkeys(name for column in columns.values() for name in column)
    for name in quantities:
        values = [column.get(name) for column in columns.values()]
        if worst:
            most = max if name in LARGER_IS_WORSE else min
            values += [sum(values) / len(values), most(values)]
        values += [bounds.get(name, {}).get(bound) for bound in ("chance", "ceiling")]
        decimals = 0 if name in ("fit_seconds", "peak_mb") else 4
        cells = ["–" if value is None else f"{value:.{decimals}f}" for value in values]
        print(f"{name:22}" + "".join(f"{cell:>{width}}" for cell in cells))
    print(LEGEND.format(k=N_REPETITIONS))


def machine():
    cpu = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            models = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
        cpu = models[0] if models else cpu
    versions = {p: importlib.metadata.version(p) for p in ("torch", "scikit-learn", "skorch")}
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "os": platform.platform(),
        "python": platform.python_version(),
        **versions,
        "date": datetime.date.today().isoformat(),
    }
