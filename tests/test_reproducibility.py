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


def fit(kind):
    X, y = DATA[kind]
    est = ConditionalCaptioner(random_state=0).set_params(
        codec__max_iter=20, codec__hidden_size=64, image_encoder__max_iter=20, gan__max_iter=20
    )
    return est.fit(X, y)


def digest(kind):
    """Return a fingerprint of every weight of a model, and of what it says."""
    X, _ = DATA[kind]
    est = fit(kind)
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


if __name__ == "__main__":
    print(digest(sys.argv[1]))
