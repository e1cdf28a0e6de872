"""`export` of the estimator: what it refuses before anything is computed."""

import sys

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from condcap_sk import ConditionalCaptioner


def test__export__not_fitted__raises(tmp_path):
    with pytest.raises(NotFittedError):
        ConditionalCaptioner().export(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test__export__without_the_extra__names_what_to_install(tmp_path, quick, tiny, monkeypatch):
    est = quick().fit(*tiny)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="export needs onnx.*pip install 'condcap_sk.export.'"):
        est.export(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test__export__subclass__is_refused(tmp_path, quick, tiny):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")

    class Mine(ConditionalCaptioner):
        pass

    est = Mine(**quick().get_params(deep=False)).fit(*tiny)
    with pytest.raises(ValueError, match="ConditionalCaptioner is a Mine, which may answer other"):
        est.export(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test__export__analyzer_that_is_a_function__is_refused(tmp_path, quick):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    X = np.random.RandomState(0).random((20, 4))
    est = quick(analyzer=str.split).fit(X, [["a dog"], ["a cat"]] * 10)
    with pytest.raises(ValueError, match="analyzer=.* is a function.*analyzer='word' or 'char'"):
        est.export(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test__export__infinite_labels__are_refused(tmp_path, quick):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    X = np.random.RandomState(0).random((20, 4))
    est = quick().fit(X, [[0.5], [np.inf], [-np.inf], [2.0]] * 5)
    with pytest.raises(ValueError, match="infinite, and the manifest is JSON.*labels as str"):
        est.export(tmp_path / "model")
    assert not list(tmp_path.iterdir())
