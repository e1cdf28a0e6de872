"""Captions of photographs: ours, maximum likelihood, a conditional VAE, and the codec alone.

    python benchmarks/flickr8k.py FOLDER [--only {ours,ml,cvae} …] [--model FILE] [--held-out]
        [--kl-target NATS]
    python benchmarks/flickr8k.py FOLDER --select

All are fitted on the training photographs of Flickr8k (`load_flickr8k`), and scored once on "val".
Their features are computed once and kept in `--cache`. With `--held-out` no photograph of "val" is
used: 1 000 of the training photographs are held out and take its place; this is how choices are
made. `--select` holds out the same, and prints the scores on them of each setting of the peers in
TRIED. CHOSEN are those in use.
"""

import argparse
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import photographs
import torch
from caption_peers import ConditionalVAE, ShowAndTell
from quantities import machine
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch
from truth import KINDS, human_rows, truth_rows

from condcap_sk import ConditionalCaptioner
from condcap_sk.answers.tokenizer import split_words
from condcap_sk.answers.vocabulary import TextVocabulary
from condcap_sk.datasets import load_flickr8k
from condcap_sk.inspection import describe_captions
from condcap_sk.metrics import (
    bleu,
    cider,
    cider_d,
    distinct_n,
    mutual_bleu,
    novelty,
    rouge_l,
    self_cider,
    uniqueness,
)

MIN_DF, MAX_LENGTH = 5, 22  # of the vocabulary, by hand; the same for all
K, N_FEW, N_LATENTS, N_HELD_OUT = 20, 5, 200, 1000
N_TIMED = 256  # photographs
BEAM = 3  # of the conditional VAE, as the estimator's `beam_width`
CHOSEN = {"epochs": 8, "beam": (5, 0.7), "temperature": 0.5, "top_p": (0.6, 0.9)}
TRIED = {
    "epochs": (4, 8),
    "beam": ((3, 0), (5, 0), (10, 0), (3, 0.7), (5, 0.7), (10, 0.7)),
    "temperature": (0.3, 0.4, 0.5, 0.6, 0.8, 1.0),
    "top_p": ((0.6, 0.9), (0.6, 0.8), (0.8, 0.8), (1.0, 0.5), (1.0, 0.7), (1.0, 0.9)),
}
PLACES = {"in", "on", "at", "near", "by", "through", "over", "under", "behind", "beside", "with"}


def single(captions, references):
    """Return the scores of one caption for each photograph."""
    return {
        **{f"BLEU-{n}": value for n, value in enumerate(bleu(captions, references), 1)},
        "ROUGE-L": rouge_l(captions, references).mean(),
        "CIDEr": cider(captions, references).mean(),
        "CIDEr-D": cider_d(captions, references).mean(),
        "words": mean_length(captions),
        **truth_rows(captions, references),
    }


def mean_length(captions):
    return np.mean([len(split_words(caption)) for caption in captions])


def several(captions, references, training):
    """Return the scores of lists of up to `K` captions for each photograph."""
    filled = np.array([row + row[-1:] * (K - len(row)) for row in captions], dtype=object)
    plain = np.stack([cider(column, references) for column in filled.T], axis=1)
    guarded = np.stack([cider_d(column, references) for column in filled.T], axis=1)
    return {
        "best-of-20 CIDEr": plain.max(axis=1).mean(),
        "best-of-20 CIDEr-D": guarded.max(axis=1).mean(),
        "mean CIDEr of 20": plain.mean(),
        "mean CIDEr-D of 20": guarded.mean(),
        "distinct of 20": uniqueness(filled),
        "mBLEU-4 of 5": mutual_bleu(filled[:, :N_FEW]),
        "distinct-1 of 5": distinct_n(filled[:, :N_FEW], 1),
        "distinct-2 of 5": distinct_n(filled[:, :N_FEW], 2),
        "self-CIDEr of 5": self_cider(filled[:, :N_FEW], references),
        "novel": novelty(filled, training),
        **truth_rows(filled.tolist(), references),
    }


