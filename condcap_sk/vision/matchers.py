"""How image vectors are matched with answers: by sentence vectors, or by the words in them."""

import math
from typing import ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .._torch.candidates import fits_of
from .._torch.config import keeps_config
from .._torch.dropout import dropout
from .._torch.embedding import begin_with
from ..answers.tokens import END
from .modules import Features, image_network, random_shift

# Of words in captions that are matched, in training. This, the shares of dropout and the sizes of
# embeddings below were chosen on held-out training rows: those of `VectorMatcher` on grids of
# MNIST's training digits, those of `WordMatcher` on photographs of Flickr8k.
WORD_DROPOUT = 0.1
# The log-odds that training begins with are −5.5 ± 10: few pairs fit. By hand, in the manner of the
# paper on the sigmoid loss, which begins with −10 ± 10.
LOG_SCALE, BIAS = math.log(10), -5.5


class Matcher(nn.Module):
    """Scores how well captions fit images, by the product of two embeddings.

    Trained as one yes-or-no decision for every pair of an image and a caption in the batch
    (the sigmoid loss of X. Zhai et al., "Sigmoid Loss for Language Image Pre-Training", ICCV 2023).
    Any number of a batch's captions may fit an image.
    """

    N_EMBEDDING: ClassVar[int]
    DROPOUT: ClassVar[float]  # of the image vector's components, in training
    READS: ClassVar[str]  # what of `EncodedAnswers` it embeds
    ROWS: ClassVar[int]  # images with captions of their own that are computed together on a CPU

    def __init__(self, network, log_scale, bias):
        super().__init__()
        self.network = network
        self.standardise = nn.BatchNorm1d(network.n_features, affine=False)
        self.embed_image = nn.Linear(network.n_features, self.N_EMBEDDING)
        self.log_scale = nn.Parameter(torch.tensor(log_scale))
        self.bias = nn.Parameter(torch.tensor(bias))

    def image_vectors(self, images):
        """Return standardised features (n, n_features)."""
        return self.standardise(self.network(images))

    def image_vectors_and_regions(self, images):
        """Return standardised features, and the flattened regions after them."""
        maps = self.network.maps(images)
        vectors = self.standardise(self.network.pooled(maps))
        return torch.cat([vectors, self.network.regions(maps).flatten(1)], dim=1)

    def forward(self, image_vectors, captions, rng=None):
        """Return the log-odds that captions fit.

        Captions are m, each tried on every image → (n, m), or k for each of n images → (n, k).
        `rng`, in training, draws what of them is left out.
        """
        return self.log_odds(self.image_embeddings(image_vectors), self.embeddings(captions, rng))

    def image_embeddings(self, image_vectors):
        """Return (n, n_embedding), which the product compares with embeddings of captions."""
        return self.embed_image(image_vectors)

    def embeddings(self, captions, rng=None):
        """Return (…, n_embedding) of captions as `forward` takes them."""
        raise NotImplementedError

    def log_odds(self, ours, theirs):
        """Return the log-odds of embeddings of images (n, …) and captions (m, …) or (n, k, …)."""
        every = theirs.ndim == 2
        products = ours @ theirs.T if every else (ours[:, None] * theirs).sum(2)
        return products * self.log_scale.exp() + self.bias

    def loss(self, images, answers, bank, candidates, rng):
        """Mean over images of the summed decisions.

        `answers` are rows of `bank`, −1 is none; `candidates` are all rows that are tried.
        """
        if images.ndim == 4:
            images = random_shift(images, rng)
        fits = fits_of(answers, candidates)
        vectors = dropout(self.image_vectors(images), self.DROPOUT, rng)
        log_odds = self(vectors, bank[candidates], rng)
        loss = F.binary_cross_entropy_with_logits(log_odds, fits.float(), reduction="sum")
        return {"matching": loss / len(images)}


