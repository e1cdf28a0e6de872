"""control_report on estimators whose quantities are known, and control_score."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from condcap_sk.metrics import control_report, control_score

# Simulated or computed by hand for four i.i.d. uniform labels of ten.
KNOWN = {
    "oracle": {
        "accuracy": 1,
        "accuracy_worst": 1,
        "accuracy_random": 1,
        "coverage": 1,
        "mutual_information": 1.70,
        "skew": 0.47,
        "semantic_control": 0.90,
        "inverse": 1,
        "transfer": 1,
        "leak_ratio": 1,
    },
    "order": {"accuracy": 1, "coverage": 1, "skew": 0.47, "semantic_control": 0.907},
    "positional": {
        "accuracy": 1,
        "coverage": 1,
        "calibration_error": 0.03,
        "mutual_information": 1.712,
        "skew": 0.03,
        "semantic_control": 0.01,
        "inverse": 1,
        "transfer": 0.29,
    },
    "constant": {
        "accuracy": 0.344,
        "coverage": 0.115,
        "mutual_information": 0,
        "skew": 0,
        "semantic_control": 0,
    },
    "random": {"accuracy": 0.344, "skew": 0.04, "semantic_control": 0.01},
    "leaking": {"accuracy": 1, "leak_ratio": 0},
}


@pytest.mark.parametrize("name", KNOWN)
def test__known_estimators__every_quantity__is_as_computed(name, estimators, grids):
    report = control_report(getattr(estimators, name), grids, grids.tolist(), output_dict=True)
    values = {key: report[key]["value"] for key in KNOWN[name]}
    assert values == pytest.approx(KNOWN[name], abs=0.035)


def test__grid_of_ten_labels__chance_and_ceiling__are_the_enumerated_ones(estimators, grids):
    report = control_report(estimators.positional, grids, grids.tolist(), output_dict=True)
    chance = {key: row["chance"] for key, row in report.items() if row["chance"] is not None}
    assert chance == pytest.approx(
        {
            "accuracy": 0.344,
            "accuracy_random": 0.344,
            "coverage": 1 - 0.9**32,
            "calibration_error": 0.656,
            "mutual_information": 0,
            "skew": 0,
            "semantic_control": 0,
            "inverse": 0.325,
            "transfer": 0.291,
            "latent_error": 1,
        },
        abs=0.02,
    )
    ceiling = {key: row["ceiling"] for key, row in report.items()}
    assert ceiling["mutual_information"] == pytest.approx(1.756, abs=0.02)
    assert ceiling["skew"] == pytest.approx(0.47, abs=0.01)
    assert ceiling["semantic_control"] == pytest.approx(0.907, abs=0.02)
    assert ceiling["latent_error"] == pytest.approx(0.595, abs=0.02)
    assert ceiling["coverage"] == pytest.approx(1, abs=0.001)


def test__string_labels__report__is_the_same(estimators, grids):
    class Spelled:
        def sample_latents(self, n_samples, random_state):
            return estimators.oracle.sample_latents(n_samples, random_state)

        def predict_grid(self, X, latents):
            return estimators.oracle.predict_grid(X, latents).astype(str)

    spelled = control_report(Spelled(), grids, grids.astype(str).tolist(), output_dict=True)
    plain = control_report(estimators.oracle, grids, grids.tolist(), output_dict=True)
    assert spelled == {name: plain[name] for name in spelled}


def test__answers_unknown_to_fit__are_not_given_back(estimators, grids):
    class Ignorant:
        classes_ = np.arange(9)
        infer_latent = staticmethod(estimators.oracle.infer_latent)
        sample_latents = staticmethod(estimators.oracle.sample_latents)

        def predict(self, X, c):
            answers = estimators.oracle.predict(X, c)
            return np.where(answers == 9, -1, answers)

        def predict_grid(self, X, latents):
            answers = estimators.oracle.predict_grid(X, latents)
            return np.where(answers == 9, -1, answers)

    report = control_report(Ignorant(), grids, grids.tolist(), output_dict=True)
    assert report["inverse"]["value"] == pytest.approx(1 - (grids == 9).mean(), abs=0.03)


def test__text__every_quantity__has_a_row(estimators, grids):
    text = control_report(estimators.oracle, grids[:50], grids[:50].tolist())
    numbers = control_report(estimators.oracle, grids[:50], grids[:50].tolist(), output_dict=True)
    assert [line.split()[0] for line in text.splitlines()[1:]] == list(numbers)


@pytest.mark.parametrize("measure", [control_report, control_score])
@pytest.mark.parametrize("analyzer", ["word", "char", str.split])
def test__fitted_on_captions__error_names_what_to_use(measure, analyzer, grids):
    class Captioner:
        codec_ = SimpleNamespace(analyzer_=analyzer)

        def fit(self, X, y):
            return self

    for est in (Captioner(), make_pipeline(Captioner())):
        with pytest.raises(ValueError, match="on captions.*analyzer=.*`caption_report`"):
            measure(est, grids, grids.tolist())


def test__fitted_on_labels__pipeline_of_one_step__report_is_that_of_its_step(estimators, grids):
    class Fitted(type(estimators.oracle)):
        codec_ = SimpleNamespace(analyzer_="label")

        def fit(self, X, y):
            return self

    X, label_sets = grids[:50], grids[:50].tolist()
    alone = control_report(estimators.oracle, X, label_sets)
    assert control_report(make_pipeline(Fitted()), X, label_sets) == alone


def test__control_score__cheats__are_worth_nothing_beside_the_oracle(estimators, grids):
    score = {
        name: control_score(getattr(estimators, name), grids, grids.tolist())
        for name in ("oracle", "positional")
    }
    assert score["oracle"] > 0.9
    assert score["positional"] < 0.3


def test__no_two_images_share_an_answer__transfer_is_left_out(estimators):
    X = np.arange(8).reshape(2, 4)
    report = control_report(estimators.oracle, X, X.tolist(), output_dict=True)
    assert report["transfer"] == {"value": None, "chance": None, "ceiling": 1.0}
    assert "transfer" in control_report(estimators.oracle, X, X.tolist())
    assert 0 < control_score(estimators.oracle, X, X.tolist()) <= 1


def test__latents_read_without_error__leak_ratio_is_left_out(estimators, grids):
    class Exact(type(estimators.constant)):
        def infer_latent(self, X, labels):
            return self.latents

        recover_latent = infer_latent

        def sample_latents(self, n_samples, random_state):
            self.latents = super().sample_latents(n_samples, random_state)
            return self.latents

    X = grids[:20]
    report = control_report(Exact(), X, X.tolist(), n_latents=20, n_draws=20, output_dict=True)
    assert report["latent_error"]["value"] == 0
    assert report["leak_ratio"]["value"] is None


@pytest.mark.parametrize("dtype", ["u1", "i2", "u8", "f2", "f4", "f8", "U5", object])
def test__labels_of_any_type__report_is_the_same(dtype, estimators, grids):
    X = grids[:60]
    names = np.array([100 + 2 * label for label in range(10)]).astype(dtype)

    class Other:
        classes_ = names
        sample_latents = staticmethod(estimators.oracle.sample_latents)

        def predict(self, X, c):
            return names[estimators.oracle.predict(X, c)]

        def predict_grid(self, X, latents):
            return names[estimators.oracle.predict_grid(X, latents)]

        def infer_latent(self, X, labels):
            return estimators.oracle.infer_latent(X, np.searchsorted(names, labels.astype(dtype)))

    expected = control_report(estimators.oracle, X, X.tolist(), output_dict=True)
    found = control_report(Other(), X, names[X], output_dict=True)
    assert found == {name: expected[name] for name in found}
    assert found.keys() == expected.keys() - {"leak_ratio"}


def test__latents_and_draws__accuracy_and_coverage__are_of_the_first_of_them():
    class Later:
        """From the 33rd latent on, gives the other label, then wrong ones."""

        def sample_latents(self, n_samples, random_state):
            return np.arange(n_samples)[:, None]

        def predict_grid(self, X, latents):
            columns = [X[:, 0]] * 32 + [X[:, 1]] * 4 + [99 + X[:, 0]] * (len(latents) - 36)
            return np.stack(columns, axis=1)

    X = np.arange(2, 22).reshape(10, 2)
    report = control_report(Later(), X, X.tolist(), n_latents=5, n_draws=40, output_dict=True)
    assert report["accuracy"]["value"] == 1
    assert report["coverage"]["value"] == 0.5


@pytest.mark.parametrize(("semantic_control", "share"), [(0.8, 0.8), (1.5, 0.5), (2.5, 0.0)])
def test__control_score__is_the_geometric_mean_of_shares_between_chance_and_ceiling(
    semantic_control, share, monkeypatch
):
    rows = {
        "accuracy": (0.9, 0.5, 1.0),
        "accuracy_worst": (0.6, None, 1.0),
        "coverage": (0.7, 0.4, 0.8),
        "semantic_control": (semantic_control, 0.0, 1.0),
        "transfer": (None, None, 1.0),
    }
    monkeypatch.setattr("condcap_sk.metrics.report._quantities", lambda *args, **kwargs: rows)
    # The worst latent's accuracy counts, and control above its ceiling counts as much less.
    assert control_score(None, None, None) == pytest.approx((0.2 * 0.75 * share) ** (1 / 3))
    # More than calibrated draws reach is no fault.
    rows["coverage"] = (1.0, 0.4, 0.8)
    assert control_score(None, None, None) == pytest.approx((0.2 * 1 * share) ** (1 / 3))
