"""The same seed is the same model, to the last bit: in this process and in another."""

import hashlib
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import condcap_sk
from condcap_sk import ConditionalCaptioner

RNG = np.random.RandomState(0)
IMAGES = RNG.randint(255, size=(150, 20, 20), dtype=np.uint8)
# Sets of strings iterate in another order in every process.
DATA = {
    "images": (IMAGES, [{"abc"[i % 3], "de"[i % 2]} for i in range(150)]),
    "features": (RNG.rand(150, 40), [{"a red dog", "the dog"}, {"one cat"}, {"two"}] * 50),
}


def fit(kind, n_steps=20):
    X, y = DATA[kind]
    est = ConditionalCaptioner(random_state=0).set_params(
        codec__max_iter=n_steps, codec__hidden_size=64, image_encoder__max_iter=n_steps,
        gan__max_iter=n_steps, gan__decoder_size=64,
    )  # fmt: skip
    return est.fit(X, y)


def digest(kind, n_steps=20):
    """Return a fingerprint of every weight of a model, and of what it says."""
    X, _ = DATA[kind]
    est = fit(kind, n_steps)
    c = est.sample_latents(len(X), random_state=0)
    answers = est.predict(X, c)
    networks = [est.codec_.encoder_, est.codec_.decoder_, est.image_encoder_.matcher_,
                est.gan_.generator_, est.gan_.discriminator_, est.gan_.recogniser_]  # fmt: skip
    numbers = [t.numpy() for network in networks for t in network.state_dict().values()]
    numbers += [est.latent_bank_, est.infer_latent(X, answers), est.score_samples(X, answers)]
    text = [*answers.tolist(), *est.predict(X).tolist(), repr(est.history_)]
    return hashlib.sha256(
        b"".join(np.ascontiguousarray(part).tobytes() for part in numbers) + repr(text).encode()
    ).hexdigest()


# Which instructions torch's own kernels, oneDNN's convolutions and MKL's products are limited to:
# each stands for processors that know no others, and takes other paths.
INSTRUCTIONS = [
    {"ATEN_CPU_CAPABILITY": "default"},
    {"ATEN_CPU_CAPABILITY": "avx2"},
    {"ATEN_CPU_CAPABILITY": "avx512"},
    {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
]
KNOWN = torch.backends.cpu.get_cpu_capability().lower()


@pytest.mark.slow
@pytest.mark.parametrize("instructions", INSTRUCTIONS, ids=lambda env: "-".join(env.values()))
def test__any_processor__any_number_of_threads_and_rows__same_bits(instructions):
    wanted = instructions.get("ATEN_CPU_CAPABILITY", "default")
    if wanted not in ("default", KNOWN) and not (wanted == "avx2" and KNOWN == "avx512"):
        pytest.skip(f"this processor does not know {wanted}")
    subprocess.run(
        [sys.executable, __file__],
        env={**os.environ, **instructions, "PYTHONPATH": str(Path(condcap_sk.__file__).parents[1])},
        check=True,
    )


@pytest.mark.parametrize("kind", DATA)
def test__fit__again__same_bits(kind):
    assert digest(kind) == digest(kind)


@pytest.mark.parametrize("kind", DATA)
def test__fit__another_process_with_other_threads__same_bits(kind):
    told = subprocess.run(
        [sys.executable, __file__, kind],
        env={
            **os.environ,
            "OMP_NUM_THREADS": str(torch.get_num_threads() + 1),
            "PYTHONHASHSEED": "1",
            "PYTHONPATH": str(Path(condcap_sk.__file__).parents[1]),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == digest(kind)


@pytest.mark.parametrize("kind", DATA)
def test__fit__more_threads_told_to_torch__same_bits(kind, request):
    request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
    expected = digest(kind)
    torch.set_num_threads(torch.get_num_threads() + 1)
    assert digest(kind) == expected


@pytest.mark.parametrize("kind", DATA)
def test__answers__other_number_of_threads__same_bits(kind, request):
    X, _ = DATA[kind]
    est = fit(kind)
    c = est.sample_latents(5, random_state=0)
    said = []
    request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
    for n_threads in (1, 2):
        torch.set_num_threads(n_threads)
        answers = est.predict_grid(X, c)
        said.append((answers, est.infer_latent(X, answers[:, 0]), est.score_samples(X)))
    for one, two in zip(*said, strict=True):
        np.testing.assert_array_equal(one, two)


def check_threads_and_company():
    for kind, (X, _) in DATA.items():
        digests = set()
        for n_threads in (1, 2, 4):
            torch.set_num_threads(n_threads)
            digests.add(digest(kind, 3))
        assert len(digests) == 1, kind
        est = fit(kind, 3)
        answers = est.predict(X)
        everything = est.infer_latent(X, answers), est.score_samples(X, answers)
        for rows in (slice(77, 78), slice(0, 150, 7), slice(None, None, -1)):
            np.testing.assert_array_equal(est.predict(X[rows]), answers[rows])
            alone = est.infer_latent(X[rows], answers[rows])
            np.testing.assert_array_equal(alone, everything[0][rows])
            alone = est.score_samples(X[rows], answers[rows])
            np.testing.assert_array_equal(alone, everything[1][rows])


if __name__ == "__main__":
    if sys.argv[1:]:
        print(digest(sys.argv[1]))
    else:
        check_threads_and_company()
