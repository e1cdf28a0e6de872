"""What the estimator costs, as ratios of two things done in turns in one run.

    python benchmarks/speed.py
    python benchmarks/speed.py --repetitions 9

Each ratio is the median over repetitions, in which both sides are done one after the other; the
range is that of the single repetitions. Data are random: time does not depend on what they show.
Figures of quality, and of the paper's loop against the estimator, are in grid_mnist.py.
"""

import argparse
import subprocess
import sys
import threading
import warnings
from time import perf_counter

import numpy as np
import torch
from quantities import machine
from skorch import NeuralNet
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from condcap_sk import ConditionalCaptioner
from condcap_sk._torch.seeding import make_rng
from condcap_sk.text import CaptionCodec
from condcap_sk.training.net import decay_groups
from condcap_sk.training.shards import OF_IMAGES
from condcap_sk.vision import ImageEncoder
from condcap_sk.vision.modules import ConvolutionalNetwork

N_IMAGES, SIZE, N_STEPS = 1000, 64, 15  # by hand
WORDS = np.array(list("abcdefghijklmnopqrst"))


def data(rng):
    images = rng.randint(255, size=(N_IMAGES, SIZE, SIZE), dtype=np.uint8)
    labels = [set(rng.randint(10, size=4).tolist()) for _ in range(N_IMAGES)]
    features = rng.standard_normal((N_IMAGES, 256)).astype(np.float32)
    captions = [[" ".join(rng.choice(WORDS, 10)) for _ in range(5)] for _ in range(N_IMAGES)]
    return images, labels, features, captions


def seconds(function):
    start = perf_counter()
    function()
    return perf_counter() - start


def in_one_thread(function):
    """Return a function that calls another while torch has one thread."""

    def call():
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return function()
        finally:
            torch.set_num_threads(before)

    return call


def bare_training(encoder, images, vector_sets):
    """The encoder's steps by hand, without its shifts and dropout."""
    bank, index = np.unique(np.concatenate(vector_sets), axis=0, return_inverse=True)
    bank, index = torch.from_numpy(bank), index.reshape(-1)
    fits = torch.zeros(len(images), len(bank))
    owners = np.repeat(np.arange(len(images)), [len(vectors) for vectors in vector_sets])
    fits[owners, index] = 1
    given = torch.from_numpy(images)[:, None]
    matcher = type(encoder.matcher_).build(
        argparse.Namespace(vectors=bank.numpy()), given.shape[1:], encoder.n_filters, False
    )
    matcher.network.standardise.fit(given)
    optimizer = torch.optim.AdamW(decay_groups(matcher.parameters()), lr=encoder.lr, fused=True)
    order, n_done = make_rng(0), 0

    def train():
        nonlocal n_done
        while n_done < encoder.n_iter_:
            for rows in torch.randperm(len(given), generator=order).split(encoder.batch_size):
                if len(rows) < encoder.batch_size:
                    continue
                optimizer.zero_grad()
                # Batch statistics of as many images as the estimator's.
                for part in rows.split(OF_IMAGES):
                    log_odds = matcher(matcher.image_vectors(given[part]), bank)
                    loss = torch.nn.functional.binary_cross_entropy_with_logits(
                        log_odds, fits[part], reduction="sum"
                    )
                    (loss / len(rows)).backward()
                optimizer.step()
                n_done += 1

    return in_one_thread(train)


class Classifier(nn.Module):
    """The encoder's network and a layer of decisions: the multi-label classifier of textbooks."""

    def __init__(self):
        super().__init__()
        self.network = ConvolutionalNetwork(1, SIZE, SIZE, n_filters=16)
        self.decide = nn.Linear(self.network.n_features, 10)

    def forward(self, images):
        return self.decide(self.network(images))


def classifier(images, labels, batch_size):
    """A multi-label classifier in plain skorch, trained for as many steps as the encoder."""
    targets = np.array([[float(label in answers) for label in range(10)] for answers in labels])
    net = NeuralNet(
        Classifier,
        criterion=nn.BCEWithLogitsLoss,
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        batch_size=batch_size,
        max_epochs=N_STEPS // (len(images) // batch_size),
        iterator_train__shuffle=True,
        iterator_train__drop_last=True,
        train_split=None,
        verbose=0,
    )
    given = images[:, None].astype(np.float32)
    return in_one_thread(lambda: net.fit(given, targets.astype(np.float32)))


def operations(images):
    """Return those of one training step of the encoder, which are thrice those of a forward pass.

    An addition and a multiplication are two.
    """
    network = ConvolutionalNetwork(1, SIZE, SIZE, n_filters=16).eval()
    batch = torch.from_numpy(images[: ImageEncoder().batch_size])[:, None]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(batch)
    return 3 * counter.get_total_flops()


