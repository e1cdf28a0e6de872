"""Captions from few photographs, fitted as on the page Start: what they are worth, how they read.

    python benchmarks/few_photographs.py FOLDER
    python benchmarks/few_photographs.py FOLDER --sizes 150 1000 --show 8
    python benchmarks/few_photographs.py FOLDER --sizes 150 750 --captions 1 5
    python benchmarks/few_photographs.py FOLDER --sizes 160 --search

FOLDER is as `load_flickr8k` takes it. Fits on some of Flickr8k's training photographs, and judges
on 200 of "val". Their features are computed once and kept in `--cache`. `--show` prints captions of
the first of these 200, `--latents` how far the R² of `describe_captions` can be trusted, and what
`find_latent` takes. Seconds are those of the processor. `--search` times a `GridSearchCV` of four
candidates and three folds, in two jobs.
"""

import argparse
from itertools import product
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from photographs import add_arguments, features_of
from quantities import machine
from sklearn.model_selection import GridSearchCV
from truth import truth_rows

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_flickr8k
from condcap_sk.inspection import describe_captions, find_latent
from condcap_sk.inspection._properties import named_properties
from condcap_sk.metrics import cider, cider_d

N_JUDGED, N_LATENTS = 200, 5
N_SAMPLED = 5  # captions of each photograph
N_ASKED, N_DRAWN = (10, 20, 50), (40, 200)  # photographs and latents of `describe_captions`
QUARTILES = (0.25, 0.5, 0.75)
WORDS = ("the", "is", "with", "and")  # properties beside those that have names
WISH = {"words": 8}
CANDIDATES = {"n_latents": [2, 3], "mi_weight": [0.1, 0.3]}


def judge(est, X, references):
    """Print what the captions are worth, in figures."""
    best = est.predict(X)
    print(
        f"  predict: CIDEr {cider(best, references).mean():.3f}, "
        f"CIDEr-D {cider_d(best, references).mean():.3f}"
    )
    latents = est.sample_latents(N_LATENTS, random_state=1)
    for name, rows in (
        ("predict", best),
        ("under latents", est.predict_grid(X, latents)),
        ("sample", est.sample(X, N_SAMPLED)),
    ):
        cells = ", ".join(
            f"{key} {value:.3f}" for key, value in truth_rows(rows, references).items()
        )
        print(f"  {name}: {cells}", flush=True)
    own = [row[0] for row in references]
    for name, captions in (("own captions", own), ("those of others", np.roll(own, 1))):
        relevance = np.quantile(est.score_samples(X, captions), QUARTILES).round(2)
        print(f"  {name}: quartiles of score_samples {relevance}")


def show(est, X, files):
    """Print the captions of photographs."""
    for file, caption in zip(files, est.predict(X), strict=True):
        print(f"  {Path(str(file)).name}: {caption}", flush=True)


def judge_directions(est, X):
    """Print the R² of properties, by photographs and latents, and how two of one property differ.

    Nothing is the same in the two but the model: neither photographs nor latents.
    """
    properties = named_properties("word") | {
        f"'{word}'": lambda row, word=word: word in row for word in WORDS
    }
    for n_asked, n_drawn in product(N_ASKED, N_DRAWN):
        first, second = (
            describe_captions(
                est,
                X[k * n_asked : (k + 1) * n_asked],
                properties=properties,
                n_latents=n_drawn,
                random_state=k,
                output_dict=True,
            )
            for k in range(2)
        )
        r2 = np.array([[found[name]["r2"] for name in properties] for found in (first, second)])
        r2 = np.maximum(r2, 0)
        print(
            f"  {n_asked} photographs, {n_drawn} latents: R² of {', '.join(properties)}: "
            f"{r2.round(2).tolist()}; mean {r2.mean():.2f}, of pairs the mean difference "
            f"{np.abs(r2[0] - r2[1]).mean():.2f}, the largest {np.abs(r2[0] - r2[1]).max():.2f}",
            flush=True,
        )
    for n_asked in (20, 100):
        start = process_time()
        find_latent(est, X[:n_asked], **WISH)
        print(f"  find_latent, {n_asked} photographs: {process_time() - start:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder")
    add_arguments(parser)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 160, 300, 1000, 3000])
    parser.add_argument("--captions", type=int, nargs="+", default=[5], help="of each photograph")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=0, metavar="N", help="so many photographs")
    parser.add_argument("--latents", action="store_true")
    parser.add_argument("--search", action="store_true")
    args = parser.parse_args()
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    data = load_flickr8k(args.folder)
    X = {part: features_of(data.files[part], part, args) for part in ("train", "val")}
    order = {part: np.random.RandomState(0).permutation(len(X[part])) for part in X}
    judged = order["val"][:N_JUDGED]
    shown = judged[: args.show]
    references = [data.captions["val"][row] for row in judged]
    for size, n_captions in product(args.sizes, args.captions):
        rows = order["train"][:size]
        given = X["train"][rows], [data.captions["train"][row][:n_captions] for row in rows]
        est = ConditionalCaptioner(
            n_latents=16, n_regions=args.n_regions or None, random_state=args.seed
        )
        print(f"{size} photographs, {n_captions} captions of each:", flush=True)
        if args.search:
            start = perf_counter()
            GridSearchCV(est, CANDIDATES, cv=3, n_jobs=2, refit=False).fit(*given)
            print(f"  searched in {perf_counter() - start:.0f} s", flush=True)
            continue
        start = process_time()
        est.fit(*given)
        print(f"  fitted in {process_time() - start:.0f} s", flush=True)
        judge(est, X["val"][judged], references)
        show(est, X["val"][shown], [data.files["val"][row] for row in shown])
        if args.latents:
            judge_directions(est, X["val"][judged])


if __name__ == "__main__":
    main()
