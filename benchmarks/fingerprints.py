"""Digests of what short fits give, under every setting that chooses other classes.

A change that only moves code leaves all of them as they are:

    python benchmarks/fingerprints.py > before.txt
    python benchmarks/fingerprints.py | diff before.txt -

They hold for one machine and one version of torch.
"""

import argparse
import hashlib
import warnings

import numpy as np
import torch

from condcap_sk import ConditionalCaptioner

RNG = np.random.RandomState(0)
N = 60
FEATURES = RNG.standard_normal((N, 6))
PIXELS = RNG.randint(255, size=(N, 12, 12), dtype=np.uint8)
COLOUR = RNG.random((N, 10, 12, 3)).astype(np.float32)
LABELS = [{i % 5, (i * 3 + 1) % 5} for i in range(N)]
NAMES = [[f"n{i % 4}"] for i in range(N)]
CAPTIONS = [
    [f"a {'red' if i % 2 else 'blue'} dog {'runs' if i % 3 else 'sits down'}", f"one dog {i % 7}"]
    for i in range(N)
]
WORDS = {"dog": [0.1, 0.5, 2.0], "red": [1.0, -1.0, 0.0], "blue": [1.5, -0.5, 0.1]}

CASES = {
    f"{kind}, {shape}, {objective}, {images}": (X, y, {"objective": objective, "images": images})
    for kind, y in (("labels", LABELS), ("sentences", CAPTIONS))
    for shape, X in (("features", FEATURES), ("pixels", PIXELS))
    for objective in ("relativistic", "paper")
    for images in ("matched", "end-to-end", "ignored")
} | {
    "names, colour": (COLOUR, NAMES, {}),
    "characters": (FEATURES, CAPTIONS, {"analyzer": "char"}),
    "callable": (FEATURES, CAPTIONS, {"analyzer": str.split}),
    "word vectors": (FEATURES, CAPTIONS, {"codec__word_vectors": WORDS}),
    "greedy": (FEATURES, CAPTIONS, {"beam_width": 1, "relevance_weight": 0.0}),
    "labels without relevance": (FEATURES, LABELS, {"relevance_weight": 0.0}),
    "none held out": (FEATURES, CAPTIONS, {"validation_fraction": 0.0}),
    "no mutual information": (FEATURES, LABELS, {"mi_weight": 0.0, "n_latents": 2}),
}


def digest(*parts):
    """Return a short digest of arrays and of whatever has a `repr`."""
    total = hashlib.sha256()
    for part in parts:
        is_array = isinstance(part, np.ndarray) and part.dtype.kind in "biuf"
        total.update(part.tobytes() if is_array else repr(part).encode())
    return total.hexdigest()[:12]


def tensors_of(value, found):
    """Collect the bytes of all tensors in an estimator and its parts, whatever their names."""
    if isinstance(value, torch.nn.Module):
        found += [tensor.numpy().tobytes() for tensor in value.state_dict().values()]
    elif hasattr(value, "get_params"):
        for name, inner in vars(value).items():
            if name.endswith("_"):
                tensors_of(inner, found)
    return found


def fingerprint(X, y, params):
    est = ConditionalCaptioner(random_state=0).set_params(
        codec__max_iter=8,
        codec__hidden_size=8,
        image_encoder__max_iter=6,
        image_encoder__n_filters=4,
        gan__max_iter=6,
        gan__batch_size=16,
        **{"validation_fraction": 0.1, **params},
    )
    est.fit(X, y)
    c = est.sample_latents(len(X), random_state=1)
    answers = est.predict(X, c)
    some = slice(0, 6)
    return {
        "weights": digest(*sorted(set(tensors_of(est, [])))),
        "history": digest(sorted(est.history_.items())),
        "predict": digest(est.predict(X).tolist(), answers.tolist()),
        "grid": digest(est.predict_grid(X[some], c[:3]).tolist()),
        "sample": digest(est.sample(X[some], 6)),
        "infer": digest(*est.infer_latent(X[some], answers[some], return_std=True)),
        "speaker": digest(*est.infer_speaker(X[some], answers[some])),
        "recover": digest(est.recover_latent(X[some], c[some])),
        "relevance": digest(est.score_samples(X[some], answers[some])),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="cases whose names hold this")
    only = parser.parse_args().only
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for name, case in CASES.items():
        if only in name:
            found = fingerprint(*case)
            print(f"{name:45s}", *(f"{k}={v}" for k, v in found.items()), flush=True)


if __name__ == "__main__":
    main()
