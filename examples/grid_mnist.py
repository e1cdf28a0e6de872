"""The paper's experiment on GridMNIST
===================================

Answer with one of four digits, and learn a latent that decides which.

An image is a 2×2 grid of digits; its right answers are the digits in it. Why an answer is one digit
and not another is annotated nowhere: the model learns a latent variable for it. With the same
latent for every image, answers are right and skewed to some digits. With a different one for each
image, all digits are about equally frequent.

Prints the paper's table and writes two pictures. Run: ``python examples/grid_mnist.py``
"""

import argparse
import time
from pathlib import Path

import matplotlib
import numpy as np

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import fetch_grid_mnist, load_grid_digits
from condcap_sk.inspection import LabelFrequencyDisplay, LatentTraversalDisplay
from condcap_sk.metrics import (
    fixed_latent_accuracy,
    label_frequencies,
    label_skew,
    total_variation,
)

matplotlib.use("Agg")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[3])
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for the pictures")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    try:
        grids = fetch_grid_mnist()
        name, paper = "GridMNIST", ("98.7 %", "98.0 %")
    except OSError as error:
        print(f"MNIST was not found:\n{error}\n")
        print("scikit-learn's bundled digits are used instead (8x8 pixels, far fewer of them).\n")
        grids = load_grid_digits()
        name, paper = "grids of bundled digits", ("–", "–")
    print(f"{name}: {len(grids.images)} training images, {len(grids.images_test)} test images")

    start = time.perf_counter()
    est = ConditionalCaptioner(random_state=options.seed, verbose=1)
    est.fit(grids.images, grids.label_sets)
    print(f"fitted in {time.perf_counter() - start:.0f} s\n")

    X, label_sets = grids.images_test, grids.label_sets_test
    latents = est.sample_latents(100, random_state=options.seed)
    same = est.predict_grid(X, latents)
    accuracy = fixed_latent_accuracy(same, label_sets)
    frequencies = label_frequencies(same, est.classes_)
    draws = np.random.RandomState(options.seed).standard_normal((20, len(X), est.n_latents))
    different = np.stack([est.predict(X, c) for c in draws], axis=1)
    mixed = label_frequencies(different, est.classes_).mean(axis=0)

    print("accuracy: is the answer one of the digits in the image?")
    print(f"{'':44}{'here':>8}{'paper':>10}")
    print(f"{'same latent for all images, mean of 100':44}{accuracy.mean():>8.1%}{paper[0]:>10}")
    print(f"{'same latent for all images, worst of 100':44}{accuracy.min():>8.1%}{paper[1]:>10}")
    racc = fixed_latent_accuracy(different, label_sets).mean()
    print(f"{'a different latent for each image':44}{racc:>8.1%}{'–':>10}")
    print(
        f"{'no latent given: the most relevant answer':44}{est.score(X, label_sets):>8.1%}{'–':>10}"
    )
    print("(the paper gives two latents, 98.7 % and 98.0 %)\n" if paper[0] != "–" else "")

    print("share of images that get each answer, per cent")
    print(f"{'':28}" + "".join(f"{label!s:>6}" for label in est.classes_) + f"{'skew':>8}")
    # As in the paper's figure, two latents that prefer different digits.
    first = int(np.argmax(total_variation(frequencies, frequencies.mean(axis=0))))
    second = int(np.argmax(total_variation(frequencies, frequencies[first])))
    for title, row in (
        (f"same latent {np.round(latents[first], 1)}", frequencies[first]),
        (f"same latent {np.round(latents[second], 1)}", frequencies[second]),
        ("different latents", mixed),
    ):
        skew = total_variation(row, frequencies.mean(axis=0))
        print(f"{title:28}" + "".join(f"{100 * share:6.1f}" for share in row) + f"{skew:8.2f}")
    print(
        f"mean skew of 100 latents: {label_skew(frequencies):.2f} (0: the latent changes nothing)\n"
    )

    options.out.mkdir(parents=True, exist_ok=True)
    chosen = latents[[first, second]]
    LabelFrequencyDisplay.from_estimator(est, X, label_sets, latents=chosen).figure_.savefig(
        options.out / "label_frequencies.png", dpi=120
    )
    LatentTraversalDisplay.from_estimator(
        est, X[:6], label_sets[:6], latents=latents[:8]
    ).figure_.savefig(options.out / "latent_traversal.png", dpi=120)
    print(f"pictures: {options.out}/label_frequencies.png, {options.out}/latent_traversal.png")


if __name__ == "__main__":
    main()
