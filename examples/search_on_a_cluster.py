"""A search on a Dask cluster
==========================

The search of scikit-learn, its fits in other processes.

The cluster is two processes of this machine; a `Client` of any other cluster goes in its place.
Images are two digits side by side, and right answers name a digit and its place. Nothing of the
search changes but who computes: it finds the same, to the bit.

Run: ``python examples/search_on_a_cluster.py`` (a minute; scikit-learn's bundled digits, no
network; needs dask and distributed)
"""

from time import perf_counter

import dask
import joblib
import numpy as np
from dask.distributed import Client, LocalCluster
from sklearn.model_selection import GridSearchCV, ShuffleSplit

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits
from condcap_sk.metrics import control_score

# All by hand: the shortest fits that have control of their answers, which shorter ones score 0.
N_IMAGES, N_VALIDATION = 600, 200
SHORT = {
    "codec__max_iter": 100,
    "image_encoder__max_iter": 300,
    "image_encoder__batch_size": 32,
    "image_encoder__n_filters": 4,
    "gan__max_iter": 500,
    "gan__batch_size": 64,
}
GRID = {"n_latents": [2, 3], "mi_weight": [0.03, 0.3]}
# Processes of Dask give memory back to the system again and again, which costs a fit a tenth of its
# time and more. None: they do not.
TRIMMING = "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_"


def main():
    digits = load_grid_digits(n_train=N_IMAGES, grid=(1, 2))
    y = [[f"left-{left}", f"right-{right}"] for left, right in digits.cell_labels]
    search = GridSearchCV(
        ConditionalCaptioner(random_state=0).set_params(**SHORT),
        GRID,
        scoring=control_score,
        cv=ShuffleSplit(1, test_size=N_VALIDATION, random_state=0),
        refit=False,  # a fit on all images takes as long as one of the search's
        error_score="raise",
    )

    # No dashboard: it would open a port.
    processes = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        dask.config.set({TRIMMING: None}),
        LocalCluster(processes=True, **processes) as cluster,
        Client(cluster) as client,
    ):
        start = perf_counter()
        # Each process is given the images: were there one copy only, it would go with its process.
        with joblib.parallel_config(backend="dask", client=client, scatter=[digits.images, y]):
            found = search.fit(digits.images, y).cv_results_
        print(f"two processes: {perf_counter() - start:.0f} s")
    start = perf_counter()
    expected = search.fit(digits.images, y).cv_results_
    print(f"this one:      {perf_counter() - start:.0f} s")

    for params, score in zip(found["params"], found["mean_test_score"], strict=True):
        print(f"  {params!s:36} {score:.3f}")
    print(f"best: {search.best_params_}")
    for key in expected:
        if "time" not in key:
            np.testing.assert_array_equal(found[key], expected[key], err_msg=key)
    print("cv_results_ of both are equal to the bit, but for the times")


if __name__ == "__main__":
    main()