def retrieval(est, X, captions):
    """Return how well relevance separates a photograph's own captions from those of others."""
    own = np.repeat(np.arange(len(X)), [len(row) for row in captions])
    tokens = est.codec_.vocabulary_.encode([caption for row in captions for caption in row])
    scores = est.image_encoder_.relevance(est.image_encoder_.transform(X), tokens)
    rank = (scores > scores[own, np.arange(len(own))]).sum(axis=0)
    found = {f"recall@{k}": np.mean(rank < k) for k in (1, 5, 10)}
    is_own = own == np.arange(len(X))[:, None]
    return found | {"AUC": roc_auc_score(is_own.ravel(), scores.ravel())}


PROPERTIES = {
    "words": len,
    "begins with 'the'": lambda row: row[0] == "the",
    "colours": lambda row: len(KINDS["colours"].keys() & row),
    "how many": lambda row: len(KINDS["numbers"].keys() & row),
    "place or part": lambda row: sum(word in PLACES for word in row),
    "'wearing'": lambda row: "wearing" in row,
    "verb in -ing": lambda row: sum(word.endswith("ing") for word in row),
    "'is' or 'are'": lambda row: bool({"is", "are"}.intersection(row)),
}


def show_latents(est, X, seed):
    """Print which properties of captions follow from the latent, and captions of five latents."""
    seed += 400_000
    n = N_LATENTS
    print("\n" + describe_captions(est, X, properties=PROPERTIES, n_latents=n, random_state=seed))
    latents = est.sample_latents(n, random_state=seed)
    grid = est.predict_grid(X[:20], latents)
    lengths = [np.mean([len(split_words(caption)) for caption in column]) for column in grid.T]
    print("\nfive latents from the shortest captions to the longest, the same three photographs:")
    for k in np.argsort(lengths)[np.linspace(0, n - 1, 5).astype(int)]:
        print("  " + " | ".join(grid[:3, k]))


def speakers(est, X, seed):
    """Print how well a speaker, who captions under one latent, is identified by a third caption."""
    rng = np.random.RandomState(500_000 + seed)
    n = len(X) // 3
    latents = est.sample_latents(n, random_state=rng)
    rows = rng.permutation(len(X))[: 3 * n].reshape(3, n)
    read = [est.infer_latent(X[part], est.predict(X[part], latents)) for part in rows]
    first_two = (read[0] + read[1]) / 2
    distance = np.linalg.norm(first_two[:, None] - read[2][None], axis=2)
    rank = (distance < np.diag(distance)[:, None]).mean(axis=1)
    error = np.square(read[2] - latents).mean()
    print(
        f"\nspeakers: of {n} third captions, the same speaker's is nearer to the mean of its first "
        f"two than {1 - rank.mean():.1%} of the others' (chance 50 %); the error of latents read "
        f"from captions is {error:.2f} per dimension (1 where nothing is recovered)."
    )


def timings(est, X):
    """Print the milliseconds of one core that a photograph takes, of batches of 64."""
    c = est.sample_latents(random_state=0)[0]
    for name, answer in (
        ("predict(X)", est.predict),
        (f"sample(X, {K})", lambda part: est.sample(part, K)),
        ("predict(X, c)", lambda part: est.predict(part, c)),
    ):
        start = process_time()
        for first in range(0, N_TIMED, 64):
            answer(X[first : first + 64])
        print(f"{name}: {(process_time() - start) / N_TIMED * 1000:.0f} ms")


def draws(model, vectors, decode, setting, seed):
    """Return `K` captions of each image, drawn at a temperature from a nucleus."""
    rng = torch.Generator().manual_seed(seed)
    return [list(row) for row in zip(*(
        decode(model.sample(vectors, *setting, rng)) for _ in range(K)
    ), strict=True)]  # fmt: skip


def print_columns(columns):
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    width = max(map(len, columns)) + 2
    print(f"\n{'':20}" + "".join(f"{name:>{width}}" for name in columns))
    for name in names:
        decimals = 0 if name == "fit_seconds" else 1 if name == "words" else 3
        cells = [
            f"{column[name]:.{decimals}f}" if name in column else "–" for column in columns.values()
        ]
        print(f"{name:20}" + "".join(f"{cell:>{width}}" for cell in cells))


