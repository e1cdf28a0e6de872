"""Successive halving, and Optuna
==============================

Model selection that spends its steps on what is good.

Halving fits all candidates for a few steps of the GAN, and the better half for twice as many. Its
resource is a parameter of a stage, which is there when the stage is set: ``gan=LatentGAN()``.
Optuna chooses each next candidate from the scores of those before. Images are two digits side by
side, and right answers name a digit and its place.

Run: ``python examples/search_by_halving.py`` (a minute for each search; scikit-learn's bundled
digits, no network; needs optuna)
"""

from time import perf_counter

import optuna
from scipy.stats import loguniform
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingRandomSearchCV, ShuffleSplit, cross_val_score

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits
from condcap_sk.gan import LatentGAN
from condcap_sk.metrics import control_score

# All by hand. Fits of fewer steps have no control of their answers, which scores 0: halving would
# choose among them by chance.
N_IMAGES, N_VALIDATION = 600, 200
FEWEST_STEPS, MOST_STEPS = 450, 900
SHORT = {
    "codec__max_iter": 100,
    "image_encoder__max_iter": 300,
    "image_encoder__batch_size": 32,
    "image_encoder__n_filters": 4,
    "gan__batch_size": 64,
}
N_CANDIDATES, N_TRIALS = 4, 3
WEIGHTS = 0.01, 1.0
SPLIT = ShuffleSplit(1, test_size=N_VALIDATION, random_state=0)


def by_halving(est, X, y):
    search = HalvingRandomSearchCV(
        est,
        {"n_latents": [2, 3], "mi_weight": loguniform(*WEIGHTS)},
        n_candidates=N_CANDIDATES,
        factor=2,
        resource="gan__max_iter",
        min_resources=FEWEST_STEPS,
        max_resources=MOST_STEPS,
        scoring=control_score,
        cv=SPLIT,
        refit=False,  # a fit on all images takes as long as one of the search's
        error_score="raise",
        random_state=0,
        n_jobs=2,
    ).fit(X, y)
    found = search.cv_results_
    for params, score in zip(found["params"], found["mean_test_score"], strict=True):
        print(
            f"  {params['gan__max_iter']} steps, n_latents {params['n_latents']}, "
            f"mi_weight {params['mi_weight']:.3f}: {score:.3f}"
        )
    return search.best_params_, search.best_score_


def by_optuna(est, X, y):
    def score(trial):
        params = {
            "n_latents": trial.suggest_int("n_latents", 2, 3),
            "mi_weight": trial.suggest_float("mi_weight", *WEIGHTS, log=True),
            "gan__max_iter": MOST_STEPS,
        }
        est.set_params(**params)
        found = cross_val_score(est, X, y, scoring=control_score, cv=SPLIT, error_score="raise")
        print(
            f"  n_latents {params['n_latents']}, mi_weight {params['mi_weight']:.3f}: "
            f"{found.mean():.3f}"
        )
        return found.mean()

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(score, n_trials=N_TRIALS)
    return study.best_params, study.best_value


def main():
    digits = load_grid_digits(n_train=N_IMAGES, grid=(1, 2))
    y = [[f"left-{left}", f"right-{right}"] for left, right in digits.cell_labels]
    est = ConditionalCaptioner(gan=LatentGAN(), random_state=0).set_params(**SHORT)
    for name, search in (("halving", by_halving), ("Optuna", by_optuna)):
        print(name)
        start = perf_counter()
        params, score = search(est, digits.images, y)
        print(f"best: {params}, {score:.3f}; {perf_counter() - start:.0f} s\n")


if __name__ == "__main__":
    main()
