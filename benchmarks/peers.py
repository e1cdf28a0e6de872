"""Alternatives to the latent GAN for labels, on the same image vectors.

Each has what it can have of the estimator's methods: `predict`, `predict_grid`, `infer_latent`,
`infer_speaker`, `sample_latents`.
"""

from itertools import pairwise

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import MultiLabelBinarizer
from torch import nn
from torch.nn import functional as F

# All chosen by hand.
BATCH_SIZE, WIDTH, LR, N_STEPS = 256, 128, 1e-3, 2000
N_LATENTS = 3
N_PROPOSALS = 1000  # latents from the prior that importance sampling weighs


class _Peer:
    """Fitted on image vectors of a fitted encoder, and on class indicators."""

    def __init__(self, image_encoder, seed):
        self.image_encoder = image_encoder
        self.seed = seed

    def fit(self, vectors, label_sets):
        binarizer = MultiLabelBinarizer().fit(label_sets)
        self.classes_ = binarizer.classes_
        self._fit(vectors, binarizer.transform(label_sets))
        return self

    def sample_latents(self, n_samples, random_state):
        return random_state.standard_normal((n_samples, N_LATENTS)).astype(np.float32)

    def predict(self, X, c):
        return self._answer(self.image_encoder.transform(X), c)

    def predict_grid(self, X, latents):
        vectors = self.image_encoder.transform(X)
        return np.stack([self._answer(vectors, c) for c in latents], axis=1)


class ClassifierWithRandomPick(_Peer):
    """A multi-label classifier; the answer is any one of the labels that it predicts."""

    threshold = 0.5

    def _fit(self, vectors, indicators):
        classifier = MLPClassifier((WIDTH,), early_stopping=True, random_state=self.seed)
        self.classifier_ = classifier.fit(vectors, indicators)
        self.rng_ = np.random.RandomState(self.seed)

    def _answer(self, vectors, c):
        probabilities = self.classifier_.predict_proba(vectors)
        predicted = probabilities > self.threshold
        predicted |= probabilities == probabilities.max(axis=1, keepdims=True)
        draws = self.rng_.random_sample(predicted.shape)
        return self.classes_[(predicted * draws).argmax(axis=1)]


class _LatentPeer(_Peer):
    """p(y | c, X), a softmax over the labels."""

    def _fit(self, vectors, indicators):
        torch.manual_seed(self.seed)
        vectors, indicators = torch.from_numpy(vectors), torch.from_numpy(indicators).float()
        n_labels = indicators.shape[1]
        self.generator_ = _perceptron(vectors.shape[1] + N_LATENTS, n_labels)
        self.recogniser_ = _perceptron(vectors.shape[1] + n_labels, 2 * N_LATENTS)
        parameters = [*self.generator_.parameters(), *self.recogniser_.parameters()]
        optimizer = torch.optim.Adam(parameters, LR)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, N_STEPS)
        for _ in range(N_STEPS):
            rows = torch.randint(len(vectors), (BATCH_SIZE,))
            answers = torch.multinomial(indicators[rows], 1)[:, 0]
            loss = self._loss(vectors[rows], answers)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()

    def _logits(self, vectors, latents):
        return self.generator_(torch.cat([vectors, latents], dim=1))

    def _answer(self, vectors, c):
        latents = torch.from_numpy(np.broadcast_to(c, (len(vectors), N_LATENTS)).copy())
        with torch.no_grad():
            return self.classes_[self._logits(torch.from_numpy(vectors), latents).argmax(1)]

    def infer_latent(self, X, labels):
        return np.stack([self.infer_speaker(X[[i]], labels[[i]])[0] for i in range(len(X))])

    def infer_speaker(self, X, labels):
        """Importance sampling from the prior."""
        vectors = torch.from_numpy(self.image_encoder.transform(X))
        answers = torch.from_numpy(np.searchsorted(self.classes_, labels))
        proposals = torch.randn(N_PROPOSALS, N_LATENTS, generator=torch.Generator().manual_seed(0))
        log_weights = torch.zeros(N_PROPOSALS)
        with torch.no_grad():
            for vector, answer in zip(vectors, answers, strict=True):
                logits = self._logits(vector.expand(N_PROPOSALS, -1), proposals)
                log_weights += logits.log_softmax(1)[:, answer]
        weights = log_weights.softmax(0)[:, None]
        mean = (weights * proposals).sum(0)
        return mean.numpy(), (weights * (proposals - mean) ** 2).sum(0).sqrt().numpy()


class ConditionalVAE(_LatentPeer):
    """K. Sohn et al., "Learning Structured Output Representation", NeurIPS 2015."""

    KL_WEIGHT = 0.3  # by hand: 1, the bound itself, leaves the latent unused

    def _recognise(self, vectors, answers):
        one_hot = F.one_hot(answers, len(self.classes_)).float()
        return self.recogniser_(torch.cat([vectors, one_hot], dim=1)).chunk(2, dim=1)

    def _loss(self, vectors, answers):
        mean, log_variance = self._recognise(vectors, answers)
        latents = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        cross_entropy = F.cross_entropy(self._logits(vectors, latents), answers)
        return cross_entropy + self.KL_WEIGHT * divergence

    def infer_latent(self, X, labels):
        vectors = torch.from_numpy(self.image_encoder.transform(X))
        answers = torch.from_numpy(np.searchsorted(self.classes_, labels))
        with torch.no_grad():
            return self._recognise(vectors, answers)[0].numpy()


class ImplicitMLE(_LatentPeer):
    """K. Li, T. Zhang, J. Malik, "Diverse Image Synthesis ... via Conditional IMLE", ICCV 2019.

    Of `N_DRAWN` latents, the one that is nearest to the true answer is trained to give it.
    """

    N_DRAWN = 10  # by hand

    def _loss(self, vectors, answers):
        k = self.N_DRAWN
        repeated = vectors.repeat_interleave(k, 0)
        latents = torch.randn(len(repeated), N_LATENTS)
        with torch.no_grad():
            errors = F.cross_entropy(
                self._logits(repeated, latents), answers.repeat_interleave(k), reduction="none"
            )
        nearest = errors.view(-1, k).argmin(1) + k * torch.arange(len(vectors))
        return F.cross_entropy(self._logits(vectors, latents[nearest]), answers)


def _perceptron(n_inputs, n_outputs):
    sizes = [n_inputs, WIDTH, WIDTH, WIDTH]
    layers = [
        layer
        for n_in, n_out in pairwise(sizes)
        for layer in (nn.Linear(n_in, n_out), nn.LeakyReLU(0.2))
    ]
    return nn.Sequential(*layers, nn.Linear(WIDTH, n_outputs))