def vectors_and_words(photos):
    """Return what standardises the features for the peers, and their vocabulary."""
    training = np.concatenate(photos.captions["train"])
    vocabulary = TextVocabulary("word", MIN_DF, None, MAX_LENGTH).fit(training)
    features, n_vectors = photos.features["train"], 1 + photos.n_regions
    n_image = features.shape[1] // n_vectors
    scaler = StandardScaler().fit(features[:, :n_image].astype(np.float32))

    def transform(X):
        X = X.astype(np.float32)
        return np.concatenate([scaler.transform(X[:, :n_image]), X[:, n_image:]], axis=1)

    return transform, vocabulary


def peer(kind, vectors, n_regions, captions, vocabulary, epochs, seed):
    """Return a fitted peer, and the seconds that its fit took."""
    tokens = [vocabulary.encode(np.array(row)) for row in captions]
    start = perf_counter()
    n_image = vectors.shape[1] // (1 + n_regions)
    model = kind(n_image, len(vocabulary), vocabulary.max_length_, seed, n_regions > 0)
    model.fit(vectors, tokens, epochs)
    return model, perf_counter() - start


def hold_out(photos):
    """Return the training photographs in two parts, of which the smaller one is "val"."""
    X, captions = photos.features["train"], photos.captions["train"]
    order = np.random.RandomState(0).permutation(len(X))
    rows = {"val": order[:N_HELD_OUT], "train": order[N_HELD_OUT:]}
    return Bunch(
        features={part: X[i] for part, i in rows.items()},
        captions={part: [captions[k] for k in i] for part, i in rows.items()},
        n_regions=photos.n_regions,
    )


def select(photos, seed):
    """Print the scores of each setting of the peers on "val"."""
    captions, references = photos.captions["train"], photos.captions["val"]
    transform, vocabulary = vectors_and_words(photos)
    vectors, decode = transform(photos.features["val"]), vocabulary.decode
    kept = transform(photos.features["train"])
    for epochs in TRIED["epochs"]:
        model, seconds = peer(
            ShowAndTell, kept, photos.n_regions, captions, vocabulary, epochs, seed
        )
        print(f"maximum likelihood, {epochs} epochs, {seconds:.0f} s", flush=True)
        for beam in TRIED["beam"]:
            scores = single(decode(model.beam(vectors, *beam)), references)
            print(f"  beam {beam}: CIDEr {scores['CIDEr']:.3f}, CIDEr-D {scores['CIDEr-D']:.3f}")
        for setting in [(t, 1.0) for t in TRIED["temperature"]] + list(TRIED["top_p"]):
            drawn = draws(model, vectors, decode, setting, seed)
            scores = several(drawn, references, np.concatenate(captions))
            print(
                f"  temperature, top_p {setting}: best of 20 {scores['best-of-20 CIDEr']:.3f}, "
                f"CIDEr-D {scores['best-of-20 CIDEr-D']:.3f}, "
                f"mean {scores['mean CIDEr of 20']:.3f}",
                flush=True,
            )


