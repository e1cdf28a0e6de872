"""Captions from few photographs: seconds of a fit and of a search, and what the captions are worth.

    python benchmarks/few_photographs.py FOLDER
    python benchmarks/few_photographs.py FOLDER --sizes 160 --search

FOLDER is as `load_flickr8k` takes it. Fits with default parameters on some of Flickr8k's training
photographs and judges on 200 others of them. `--search` times a `GridSearchCV` of four candidates
and three folds, in two jobs.
"""

import argparse
from time import perf_counter

import numpy as np
from quantities import machine
from sklearn.model_selection import GridSearchCV
from truth import form_rows

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_flickr8k
from condcap_sk.metrics import cider, cider_d

N_JUDGED, N_LATENTS = 200, 5
N_SAMPLED = 5  # captions of each photograph
CANDIDATES = {"n_latents": [2, 3], "gan__mi_weight": [0.1, 0.3]}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 160, 300, 1000, 3000])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--search", action="store_true")
    args = parser.parse_args()
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    data = load_flickr8k(args.folder)
    X, captions = data.features["train"].astype(np.float32), data.captions["train"]
    judged, rest = np.split(np.random.RandomState(0).permutation(len(X)), [N_JUDGED])
    references = [captions[row] for row in judged]
    for size in args.sizes:
        rows = rest[:size]
        given = X[rows], [captions[row] for row in rows]
        est = ConditionalCaptioner(random_state=args.seed)
        if args.search:
            search = GridSearchCV(est, CANDIDATES, cv=3, n_jobs=2, refit=False)
            start = perf_counter()
            search.fit(*given)
            print(f"{size} photographs: searched in {perf_counter() - start:.0f} s", flush=True)
            continue
        start = perf_counter()
        est.fit(*given)
        seconds = perf_counter() - start
        best = est.predict(X[judged])
        latents = est.sample_latents(N_LATENTS, random_state=1)
        print(
            f"{size} photographs: fitted in {seconds:.0f} s; predict: CIDEr "
            f"{cider(best, references).mean():.3f}, CIDEr-D {cider_d(best, references).mean():.3f}"
        )
        for name, rows in (
            ("predict", best),
            ("under latents", est.predict_grid(X[judged], latents)),
            ("sample", est.sample(X[judged], N_SAMPLED)),
        ):
            cells = ", ".join(f"{key} {value:.3f}" for key, value in form_rows(rows).items())
            print(f"  {name}: {cells}", flush=True)


if __name__ == "__main__":
    main()
