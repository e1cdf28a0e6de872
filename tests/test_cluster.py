"""Searches on a Dask cluster of other processes find what searches here find."""

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from condcap_sk.metrics import control_report

distributed = pytest.importorskip("distributed")


@pytest.fixture
def cluster(tmp_path):
    """Two processes with one thread each."""
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(tmp_path),
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield cluster


def test__search__on_a_dask_cluster__equals_a_sequential_one(cluster, quick, tiny):
    # Inside, so that it is sent to the other processes, which cannot import this file.
    def report(est, X, y):
        rows = control_report(est, X, y, output_dict=True)
        return {name: row["value"] for name, row in rows.items()}

    weights = {"gan__lr": [1e-3, 1e-2]}
    search = GridSearchCV(quick(), weights, cv=2, scoring=report, refit=False, error_score="raise")
    expected = search.fit(*tiny).cv_results_
    with joblib.parallel_config(backend="dask"):
        found = search.fit(*tiny).cv_results_
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        if "time" not in key:
            np.testing.assert_array_equal(found[key], values, err_msg=key)
    # There was something to compare.
    assert len(np.unique(expected["mean_test_latent_error"])) == 2
