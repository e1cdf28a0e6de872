"""Global switches of the program around us change nothing, and are left as they were."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache, partial
from threading import Barrier

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from skorch.callbacks import Callback

from condcap_sk import ConditionalCaptioner
from condcap_sk._torch.environment import own_environment
from condcap_sk.text import CaptionCodec
from condcap_sk.vision import ImageEncoder, PretrainedFeatures

RNG = np.random.RandomState(0)
IMAGES = RNG.randint(255, size=(24, 5, 6, 3), dtype=np.uint8)
FEATURES = RNG.rand(24, 5)
DATA = {
    "labels": (IMAGES, [{i % 3, 3 + i % 2} for i in range(24)]),
    "sentences": (FEATURES, [["a red dog runs", "the dog"], ["one cat"]] * 12),
    "end-to-end": (IMAGES, [{i % 3, 3 + i % 2} for i in range(24)]),
}
pytestmark = pytest.mark.filterwarnings("ignore:The latent decides next to nothing")


@contextmanager
def switched(set_value, value, before):
    set_value(value)
    try:
        yield
    finally:
        set_value(before)


@contextmanager
def errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "The latent decides next to nothing")
        yield


def dtype(value):
    return partial(switched, torch.set_default_dtype, value, torch.float32)


@contextmanager
def all_of(*switches):
    with ExitStack() as stack:
        for switch in switches:
            stack.enter_context(switch())
        yield


# Switches of one line do not touch what the others do.
SWITCHES = {
    "scikit-learn": partial(
        sklearn.config_context,
        transform_output="pandas",
        assume_finite=True,
        enable_metadata_routing=True,
        skip_parameter_validation=True,
        working_memory=1,
    ),
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
    "float64": dtype(torch.float64),
    "float16": dtype(torch.float16),
    "bfloat16": dtype(torch.bfloat16),
    "device meta": partial(torch.device, "meta"),
    "default device": partial(switched, torch.set_default_device, "meta", None),
    "autocast": partial(torch.autocast, "cpu", dtype=torch.bfloat16),
    "flags of torch": partial(
        all_of,
        partial(switched, torch.use_deterministic_algorithms, True, False),
        partial(switched, torch.set_flush_denormal, True, False),
        partial(switched, torch.set_float32_matmul_precision, "medium", "highest"),
        partial(switched, torch.autograd.set_detect_anomaly, True, False),
    ),
    "numpy and seeds": partial(
        all_of,
        partial(np.errstate, all="raise"),
        partial(np.printoptions, precision=1, threshold=2, legacy="1.13"),
        partial(switched, np.random.seed, 7, 0),
        partial(switched, torch.manual_seed, 7, 0),
    ),
    "warnings are errors": errors,
    "one thread": partial(switched, torch.set_num_threads, 1, torch.get_num_threads()),
    "three threads": partial(switched, torch.set_num_threads, 3, torch.get_num_threads()),
}


def estimator(kind):
    images = "end-to-end" if kind == "end-to-end" else "matched"
    return ConditionalCaptioner(images=images, random_state=0).set_params(
        codec__max_iter=4, codec__hidden_size=8, codec__n_components=8, image_encoder__max_iter=2,
        image_encoder__n_filters=2, gan__max_iter=2, gan__batch_size=8, gan__decoder_size=8,
        gan__hidden_size=8,
    )  # fmt: skip


def answers(est, kind, folder):
    """Everything that a fitted estimator gives."""
    X, y = (rows[:4] for rows in DATA[kind])
    c = est.sample_latents(3, random_state=0)
    grid = est.predict_grid(X, c)
    given = grid[:, 0]
    est.save(folder / "model")
    loaded = ConditionalCaptioner.load(folder / "model")
    return [
        grid.tolist(),
        est.predict(X).tolist(),
        est.predict(X, c[0]).tolist(),
        est.sample(X[:1], 3),
        *(part.tolist() for part in est.infer_latent(X, given, return_std=True)),
        *(part.tolist() for part in est.infer_speaker(X[:2], given[:2])),
        est.recover_latent(X, c[0]).tolist(),
        est.score_samples(X, given).tolist(),
        est.score(X, y),
        loaded.infer_latent(X, given).tolist(),
        est.history_,
    ]


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    @cache
    def made(kind):
        est = estimator(kind).fit(*DATA[kind])
        return est, answers(est, kind, tmp_path_factory.mktemp(kind))

    return made


def globals_now():
    return (
        sklearn.get_config(), np.geterr(), np.get_printoptions(),
        torch.is_grad_enabled(), torch.is_inference_mode_enabled(),
        torch.get_default_dtype(), torch.get_default_device(), torch.is_autocast_enabled("cpu"),
        torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision(),
        torch.is_anomaly_enabled(), torch.get_num_threads(), bool(np.float32(1e-40)),
        np.random.get_state()[1].tolist(), torch.get_rng_state().tolist(), len(warnings.filters),
        torch.backends.mkldnn.enabled,
    )  # fmt: skip


# One way through the estimator sets and restores them all; what differs is what they do to networks
# that read images inside the game.
OF_END_TO_END = {"no gradients", "inference mode", "float64", "default device", "autocast"}


@pytest.mark.parametrize(
    ("switch", "kind"),
    [
        (switch, kind)
        for switch in SWITCHES
        for kind in DATA
        if kind != "end-to-end" or switch in OF_END_TO_END
    ],
)
def test__switch__of_any_kind__same_bits_and_all_as_found(switch, kind, expected, tmp_path):
    est, right = expected(kind)
    with SWITCHES[switch]():
        before = globals_now()
        # Fitted and asked under it; fitted elsewhere, and asked under it.
        under = answers(estimator(kind).fit(*DATA[kind]), kind, tmp_path)
        other = answers(est, kind, tmp_path) if kind == "sentences" else right
        assert globals_now() == before
    assert under == right
    assert other == right


@pytest.mark.parametrize("switch", SWITCHES)
def test__pretrained_features__under_any_switch__same_bits(switch):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))

    def features():
        return np.asarray(
            PretrainedFeatures(network, preprocess=lambda x: x / 255).transform(IMAGES)
        )

    right = features()
    with SWITCHES[switch]():
        before = globals_now()
        found = features()
        assert globals_now() == before
    np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize("part", ["image_encoder", "codec"])
def test__set_output__of_a_part__same_answers(part, expected):
    X, y = DATA["labels"]
    made = {"image_encoder": ImageEncoder, "codec": CaptionCodec}[part]()
    est = estimator("labels").set_params(
        **{part: made.set_params(**getattr(estimator("labels"), part).get_params())}
    )
    getattr(est, part).set_output(transform="pandas")
    est.fit(X, y)
    right, _ = expected("labels")
    np.testing.assert_array_equal(est.predict_grid(X, np.eye(3)), right.predict_grid(X, np.eye(3)))
    assert isinstance(
        est.image_encoder_.transform(X), pd.DataFrame if part == "image_encoder" else np.ndarray
    )


class Fail(Callback):
    def on_batch_end(self, net, **kwargs):
        raise ZeroDivisionError


@pytest.mark.parametrize("switch", SWITCHES)
def test__switch__fit_fails__all_as_found(switch):
    X, y = DATA["labels"]
    with SWITCHES[switch]():
        before = globals_now()
        with pytest.raises(ZeroDivisionError):
            estimator("labels").set_params(gan__callbacks=[Fail()]).fit(X, y)
        with pytest.raises(ValueError, match="y holds"):
            estimator("labels").fit(X, y[1:])
        assert globals_now() == before


def test__default_dtype__two_threads_inside__switched_back_by_the_last():
    both_in, one_out = Barrier(2), Barrier(2)

    def work(leaves_first):
        with own_environment():
            both_in.wait(timeout=10)
            if not leaves_first:
                one_out.wait(timeout=10)
            inside = torch.get_default_dtype()
        if leaves_first:
            one_out.wait(timeout=10)
        return inside

    with SWITCHES["float64"](), ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, [True, False])) == [torch.float32] * 2
        assert torch.get_default_dtype() == torch.float64


def test__own_environment__all_switches_at_once__is_that_of_a_fresh_program():
    with ExitStack() as stack:
        for name, switch in SWITCHES.items():
            if name not in {"warnings are errors", "inference mode"}:
                stack.enter_context(switch())
        with own_environment():
            assert (torch.ones(1) / 3).dtype == torch.float32
            assert torch.ones(1).device.type == "cpu"
            assert (torch.ones(1, requires_grad=True) @ torch.ones(1)).requires_grad
            assert np.float32(1e-40) > 0
            assert np.float32(1e30) * np.float32(1e-30) > 0
        with nullcontext():
            assert torch.get_default_dtype() != torch.float32