def measure_ours(photos, args):
    """Print the scores of the estimator on "val", fitted on "train" or loaded from a file."""
    seed, model = args.seed, args.model
    X, captions = photos.features["train"], photos.captions["train"]
    X_test, references = photos.features["val"], photos.captions["val"]
    training = np.concatenate(captions)

    # None held out, so that all are fitted on the same photographs.
    est = ConditionalCaptioner(
        n_latents=16,
        n_regions=photos.n_regions or None,
        validation_fraction=0,
        n_jobs=2,
        random_state=seed,
        verbose=1,
    )
    est.set_params(
        codec__min_df=MIN_DF, codec__max_length=MAX_LENGTH, gan__kl_target=args.kl_target
    )
    if model is not None and model.exists():
        est = ConditionalCaptioner.load(model)
    else:
        start = perf_counter()
        est.fit(X, captions)
        print(f"fitted in {perf_counter() - start:.0f} s", flush=True)
        if model is not None:
            model.parent.mkdir(parents=True, exist_ok=True)
            est.save(model)
    latents = est.sample_latents(K, random_state=100_000 + seed)
    grid = est.predict_grid(X_test, latents)
    predicted = est.predict(X_test)
    ours = {
        "predict": single(predicted, references),
        "20 latents": single(grid[:, 0], references) | several(grid.tolist(), references, training),
        "sample(20)": several(est.sample(X_test, K), references, training),
    }
    firsts = [row[0] for row in references]
    rebuilt = est.codec_.inverse_transform(est.codec_.transform(firsts))
    ours["codec alone"] = single(rebuilt, references)
    # Each caption by people against the other four; those of models against four, too.
    ours["human"] = human_rows(references) | {"words": mean_length(np.concatenate(references))}
    print_columns(ours)
    print(f"\ncodec: BLEU {bleu(rebuilt, [[text] for text in firsts]).round(3)} of unseen captions")
    for name, rows in (("people", references), ("predict", [[text] for text in predicted])):
        found = retrieval(est, X_test, rows)
        cells = ", ".join(f"{measure} {value:.3f}" for measure, value in found.items())
        print(f"relevance of an image by captions of {name}: {cells}")
    timings(est, X_test)
    show_latents(est, X_test[:50], seed)
    speakers(est, X_test, seed)


def measure_ml(photos, args):
    """Print the scores of maximum likelihood on "val", fitted on "train"."""
    seed, references = args.seed, photos.captions["val"]
    training = np.concatenate(photos.captions["train"])
    model, vectors, decode, seconds = fitted_peer(ShowAndTell, photos, seed)
    columns = {
        "ML greedy": single(decode(model.beam(vectors, 1, 0)), references),
        "ML beam": single(decode(model.beam(vectors, *CHOSEN["beam"])), references)
        | {"fit_seconds": seconds},
    }
    for name, setting in (("ML T", (CHOSEN["temperature"], 1.0)), ("ML nucleus", CHOSEN["top_p"])):
        columns[name] = several(draws(model, vectors, decode, setting, seed), references, training)
    print_columns(columns)


def measure_cvae(photos, args):
    """Print the scores of the conditional VAE on "val", fitted on "train"."""
    references = photos.captions["val"]
    training = np.concatenate(photos.captions["train"])
    model, vectors, decode, seconds = fitted_peer(ConditionalVAE, photos, args.seed)
    latents = np.random.RandomState(100_000 + args.seed).standard_normal((K, model.N_LATENTS))
    grid = np.stack(
        [decode(model.caption(vectors, c, BEAM)) for c in latents.astype(np.float32)], axis=1
    )
    scores = single(grid[:, 0], references) | several(grid.tolist(), references, training)
    print_columns({"CVAE": scores | {"fit_seconds": seconds}})


def fitted_peer(kind, photos, seed):
    """Return a peer fitted on "train", the vectors of "val", what decodes, and seconds."""
    transform, vocabulary = vectors_and_words(photos)
    model, seconds = peer(
        kind,
        transform(photos.features["train"]),
        photos.n_regions,
        photos.captions["train"],
        vocabulary,
        CHOSEN["epochs"],
        seed,
    )
    return model, transform(photos.features["val"]), vocabulary.decode, seconds


MEASURES = {"ours": measure_ours, "ml": measure_ml, "cvae": measure_cvae}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES))
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--select", action="store_true")
    parser.add_argument(
        "--model",
        type=Path,
        help="file to load the estimator from, or to save it to if there is none",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kl-target", type=float, default="auto", help="of the estimator, in nats")
    photographs.add_arguments(parser)
    args = parser.parse_args()
    # Of the peers; the estimator has its `n_jobs`.
    torch.set_num_threads(1)
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    photos = load_flickr8k(args.folder)
    photos.n_regions = args.n_regions
    photos.features = {
        part: photographs.features_of(photos.files[part], part, args) for part in ("train", "val")
    }
    if args.held_out or args.select:
        photos = hold_out(photos)
    if args.select:
        select(photos, args.seed)
        return
    for name in args.only:
        MEASURES[name](photos, args)


if __name__ == "__main__":
    main()
