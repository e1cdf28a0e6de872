"""Do the latents of captions recover the factors that captions of drawn scenes differ in?

    python benchmarks/shapes.py
    python benchmarks/shapes.py --n-latents 2 --n-categories 2
    python benchmarks/shapes.py --setting paper

Scenes of two shapes, whose captions differ in three factors that the estimator is not given
(`make_captioned_shapes`): which shape comes first, whether colours are named, whether both shapes
are named. Of captions that are not true, it is printed what is wrong with them. "kind" is the kind
of the first shape: a latent may mean "crosses first" where the factor means "left before right".
With `--n-categories`, the normalised mutual information of each factor with the category that is
inferred, and the share of the rarest category, are printed, too. `--setting` fits an ancestor.
"""

import argparse
import re
from collections import Counter
from time import perf_counter

import numpy as np
from compare import SETTINGS
from quantities import machine
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LinearRegression
from sklearn.metrics import normalized_mutual_info_score
from sklearn.model_selection import GroupKFold, cross_val_predict, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import make_captioned_shapes
from condcap_sk.datasets.shapes import _COLOURS, _KINDS
from condcap_sk.metrics import dci, mig, modularity, sap

# All chosen by hand.
N_TRAIN, N_TEST, N_CAPTIONS, N_LATENTS = 3000, 300, 8, 100
N_NEIGHBOURS = 15
THINNING = 7  # of the captions under the latents, every seventh: some thousand are enough

ERRORS = "shape", "colour", "binding", "position", "other"
SHAPE = rf"a (?:({'|'.join(_COLOURS)}) )?({'|'.join(_KINDS)})"
PLACE = "(on the left|on the right|at the top|at the bottom)"
RELATION = "(to the left of|to the right of|above|below)"
SENTENCE = re.compile(f"{SHAPE} (?:{PLACE}|{RELATION} {SHAPE})")


def error_of(caption, known):
    """Return what is wrong with a caption of a scene, None if it is one of the `known` eight.

    The first that applies: "other", it is no sentence of the kind that captions are; "shape", a
    shape that is not in the scene, or the same one twice; "colour", a colour that neither shape
    has; "binding", the colour of the other shape; "position", the place or relation alone.
    """
    if caption in known:
        return None
    parts = SENTENCE.fullmatch(caption)
    if parts is None:
        return "other"
    full = max(known, key=len)  # names both shapes, with their colours
    colour, kind, _, _, other_colour, other_kind = SENTENCE.fullmatch(full).groups()
    there = {kind: colour, other_kind: other_colour}
    colour, kind, place, _, other_colour, other_kind = parts.groups()
    named = [(colour, kind)] if place else [(colour, kind), (other_colour, other_kind)]
    if kind == other_kind or any(kind not in there for _, kind in named):
        return "shape"
    if any(colour not in {None, *there.values()} for colour, _ in named):
        return "colour"
    if any(colour not in {None, there[kind]} for colour, kind in named):
        return "binding"
    # One colour alone is a mixture of two sentences, and may be true.
    return "other" if len({colour is None for colour, _ in named}) > 1 else "position"


def print_errors(name, captions, every):
    """Print the share of captions that have each error."""
    found = Counter(error_of(*pair) for pair in zip(captions, every, strict=True))
    cells = ", ".join(f"{error} {found[error] / len(captions):.3f}" for error in ERRORS)
    print(f"errors of {name:8} {cells}")


def first_kinds(captions):
    """Return the kind of the shape that each caption begins with."""
    return np.array([SENTENCE.fullmatch(caption).group(2) for caption in captions])


def recovered(latents, factor, groups):
    """How well latents predict a factor on other groups: accuracy, and information in bits."""
    classifier = KNeighborsClassifier(N_NEIGHBOURS)
    cv = {"cv": GroupKFold(5), "groups": groups}
    accuracy = cross_val_score(classifier, latents, factor, **cv).mean()
    found = cross_val_predict(classifier, latents, factor, method="predict_proba", **cv)[:, 1:]
    bits = mutual_info_classif(found, factor, random_state=0)[0] / np.log(2)
    return accuracy, bits


