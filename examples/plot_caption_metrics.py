"""How good are captions: agreement and diversity
================================================

One number does not describe captions. We let three captioners that need no training caption the
same scenes, and see what each measure notices.
"""

# %%
# Scenes and three captioners
# ---------------------------
# Each scene has eight right captions. *Safe* gives the same one for a scene every time, *diverse*
# a right one that differs, and *wrong* right captions of other scenes.

import matplotlib.pyplot as plt
import numpy as np

from condcap_sk.datasets import make_captioned_shapes

scenes = make_captioned_shapes(200, n_captions=8, random_state=0)
rng = np.random.default_rng(0)
k = 5


def some(captions):
    return list(rng.permutation(captions)[:k])


# People's captions, which are compared with: four of the eight.
references = [captions[:4] for captions in scenes.captions]
captioners = {
    "safe": [[captions[4]] * k for captions in scenes.captions],
    "diverse": [some(captions[3:]) for captions in scenes.captions],
    "wrong": [some(scenes.captions[i - 1][3:]) for i in range(len(references))],
}

# %%
# Agreement
# ---------
# BLEU, ROUGE-L and CIDEr compare captions with people's. "CIDEr" in papers is CIDEr-D. Captions of
# another scene agree in many words all the same: by BLEU-1 they seem two thirds as good.

from condcap_sk.metrics import best_of_k, bleu, cider, cider_d, rouge_l

print(f"{'':9}{'BLEU-1':>8}{'BLEU-4':>8}{'ROUGE-L':>9}{'CIDEr':>8}{'CIDEr-D':>9}{'best of 5':>11}")
agreement = {}
for name, rows in captioners.items():
    first = [row[0] for row in rows]
    scores = bleu(first, references)
    agreement[name] = cider_d(first, references).mean()
    print(
        f"{name:9}{scores[0]:8.2f}{scores[3]:8.2f}{rouge_l(first, references).mean():9.2f}"
        f"{cider(first, references).mean():8.2f}{agreement[name]:9.2f}"
        f"{best_of_k(rows, references).mean():11.2f}"
    )

# %%
# Diversity
# ---------
# Of several captions of an image: how many differ, the shares of distinct words and pairs of
# words, how much of each is in the others (lower is more diverse), and Self-CIDEr. `novelty` is
# the share that stands nowhere in the training captions.

from condcap_sk.metrics import distinct_n, mutual_bleu, novelty, self_cider, uniqueness

known = [caption for row in references for caption in row]
print(f"{'':9}{'different':>10}{'distinct-2':>11}{'mBLEU-4':>9}{'Self-CIDEr':>11}{'novel':>8}")
diversity = {}
for name, rows in captioners.items():
    diversity[name] = self_cider(rows, references)
    flat = [caption for row in rows for caption in row]
    print(
        f"{name:9}{uniqueness(rows):10.2f}{distinct_n(rows):11.2f}{mutual_bleu(rows):9.2f}"
        f"{diversity[name]:11.2f}{novelty(flat, known):8.2f}"
    )

# %%
# Both together
# -------------
# *Wrong* is as diverse as *diverse*, and *safe* agrees nearly as well. Only the corner at the upper
# right is good.

fig, ax = plt.subplots(figsize=(4.6, 3.4), layout="constrained")
for name in captioners:
    ax.scatter(agreement[name], diversity[name], s=60)
    ax.annotate(name, (agreement[name], diversity[name]), (6, 6), textcoords="offset points")
ax.set(xlabel="agreement: CIDEr-D", ylabel="diversity: Self-CIDEr", ylim=(0, 1))
ax.margins(x=0.3)
plt.show()

# %%
# What factors the latent stands for
# ----------------------------------
# Captions of these scenes differ in three known factors. If codes should each stand for one factor,
# these measures tell how far they do: here for the factors themselves, and for a mixture of them.

from condcap_sk.metrics import dci, mig, modularity, sap

factors = scenes.factors.reshape(-1, 3)[:600]
codes = factors + 0.1 * rng.standard_normal(factors.shape)
turned = codes @ np.array([[1, 1, 0], [-1, 1, 1], [0, -1, 1]])
for name, found in (("one each", codes), ("mixed", turned)):
    scores = dci(factors, found)
    print(
        f"{name:9} MIG {mig(factors, found):.2f}  SAP {sap(factors, found):.2f}  "
        f"modularity {modularity(factors, found):.2f}  DCI {scores['disentanglement']:.2f}, "
        f"{scores['completeness']:.2f}, {scores['informativeness']:.2f}"
    )

# %%
# For a fitted captioner, `caption_report` prints nearly all of these at once; `bleu_score` and
# `oracle_score` are scorers for model selection.

from condcap_sk.metrics import bleu_score, caption_report, oracle_score

print([function.__name__ for function in (caption_report, bleu_score, oracle_score)])
