"""How well are wishes met by the latents that `find_latent` finds?

    python benchmarks/wishes.py
    python benchmarks/wishes.py --data mnist --n-latents 9 --kl-weight 0.1 --mi-weight 0.3
    python benchmarks/wishes.py --data flickr --folder FOLDER --model model.safetensors

Of labels, an estimator is fitted on grids: one label is preferred, and each ordered pair of labels.
Of captions, a model is loaded that was fitted on training photographs of Flickr8k
(`benchmarks/flickr8k.py FOLDER --only ours --model FILE`): lengths are wished for, and colours or
none, and the captions' CIDEr-D is compared with that under random latents. The latent is found with
some images, and judged on others; with `--held-out`, all of them are training photographs.
"""

import argparse
import itertools
import warnings
from pathlib import Path

import numpy as np
from photographs import add_arguments, features_of
from quantities import machine

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import fetch_grid_mnist, load_flickr8k, load_grid_digits
from condcap_sk.exceptions import WishWarning
from condcap_sk.inspection import find_latent
from condcap_sk.inspection._properties import named_properties
from condcap_sk.metrics import cider_d

# All chosen by hand.
N_SEARCHED = 100  # images that a latent is found with
N_JUDGED = 500  # photographs that it is judged on
N_RANDOM = 10  # latents that it is compared with
LENGTHS = 6, 8, 10, 12, 14, 16
NEAR = 2  # words


def measure_labels(args):
    """Print how often a preferred label is answered where it is right."""
    fetch = fetch_grid_mnist if args.data == "mnist" else load_grid_digits
    data = fetch()
    est = ConditionalCaptioner(n_latents=args.n_latents, random_state=args.seed)
    est.set_params(mi_weight=args.mi_weight, gan__kl_weight=args.kl_weight)
    est.fit(data.images, data.label_sets)
    X, sets = data.images_test, data.label_sets_test
    rest = slice(N_SEARCHED, None)
    others, right = X[rest], [set(labels) for labels in sets[rest]]
    labels = est.classes_.tolist()

    def answers(wished):
        found = find_latent(est, X[:N_SEARCHED], prefer=wished, random_state=args.seed)
        return est.predict(others, found.latent)

    firsts = []
    for a in labels:
        has = np.array([a in labels for labels in right])
        firsts.append((answers([a])[has] == a).mean())
    seconds = []
    for a, b in itertools.permutations(labels, 2):
        has = np.array([b in labels and a not in labels for labels in right])
        seconds.append((answers([a, b])[has] == b).mean())
    for name, shares in (("prefer=[a], where a is right", firsts),
                         ("prefer=[a, b], where b is and a is not", seconds)):  # fmt: skip
        print(f"{name:40} mean {np.mean(shares):.3f}, worst of {len(shares)} {np.min(shares):.3f}")


def measure_captions(args):
    """Print how long captions are where that is wished, and how many name colours."""
    photos = load_flickr8k(args.folder)
    part = "train" if args.held_out else "val"
    X = features_of(photos.files[part], part, args)[: N_SEARCHED + N_JUDGED]
    references = photos.captions[part][N_SEARCHED : N_SEARCHED + N_JUDGED]
    est = ConditionalCaptioner.load(args.model)
    properties = named_properties("word")
    others = X[N_SEARCHED:]
    random = est.predict_grid(others, est.sample_latents(N_RANDOM, random_state=args.seed))
    quality = np.mean([cider_d(column, references).mean() for column in random.T])
    print(f"CIDEr-D under random latents {quality:.3f}")

    def judged(**wish):
        found = find_latent(est, X[:N_SEARCHED], random_state=args.seed, **wish)
        captions = est.predict(others, found.latent)
        share = cider_d(captions, references).mean() / quality
        return captions, f"CIDEr-D ÷ that under random ones {share:.2f}"

    errors = []
    for words in LENGTHS:
        captions, share = judged(words=words)
        lengths = np.array([len(caption.split()) for caption in captions])
        errors.append(abs(lengths.mean() - words))
        near = (np.abs(lengths - words) <= NEAR).mean()
        print(f"words={words}: mean {lengths.mean():.1f}, within ±{NEAR} {near:.2f}; {share}")
    print(f"mean absolute error of the mean length {np.mean(errors):.2f}")
    has = np.array([
        any(properties["colours"](caption.lower().split()) for caption in captions)
        for captions in references
    ])  # fmt: skip
    for wished in (True, False):
        captions, share = judged(colours=wished)
        named = np.array([properties["colours"](caption.split()) > 0 for caption in captions])
        print(
            f"colours={wished}: named in {named[has].mean():.2f} of those whose references do; "
            f"{share}"
        )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=["digits", "mnist", "flickr"], default="digits")
    parser.add_argument("--folder", help="Flickr8k, as `load_flickr8k` takes it")
    parser.add_argument("--model", type=Path, help="file of a model of photographs")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--n-latents", type=int, default=3, help="of the estimator of labels")
    parser.add_argument("--kl-weight", type=float, default=0.3, help="of the estimator of labels")
    parser.add_argument("--mi-weight", type=float, default=0.1, help="of the estimator of labels")
    parser.add_argument("--seed", type=int, default=0)
    add_arguments(parser)
    args = parser.parse_args()
    if args.data == "flickr" and (args.folder is None or args.model is None):
        parser.error("--data flickr needs --folder and --model")
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    warnings.simplefilter("ignore", WishWarning)
    (measure_captions if args.data == "flickr" else measure_labels)(args)


if __name__ == "__main__":
    main()
