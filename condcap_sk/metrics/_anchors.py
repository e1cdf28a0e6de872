"""What agreement of captions is to be compared with: chance, and people."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike

from ._estimator import Analyzer
from ._retrieval import MOST_IMAGES, RANKS
from .agreement import bleu, cider, cider_d, rouge_l

N_SHIFTS = 3  # of captions, to other images; their mean varies by less than it says; by hand

Anchor = tuple[float | None, float | None]  # chance, people


def agreement_of(
    captions: ArrayLike, references: Collection[object], analyzer: Analyzer
) -> dict[str, float]:
    """Return how far one caption of each image agrees with its references, by every measure."""
    bleus = bleu(captions, references, analyzer=analyzer)
    return {
        **{f"bleu_{n + 1}": float(value) for n, value in enumerate(bleus)},
        **{
            measure.__name__: float(measure(captions, references, analyzer=analyzer).mean())
            for measure in (rouge_l, cider, cider_d)
        },
    }


def anchors_of(
    captions: Sequence[str],
    references: Sequence[Sequence[str]],
    analyzer: Analyzer,
    rng: np.random.RandomState,
) -> dict[str, Anchor]:
    """Return what the measures of `caption_report` are to be compared with, as far as there is any.

    By chance, each image has the caption that was given to another one. A person's caption is one
    of the references of an image, drawn at random, and compared with the others. None where there
    is only one image, or only one reference.

    Parameters
    ----------
    captions : sequence of n_images str
        Those of ``predict(X)``.
    references : sequence of n_images sequences of str
        People's.
    analyzer : {"word", "char"} or callable
        How captions fall into tokens.
    rng : RandomState
        Of what is drawn.
    """
    n_images = len(captions)
    steps = rng.permutation(np.arange(1, n_images))[:N_SHIFTS]
    others = [
        agreement_of(np.roll(np.asarray(captions, dtype=object), step), references, analyzer)
        for step in steps
    ]
    drawn = [rng.randint(len(row)) for row in references]
    several = [i for i, row in enumerate(references) if len(row) > 1]
    people = {}
    if several:
        theirs = [references[i][drawn[i]] for i in several]
        rest = [[*references[i][: drawn[i]], *references[i][drawn[i] + 1 :]] for i in several]
        people = agreement_of(theirs, rest, analyzer)
    n_compared = min(n_images, MOST_IMAGES)
    anchors: dict[str, Anchor] = {f"recall_at_{k}": (min(1.0, k / n_compared), None) for k in RANKS}
    for name in ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider", "cider_d"):
        chance = float(np.mean([values[name] for values in others])) if others else None
        anchors[name] = chance, people.get(name)
    return anchors
