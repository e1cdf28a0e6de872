"""Do the latents of captions find what captions of drawn scenes differ in?

    python benchmarks/shapes.py

Scenes of two shapes, whose captions differ in three factors that nobody tells the estimator of
(`make_captioned_shapes`): which shape is spoken of first, whether colours are named, whether both
shapes are told of.
"""

import argparse
from time import perf_counter

import numpy as np
from quantities import machine
from sklearn.feature_selection import mutual_info_classif
from sklearn.model_selection import GroupKFold, cross_val_predict, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import make_captioned_shapes

N_TRAIN, N_TEST, N_LATENTS_LOOKED_AT = 3000, 300, 100


def recovered(latents, factor, groups):
    """How well a factor is told from latents of other groups: accuracy, and information in bits."""
    known = KNeighborsClassifier(15)
    cv = {"cv": GroupKFold(5), "groups": groups}
    accuracy = cross_val_score(known, latents, factor, **cv).mean()
    told = cross_val_predict(known, latents, factor, method="predict_proba", **cv)[:, 1:]
    bits = mutual_info_classif(told, factor, random_state=0)[0] / np.log(2)
    return accuracy, bits


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    train = make_captioned_shapes(N_TRAIN, random_state=0)
    test = make_captioned_shapes(N_TEST, n_captions=8, random_state=1)
    every = [dict(zip(said, rows.tolist(), strict=True)) for said, rows in
             zip(test.captions, test.factors, strict=True)]  # fmt: skip
    for seed in args.seeds:
        start = perf_counter()
        est = ConditionalCaptioner(random_state=seed).fit(train.images, train.captions)
        seconds = perf_counter() - start
        latents = est.sample_latents(N_LATENTS_LOOKED_AT, random_state=100 + seed)
        grid = est.predict_grid(test.images, latents)
        right = np.array(
            [[c in known for c in row] for row, known in zip(grid, every, strict=True)]
        )
        reached = [len(known.keys() & row) / 8 for row, known in zip(grid, every, strict=True)]
        answers = zip(est.predict(test.images), every, strict=True)
        best = np.mean([caption in known for caption, known in answers])
        print(
            f"\nseed {seed}: fitted in {seconds:.0f} s; true captions {right.mean():.3f}, worst "
            f"latent {right.mean(axis=0).min():.3f}, reached of the eight {np.mean(reached):.3f}, "
            f"predict {best:.3f}"
        )
        images = np.repeat(test.images, 8, axis=0)
        said = np.concatenate(test.captions)
        read = est.infer_latent(images, said)
        factors = test.factors.reshape(-1, 3)
        image, latent = np.nonzero(right)
        given = np.array([every[i][grid[i, k]] for i, k in zip(image, latent, strict=True)])
        print(f"{'factor':10}{'from infer_latent':>20}{'bits':>8}{'from c':>10}{'bits':>8}")
        for k, name in enumerate(test.factor_names):
            read_of, bits_read = recovered(read, factors[:, k], np.arange(len(read)) // 8)
            # Some thousand pairs tell enough.
            told_of, bits_told = recovered(latents[latent[::7]], given[::7, k], latent[::7])
            print(f"{name:10}{read_of:20.3f}{bits_read:8.2f}{told_of:10.3f}{bits_told:8.2f}")


if __name__ == "__main__":
    main()
