"""The same seed is the same model, to the last bit: in this process and in another."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import condcap_sk
from condcap_sk import ConditionalCaptioner

RNG = np.random.RandomState(0)
IMAGES = RNG.randint(255, size=(48, 20, 20), dtype=np.uint8)
# Sets of strings iterate in another order in every process.
DATA = {
    "images": (IMAGES, [{"abc"[i % 3], "de"[i % 2]} for i in range(48)]),
    # So many that their training steps fall into shards.
    "features": (RNG.rand(150, 40), [{"a red dog", "the dog"}, {"one cat"}, {"two"}] * 50),
}


def fit(kind, n_steps=5):
    X, y = DATA[kind]
    # Enough held out to calibrate the confidence.
    est = ConditionalCaptioner(validation_fraction=0.4, random_state=0).set_params(
        codec__max_iter=n_steps, codec__hidden_size=64, image_encoder__max_iter=n_steps,
        gan__max_iter=n_steps, gan__decoder_size=64,
    )  # fmt: skip
    return est.fit(X, y)


def digest(est, kind):
    """Return a fingerprint of every weight of a model, and of its answers."""
    X, _ = DATA[kind]
    c = est.sample_latents(len(X), random_state=0)
    answers = est.predict(X, c)
    networks = [est.codec_.encoder_, est.codec_.decoder_, est.image_encoder_.matcher_,
                est.gan_.generator_, est.gan_.discriminator_, est.gan_.recogniser_]  # fmt: skip
    numbers = [t.numpy() for network in networks for t in network.state_dict().values()]
    numbers += [est.latent_bank_, est.infer_latent(X, answers), est.score_samples(X, answers)]
    numbers += [est.confidence(X, answers)]
    text = [*answers.tolist(), *est.predict(X).tolist(), repr(est.history_)]
    return hashlib.sha256(
        b"".join(np.ascontiguousarray(part).tobytes() for part in numbers) + repr(text).encode()
    ).hexdigest()


@pytest.fixture(scope="module")
def models():
    return {kind: fit(kind) for kind in DATA}


@pytest.fixture(scope="module")
def digests(models):
    return {kind: digest(est, kind) for kind, est in models.items()}


def run(*args, **env):
    """Run this file in a process of its own."""
    path = str(Path(condcap_sk.__file__).parents[1])
    return subprocess.run(
        [sys.executable, __file__, *args],
        env={**os.environ, "PYTHONPATH": path, **env},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


# Which instructions torch's own kernels, oneDNN's convolutions and MKL's products are limited to:
# each stands for processors that know no others, and takes other paths.
INSTRUCTIONS = [
    {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    },
    {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    {"ATEN_CPU_CAPABILITY": "avx512"},
]
KNOWN = torch.backends.cpu.get_cpu_capability().lower()


@pytest.mark.parametrize("instructions", INSTRUCTIONS, ids=lambda env: "-".join(env.values()))
def test__any_processor__any_number_of_threads_and_rows__same_bits(instructions):
    wanted = instructions["ATEN_CPU_CAPABILITY"]
    if wanted not in ("default", KNOWN) and not (wanted == "avx2" and KNOWN == "avx512"):
        pytest.skip(f"this processor does not know {wanted}")
    run("threads and rows", **instructions)


@pytest.mark.parametrize("kind", DATA)
def test__fit__again__same_bits(kind, digests):
    assert digest(fit(kind), kind) == digests[kind]


def test__fit__another_process_with_other_threads__same_bits(digests):
    n_threads = torch.get_num_threads() + 1
    found = run("digests", OMP_NUM_THREADS=str(n_threads), PYTHONHASHSEED="1")
    assert found.split() == list(digests.values())


@pytest.fixture
def set_threads():
    """Tell torch how many threads to use, until the test is over."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("kind", DATA)
def test__fit__more_threads_given_to_torch__same_bits(kind, digests, set_threads):
    set_threads(torch.get_num_threads() + 1)
    assert digest(fit(kind), kind) == digests[kind]


@pytest.mark.parametrize("kind", DATA)
def test__answers__other_number_of_threads__same_bits(kind, models, set_threads):
    X, _ = DATA[kind]
    est = models[kind]
    c = est.sample_latents(5, random_state=0)
    found = []
    for n_threads in (1, 2):
        set_threads(n_threads)
        answers = est.predict_grid(X, c)
        found.append((answers, est.infer_latent(X, answers[:, 0]), est.score_samples(X)))
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def check_threads_and_rows():
    for kind, (X, _) in DATA.items():
        digests = set()
        for n_threads in (1, 4):
            torch.set_num_threads(n_threads)
            est = fit(kind, 3)
            digests.add(digest(est, kind))
        assert len(digests) == 1, kind
        answers = est.predict(X)
        everything = est.infer_latent(X, answers), est.score_samples(X, answers)
        for rows in (slice(27, 28), slice(0, 48, 7), slice(None, None, -1)):
            np.testing.assert_array_equal(est.predict(X[rows]), answers[rows])
            alone = est.infer_latent(X[rows], answers[rows])
            np.testing.assert_array_equal(alone, everything[0][rows])
            alone = est.score_samples(X[rows], answers[rows])
            np.testing.assert_array_equal(alone, everything[1][rows])


if __name__ == "__main__":
    if sys.argv[1] == "digests":
        print(*(digest(fit(kind), kind) for kind in DATA))
    else:
        check_threads_and_rows()