class VectorMatcher(Matcher):
    """Matches images with sentence vectors (…, n_components)."""

    N_EMBEDDING = 128
    DROPOUT = 0.1
    READS = "vectors"
    ROWS = 64  # faster than more: so many captions are in the cache (2 cores, AMD EPYC 7003)

    @keeps_config
    def __init__(self, network: nn.Module, n_components: int):
        super().__init__(network, -0.5 * math.log(self.N_EMBEDDING), 0.0)
        self.embed_caption = nn.Sequential(
            nn.Linear(n_components, self.N_EMBEDDING),
            nn.ReLU(),
            nn.Linear(self.N_EMBEDDING, self.N_EMBEDDING),
        )

    @classmethod
    def build(cls, answers, shape, n_filters, positions, n_regions=0):
        """Return an untrained matcher of images of `shape` with `EncodedAnswers`.

        What of the other arguments means nothing to it is left aside.
        """
        cls.check_regions(n_regions)
        return cls(image_network(shape, n_filters, positions), answers.vectors.shape[1])

    @staticmethod
    def check_regions(n_regions):
        """Raise if there are regions, at which nothing looks."""
        if n_regions:
            raise ValueError(
                f"n_regions={n_regions} is for captions, whose decoder looks at regions; the "
                "answers are labels. Pass n_regions=None, and the image vectors alone as X; or "
                "analyzer='word', if they are captions of one word."
            )

    def read(self, ids, encode):
        """Return what `forward` takes of captions (n, k, max_length); `encode` makes vectors."""
        n, k, length = ids.shape
        return encode(ids.reshape(n * k, length)).reshape(n, k, -1)

    def embeddings(self, captions, rng=None):
        return self.embed_caption(captions)


class BagOfWords(nn.Module):
    """Token ids (…, length), of which 0 is none → embeddings (…, n_embedding).

    The sum of the words' vectors over the root of their number: which words are there, whatever
    their order.
    """

    def __init__(self, n_tokens, n_embedding):
        super().__init__()
        self.words = nn.Embedding(n_tokens, n_embedding)
        self.project = nn.Linear(n_embedding, n_embedding)

    def begin(self, answers):
        """Let words begin with the vectors in `EncodedAnswers`; those that no answer has are 0."""
        absent = np.setdiff1d(np.arange(answers.n_tokens), answers.ids)
        with torch.no_grad():
            self.words.weight[absent] = 0
        begin_with(self.words, answers.word_vectors)

    def forward(self, ids, rng=None):
        mask = (ids != END).float()
        if rng is not None:
            mask = mask * torch.empty_like(mask).bernoulli_(1 - WORD_DROPOUT, generator=rng)
        total = F.embedding_bag(
            ids.reshape(-1, ids.shape[-1]),
            self.words.weight,
            mode="sum",
            per_sample_weights=mask.reshape(-1, ids.shape[-1]),
        ).view(*ids.shape[:-1], -1)
        return self.project(total / mask.sum(-1, keepdim=True).clamp(min=1).sqrt())


class WordMatcher(Matcher):
    """Matches feature vectors with the words in captions, given as token ids (…, max_length)."""

    N_EMBEDDING = 512
    DROPOUT = 0.4  # of a user's features, which are many and overlap
    READS = "ids"
    ROWS = 8  # as fast as more, and a single one does not wait long (2 cores, AMD EPYC 7003)

    @keeps_config
    def __init__(self, network: nn.Module, n_tokens: int):
        super().__init__(network, LOG_SCALE, BIAS)
        self.embed_caption = BagOfWords(n_tokens, self.N_EMBEDDING)

    @classmethod
    def build(cls, answers, shape, n_filters, positions, n_regions=0):
        """Return an untrained matcher of features of `shape` (d,) with `EncodedAnswers`."""
        matcher = cls(Features(*shape, 1 + n_regions), answers.n_tokens)
        matcher.embed_caption.begin(answers)
        return matcher

    def read(self, ids, encode):
        """Return what `forward` takes of captions (n, k, max_length)."""
        return ids

    def image_embeddings(self, image_vectors):
        return F.normalize(self.embed_image(image_vectors), dim=-1)

    def embeddings(self, captions, rng=None):
        return F.normalize(self.embed_caption(captions, rng), dim=-1)


def matcher_of(answers, shape):
    """Return the class that matches images of `shape` with `EncodedAnswers`.

    Feature vectors come from a trained network, which knows what words mean. A network that begins
    with pixels must learn from whole sentences: what belongs to what, and where it is.
    """
    return WordMatcher if answers.are_sentences and len(shape) == 1 else VectorMatcher