def print_disentanglement(latents, factors):
    """Print how far components of latents stand for factors, and of what is read off linearly.

    The linear oracle has one code for each factor: what a linear regression on the latents, which
    is given the factor, predicts of it.
    """
    values = np.stack(list(factors.values()), axis=1)
    oracle = cross_val_predict(LinearRegression(), latents, values.astype(float), cv=5)
    print(f"{'':24}{'MIG':>8}{'SAP':>8}{'modularity':>12}{'DCI: D':>8}{'C':>8}{'I':>8}")
    for name, codes in (("latents", latents), ("linear oracle", oracle)):
        found = dci(values, codes, random_state=0)
        cells = mig(values, codes), sap(values, codes), modularity(values, codes)
        print(
            f"{name:24}{cells[0]:8.2f}{cells[1]:8.2f}{cells[2]:12.2f}{found['disentanglement']:8.2f}"
            f"{found['completeness']:8.2f}{found['informativeness']:8.2f}"
        )


def print_categories(categories, n_categories, factors):
    """Print what the inferred categories of captions have to do with each factor."""
    shares = np.bincount(categories, minlength=n_categories) / len(categories)
    cells = ", ".join(
        f"{name} {normalized_mutual_info_score(values, categories):.2f}"
        for name, values in factors.items()
    )
    print(f"normalised mutual information of the category: {cells}; rarest {shares.min():.2f}")


def print_factors(est, test, latents, grid, right):
    """Print how well factors are recovered, from captions that are read and from what was said."""
    rows = zip(test.captions, test.factors.tolist(), strict=True)
    known = [dict(zip(*row, strict=True)) for row in rows]
    images = np.repeat(test.images, N_CAPTIONS, axis=0)
    inferred = est.infer_latent(images, np.concatenate(test.captions))
    image, latent = np.nonzero(right)
    image, latent = image[::THINNING], latent[::THINNING]
    under = grid[image, latent]
    given = np.array([known[i][caption] for i, caption in zip(image, under, strict=True)])
    read = dict(zip(test.factor_names, test.factors.reshape(-1, 3).T, strict=True))
    said = dict(zip(test.factor_names, given.reshape(-1, 3).T, strict=True))
    # What may be chosen by instead of an order: "crosses first".
    read["kind"] = first_kinds(np.concatenate(test.captions))
    said["kind"] = first_kinds(under)
    print(f"{'factor':10}{'from infer_latent':>20}{'bits':>8}{'from c':>10}{'bits':>8}")
    for name in read:
        by_caption = recovered(inferred, read[name], np.arange(len(inferred)) // N_CAPTIONS)
        cells = f"{name:10}{by_caption[0]:20.3f}{by_caption[1]:8.2f}"
        # Of an ancestor, hardly a caption may be true.
        if len(np.unique(said[name])) > 1 and len(np.unique(latent)) > N_NEIGHBOURS:
            by_latent = recovered(latents[latent], said[name], latent)
            cells += f"{by_latent[0]:10.3f}{by_latent[1]:8.2f}"
        print(cells)
    print_disentanglement(inferred, {name: read[name] for name in test.factor_names})
    if est.n_categories is not None:
        print_categories(est.split_latents(inferred)[0][:, 0], est.n_categories, read)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--n-latents", type=int, default=3)
    parser.add_argument("--n-categories", type=int, default=None)
    parser.add_argument("--setting", choices=list(SETTINGS), default="default", help="an ancestor")
    args = parser.parse_args()
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    train = make_captioned_shapes(N_TRAIN, random_state=0)
    test = make_captioned_shapes(N_TEST, n_captions=N_CAPTIONS, random_state=1)
    every = [set(captions) for captions in test.captions]
    params, sees_image = SETTINGS[args.setting]
    params = {**params, "n_latents": args.n_latents, "n_categories": args.n_categories}
    if not sees_image:
        params["images"] = "ignored"
    for seed in args.seeds:
        start = perf_counter()
        est = ConditionalCaptioner(random_state=seed, **params).fit(train.images, train.captions)
        seconds = perf_counter() - start
        latents = est.sample_latents(N_LATENTS, random_state=100 + seed)
        grid = est.predict_grid(test.images, latents)
        right = np.array(
            [[c in known for c in row] for row, known in zip(grid, every, strict=True)]
        )
        reached = [len(known & set(row)) for row, known in zip(grid, every, strict=True)]
        predicted = est.predict(test.images)
        best = np.mean([c in known for c, known in zip(predicted, every, strict=True)])
        print(
            f"\n{args.setting}, seed {seed}: fitted in {seconds:.0f} s; true captions "
            f"{right.mean():.3f}, worst latent {right.mean(axis=0).min():.3f}, reached of the "
            f"eight {np.mean(reached) / N_CAPTIONS:.3f}, predict {best:.3f}"
        )
        print_errors("predict", predicted, every)
        print_errors("latents", grid.ravel(), np.repeat(every, N_LATENTS))
        print_factors(est, test, latents, grid, right)


if __name__ == "__main__":
    main()
