"""Warnings that point at the user's line."""

import pickle
import warnings

import joblib
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from condcap_sk import ConditionalCaptioner, _version
from condcap_sk._warnings import warn_user
from condcap_sk.exceptions import VersionMismatchWarning


def test__called_from_elsewhere__points_at_the_caller():
    with pytest.warns(UserWarning, match="careful") as found:
        warn_user("careful", UserWarning)
    assert found[0].filename == __file__


@pytest.mark.parametrize("wrap", [lambda est: est, make_pipeline], ids=["alone", "pipeline"])
def test__in_fit__points_at_the_line_that_calls_it(wrap):
    est = ConditionalCaptioner(random_state=0).set_params(
        codec__max_iter=2, image_encoder__max_iter=2, gan__max_iter=2
    )
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        wrap(est).fit(np.eye(6), [["only one"]] * 6)
    assert {warning.filename for warning in found} == {__file__}


@pytest.mark.parametrize(
    ("dump", "load"),
    [(pickle.dump, pickle.load), (joblib.dump, joblib.load)],
    ids=["pickle", "joblib"],
)
def test__in_unpickling__points_at_the_line_that_calls_it(dump, load, tmp_path, monkeypatch):
    monkeypatch.setattr("condcap_sk._torch.device.__version__", "0.0.1")
    with open(tmp_path / "m", "wb") as file:
        dump(ConditionalCaptioner(), file)
    with open(tmp_path / "m", "rb") as file, pytest.warns(VersionMismatchWarning) as found:
        load(file)
    assert found[0].filename == __file__
    assert _version.__version__ in str(found[0].message)