def peak(n_threads, size=512, repetitions=60):
    """Operations a second of matrix products, in so many threads that compute one each."""

    def work():
        torch.set_num_threads(1)
        for _ in range(repetitions):
            matrix @ matrix

    matrix = torch.randn(size, size, generator=make_rng(0))
    threads = [threading.Thread(target=work) for _ in range(n_threads)]

    def run():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return n_threads * repetitions * 2 * size**3 / seconds(run)


def fits(images, labels, features, captions):
    """Pairs of a name and two functions: a fit, and what it is compared with."""
    codec = CaptionCodec(max_iter=20, random_state=0).fit(range(10))
    vectors = [codec.transform(sorted(answers)) for answers in labels]
    settings = {"random_state": 0, "max_iter": N_STEPS}

    def encoder(n_jobs):
        return ImageEncoder(**settings, n_jobs=n_jobs).fit(images, vectors)

    def captioner(n_jobs):
        est = ConditionalCaptioner(random_state=0, n_jobs=n_jobs, validation_fraction=0)
        lengths = {f"{stage}__max_iter": N_STEPS for stage in ("codec", "image_encoder", "gan")}
        return est.set_params(**lengths)

    fitted = encoder(1)
    yield (
        "image encoder: fit ÷ the same steps in bare torch, one thread",
        lambda: encoder(1),
        lambda: bare_training(fitted, images, vectors)(),
    )
    yield (
        "image encoder: fit ÷ a multi-label classifier in plain skorch, one thread",
        lambda: encoder(1),
        classifier(images, labels, fitted.batch_size),
    )
    if torch.get_num_threads() > 1:
        yield "image encoder: one thread ÷ two", lambda: encoder(1), lambda: encoder(2)
        for name, X, y in (("labels", images, labels), ("sentences", features, captions)):
            yield (
                f"{name}: one thread ÷ two",
                lambda X=X, y=y: captioner(1).fit(X, y),
                lambda X=X, y=y: captioner(2).fit(X, y),
            )


def predictions(images, labels):
    """Pairs of a name and two functions: a prediction, and what it is compared with."""
    lengths = {"codec__max_iter": 100, "image_encoder__max_iter": N_STEPS, "gan__max_iter": N_STEPS}
    est = ConditionalCaptioner(random_state=0).set_params(**lengths).fit(images, labels)
    matcher, c = est.image_encoder_.matcher_, est.sample_latents(random_state=0)[0]
    generator, decoder = est.gan_.generator_, est.codec_.decoder_
    answers = est.predict(images, c)

    @torch.no_grad()
    def bare_views():
        for batch in torch.from_numpy(images)[:, None].split(64):
            matcher.image_vectors(batch)

    @torch.no_grad()
    def bare_answer():
        """One image through the networks that answer: vector, G, decoder, relevance."""
        vector = matcher.image_vectors(torch.from_numpy(images[:1])[:, None])
        generated = generator(vector, torch.from_numpy(c)[None])
        logits = decoder.steps(generated)(torch.full((1,), decoder.start))
        ids = logits.topk(10).indices
        matcher(vector, est.codec_.encoder_.stepwise(ids.T)[None])

    def many(function):
        return lambda: [function() for _ in range(50)]

    yield (
        "transform ÷ one bare view",
        lambda: est.image_encoder_.transform(images),
        bare_views,
    )
    yield (
        "predict(X, c) of one image ÷ bare forward passes",
        many(lambda: est.predict(images[:1], c)),
        many(bare_answer),
    )
    yield (
        "infer_latent of 1 000 images ÷ predict(X, c)",
        lambda: est.infer_latent(images, answers),
        lambda: est.predict(images, c),
    )


def imports():
    """The import of the package, and that of what it is built on."""

    def fresh(*names):
        command = [sys.executable, "-c", f"import {', '.join(names)}"]
        return lambda: subprocess.run(command, check=True)

    return (
        "import condcap_sk ÷ import torch, sklearn, skorch",
        fresh("condcap_sk"),
        fresh("torch", "sklearn", "skorch"),
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=5)
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # so short fits do not converge
    print(", ".join(f"{key} {value}" for key, value in machine().items()), flush=True)
    images, labels, features, captions = data(np.random.RandomState(0))
    for n_threads in sorted({1, torch.get_num_threads()}):
        best = max(peak(n_threads) for _ in range(args.repetitions))
        print(f"matrix products, threads {n_threads}: {best / 1e9:.0f} GFLOP a second")
    print(f"image encoder: {operations(images) / 1e9:.2f} GFLOP a training step", flush=True)
    for name, ours, theirs in (
        *fits(images, labels, features, captions),
        *predictions(images, labels),
        imports(),
    ):
        ours(), theirs()  # the first call pays for what is loaded and allocated once
        ratios = [seconds(ours) / seconds(theirs) for _ in range(args.repetitions)]
        low, high = min(ratios), max(ratios)
        print(f"{name}: {np.median(ratios):.2f} ({low:.2f} to {high:.2f})", flush=True)


if __name__ == "__main__":
    main()
