"""At home in scikit-learn: its checks, its searches, and its ways to pass things on."""

import pickle
import pkgutil
from functools import partial
from importlib import import_module

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
    train_test_split,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

import condcap_sk
from condcap_sk import ConditionalCaptioner
from condcap_sk.gan import LatentGAN
from condcap_sk.metrics import control_score
from condcap_sk.text import CaptionCodec
from condcap_sk.vision import ImageEncoder

N = 24
RNG = np.random.RandomState(0)
IMAGES = RNG.randint(255, size=(N, 10, 12, 3), dtype=np.uint8)
PAIRS = [(i % 3, 3 + i % 2) for i in range(N)]
FORMS = {
    "images": (IMAGES, {}),
    "channels first": (IMAGES.transpose(0, 3, 1, 2), {}),
    "flat": (IMAGES.reshape(N, -1), {"image_shape": (10, 12, 3)}),
    "features": (RNG.rand(N, 5), {}),
    "frame": (pd.DataFrame(RNG.rand(N, 3), columns=["a", "b", "c"]), {}),
}
ANSWERS = {
    "sets": [set(pair) for pair in PAIRS],
    "ragged lists": [[0], *map(list, PAIRS[1:])],
    "object array": np.array([[0], *map(list, PAIRS[1:])], dtype=object),
    "2-D array": np.array(PAIRS),
    "one each": np.array([pair[0] for pair in PAIRS]),
    "str": np.array(["ab"[i % 2] for i in range(N)]),
    "indicators": np.array([[label in pair for label in range(5)] for pair in PAIRS]),
    "captions": [["a red dog", "the dog"], ["one cat"]] * (N // 2),
}


def quick(**params):
    return ConditionalCaptioner(
        codec=CaptionCodec(max_iter=3, hidden_size=8, batch_size=16),
        image_encoder=ImageEncoder(max_iter=3, n_filters=2),
        random_state=0,
        **params,
    ).set_params(gan__max_iter=3, gan__hidden_size=8, gan__decoder_size=8)


def public_estimators():
    """Every estimator that the package, or one of its own packages, names in ``__all__``."""
    names = [
        "condcap_sk",
        *(m.name for m in pkgutil.walk_packages(condcap_sk.__path__, "condcap_sk.")),
    ]
    found = {}
    for module in map(import_module, names):
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if isinstance(value, type) and issubclass(value, BaseEstimator):
                found[name] = value()
    return found


ESTIMATORS = public_estimators()
# scikit-learn has no checks of estimators that take no rows of numbers, such as its LabelEncoder:
# of captions, of files, of photographs.
NOT_ROWS = {name for name, est in ESTIMATORS.items() if not get_tags(est).input_tags.two_d_array}


# Nothing that the checks look at takes more steps.
CHECKED = [
    ConditionalCaptioner().set_params(
        codec__max_iter=3, image_encoder__max_iter=3, gan__max_iter=3
    ),
    ImageEncoder(max_iter=3),
    LatentGAN(max_iter=3),
]


def test__all_estimators_on_rows__are_checked():
    assert ESTIMATORS.keys() - NOT_ROWS == {type(est).__name__ for est in CHECKED}
    assert {"CaptionCodec", "LoadImages", "PretrainedFeatures"} == NOT_ROWS


@parametrize_with_checks(CHECKED)
def test__estimator__scikit_learn_s_checks__pass(estimator, check):
    check(estimator)


LR = {"gan__lr": [1e-3, 1e-2]}
SEARCHES = {
    # Of one value: others take the rows apart once more, in the same way.
    "grid": lambda est: GridSearchCV(est, {"gan__lr": [1e-3]}, cv=2, error_score="raise"),
    "random": lambda est: RandomizedSearchCV(
        est, LR, n_iter=2, cv=2, random_state=0, error_score="raise"
    ),
    "halving": lambda est: HalvingGridSearchCV(
        est, LR, cv=2, min_resources=12, random_state=0, error_score="raise"
    ),
}


# Rows of X and of y are taken apart from each other: each form of one meets one form of the other.
EVERY_FORM = [("features", answers) for answers in ANSWERS]
EVERY_FORM += [(form, "sets") for form in FORMS if form != "features"]


# All searches take rows apart in the same way.
@pytest.mark.parametrize(
    ("search", "form", "answers"),
    [
        *(("grid", *forms) for forms in EVERY_FORM),
        *((search, "features", "sets") for search in SEARCHES if search != "grid"),
        ("halving", "images", "captions"),
    ],
)
def test__search__every_form_of_data__finds_an_estimator_that_answers(search, form, answers):
    (X, params), y = FORMS[form], ANSWERS[answers]
    found = SEARCHES[search](quick(**params)).fit(X, y)
    assert (found.cv_results_["mean_test_score"] >= 0).all()
    assert found.predict(X[:3]).shape == (3,)
    assert found.best_estimator_.get_params()["gan__max_iter"] == 3


@pytest.mark.parametrize(("form", "answers"), EVERY_FORM)
def test__other_tools__every_form_of_data__score_and_answer(form, answers):
    (X, params), y = FORMS[form], ANSWERS[answers]
    est = quick(**params)
    predicted = cross_val_predict(est, X, y, cv=2)
    assert predicted.shape == (N,)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    est.fit(X_train, y_train)
    assert est.score(X_test, y_test) >= 0
    assert predicted.dtype == est.predict(X_test).dtype


# They fit and score in the way of a search, which meets every form above.
@pytest.mark.parametrize(("form", "answers"), [("frame", "indicators"), ("images", "captions")])
def test__curves_and_cross_validation__score(form, answers):
    (X, params), y = FORMS[form], ANSWERS[answers]
    est = quick(**params)
    scores = cross_validate(est, X, y, cv=2, error_score="raise")["test_score"]
    assert scores.shape == (2,)
    assert (scores >= 0).all()
    _, train, test = learning_curve(est, X, y, cv=2, train_sizes=[6], error_score="raise")
    assert (train >= 0).all()
    assert (test >= 0).all()


def test__search__scored_by_control__in_a_pipeline():
    steps = Pipeline([("scale", StandardScaler()), ("captioner", quick())])
    weights = {"captioner__mi_weight": [0.0, 0.1]}
    search = GridSearchCV(steps, weights, cv=2, scoring=control_score, error_score="raise")
    assert 0 <= search.fit(FORMS["features"][0], ANSWERS["sets"]).best_score_ <= 1


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test__search__two_jobs__same_results(backend, request):
    # Where one process has two threads, each of joblib's two has one.
    request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
    torch.set_num_threads(2)
    y = ANSWERS["sets"]
    searches = [
        GridSearchCV(quick(), {"gan__lr": [1e-3, 1e-2]}, cv=2, n_jobs=n_jobs) for n_jobs in (1, 2)
    ]
    with joblib.parallel_config(backend):
        one, two = (search.fit(IMAGES, y) for search in searches)
    c = one.best_estimator_.sample_latents(N, random_state=0)
    for key in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(one.cv_results_[key], two.cv_results_[key])
    np.testing.assert_array_equal(
        one.best_estimator_.infer_latent(IMAGES, [0] * N),
        two.best_estimator_.infer_latent(IMAGES, [0] * N),
    )
    np.testing.assert_array_equal(
        one.best_estimator_.predict(IMAGES, c), two.best_estimator_.predict(IMAGES, c)
    )


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test__predict__several_at_once_on_one_estimator__right_answers(backend):
    est = quick().fit(IMAGES, ANSWERS["sets"])
    latents = est.sample_latents(8, random_state=0)
    with joblib.parallel_config(backend, n_jobs=2):
        answers = joblib.Parallel()(joblib.delayed(est.predict)(IMAGES, c) for c in latents)
    np.testing.assert_array_equal(np.transpose(answers), est.predict_grid(IMAGES, latents))


@pytest.mark.parametrize(
    "X", [IMAGES, IMAGES[..., 0], RNG.rand(N, 5)], ids=["rgb", "grey", "features"]
)
def test__memory_maps__read_only__are_as_good_as_arrays(X, tmp_path):
    y = ANSWERS["sets"]
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    est, other = quick().fit(X, y), quick().fit(mapped, y)
    np.testing.assert_array_equal(est.infer_latent(X, [0] * N), other.infer_latent(mapped, [0] * N))
    np.testing.assert_array_equal(est.predict(X), other.predict(mapped))


@pytest.mark.parametrize("fit_first", [True, False])
@pytest.mark.parametrize(
    "wrap",
    [lambda est: make_pipeline(StandardScaler(), est), lambda est: GridSearchCV(est, LR, cv=2)],
    ids=["pipeline", "search"],
)
def test__pickle__inside_another_estimator__comes_back_the_same(wrap, fit_first, tmp_path):
    X, y = FORMS["features"][0], ANSWERS["sets"]
    outer = wrap(quick())
    if fit_first:
        outer.fit(X, y)
    joblib.dump(outer, tmp_path / "model")
    expected = wrap(quick()).fit(X, y).predict(X)
    for copy in (pickle.loads(pickle.dumps(outer)), joblib.load(tmp_path / "model"), clone(outer)):
        if not fit_first:
            copy.fit(X, y)
        elif not hasattr(copy, "n_features_in_"):
            with pytest.raises(NotFittedError):
                copy.predict(X)
            continue
        np.testing.assert_array_equal(copy.predict(X), expected)


@pytest.mark.parametrize("seed", [3, np.random.RandomState(3), None])
def test__random_state__of_any_kind__fits(seed):
    est = quick().set_params(random_state=seed).fit(IMAGES, ANSWERS["sets"])
    if isinstance(seed, np.random.RandomState):
        # An rng is used up as it goes: the next fit is another one, as elsewhere.
        again = clone(est).fit(IMAGES, ANSWERS["sets"])
        assert not np.array_equal(est.latent_bank_, again.latent_bank_)


def test__c__through_a_pipeline__reaches_predict():
    X, y = FORMS["features"][0], ANSWERS["sets"]
    with config_context(enable_metadata_routing=True):
        steps = make_pipeline(StandardScaler(), quick().set_predict_request(c=True))
        steps.fit(X, y)
        c = steps[-1].sample_latents(N, random_state=0)
        expected = steps[-1].predict(steps[:-1].transform(X), c)
        np.testing.assert_array_equal(steps.predict(X, c=c), expected)
    np.testing.assert_array_equal(steps.predict(X, c=c), expected)


def test__threshold__through_a_pipeline__reaches_predict():
    X, y = FORMS["features"][0], ANSWERS["sets"]
    with config_context(enable_metadata_routing=True):
        est = quick(validation_fraction=0.5)
        est.set_predict_request(min_confidence=True, abstention=True)
        steps = make_pipeline(StandardScaler(), est).fit(X, y)
        assert set(steps.predict(X, min_confidence=1, abstention=-1)) == {-1}
    assert set(steps.predict(X, min_confidence=1)) == {None}


def test__set_output__transformers__give_frames():
    X, y = FORMS["frame"][0], [[1.0, 0.0], [0.0, 1.0]] * (N // 2)
    encoder = ImageEncoder(max_iter=2, random_state=0).set_output(transform="pandas")
    frame = encoder.fit(X, y).transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == list(encoder.get_feature_names_out())
    assert frame.columns[0] == "imageencoder0"
    codec = CaptionCodec(max_iter=2, random_state=0).set_output(transform="pandas").fit(["a", "b"])
    assert codec.transform(["b"]).columns[0] == "captioncodec0"


def test__params__nested_round_trip_from_none():
    est = ConditionalCaptioner().set_params(gan__lr=0.5, codec__hidden_size=7, n_latents=2)
    params = est.get_params()
    assert (params["gan__lr"], params["codec__hidden_size"]) == (0.5, 7)
    again = ConditionalCaptioner().set_params(**params)
    assert repr(again) == repr(est)
    assert "gan" in estimator_html_repr(est)


def test__fit__images_after_features__forgets_the_columns():
    y = ANSWERS["sets"]
    est = quick().fit(FORMS["frame"][0], y)
    assert est.n_features_in_ == 3
    est.fit(IMAGES, y)
    assert not hasattr(est, "n_features_in_")
    assert not hasattr(est, "feature_names_in_")
    assert est.predict(IMAGES).shape == (N,)


class TestCodec:
    """What scikit-learn's checks would look at if they knew one-dimensional input."""

    def test__fit__twice__same_and_inputs_left_alone(self):
        captions = np.array(["b", "a", "c"])
        captions.flags.writeable = False
        codec = CaptionCodec(max_iter=5, random_state=0)
        first = codec.fit(captions).transform(captions)
        np.testing.assert_array_equal(codec.fit(captions).transform(captions), first)
        np.testing.assert_array_equal(codec.fit_transform(captions), first)
        assert codec.n_iter_ == 5

    def test__transform__order_and_company__do_not_matter(self):
        captions = [f"word{i} word{i % 3}" for i in range(40)]
        codec = CaptionCodec(max_iter=5, random_state=0).fit(captions)
        together = codec.transform(captions)
        for i in (0, 7, 39):
            np.testing.assert_array_equal(codec.transform([captions[i]])[0], together[i])
        np.testing.assert_array_equal(codec.transform(captions[::-1]), together[::-1])

    def test__clone_and_params__round_trip(self):
        codec = CaptionCodec(noise=0.5)
        assert clone(codec).get_params() == codec.get_params()
