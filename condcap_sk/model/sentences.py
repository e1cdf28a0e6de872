"""SentenceAnswerer: how sentences are chosen."""

import numpy as np
from scipy.special import softmax

from .._torch.batches import ROWS_PER_IMAGE
from ..answers.ngrams import pick_diverse, shared_n_grams
from ..answers.tokens import END
from ..text import inference
from .answerer import N_ROWS, ChoosingAnswerer, log_relevance, ranked, repeated

# All chosen on held-out training photographs of Flickr8k.
N_KEPT = 2  # sentences, of those that the decoder proposes under each of many latents
WIDER = 3  # times as wide a beam where no latent is given
AGREEMENT = 5.0  # what a sentence gains by sharing all its n-grams with all other proposals
LENGTH_EXPONENT = 1.2  # a sentence's merit is divided by its length to this power
OF_NGRAMS = 4.0, 1.0, 1.0, 1.0  # weights in that; the right words count most, then their order
DIVERSITY = 7.5  # what a sentence loses, of several, by sharing all its n-grams with another


class SentenceAnswerer(ChoosingAnswerer):
    """Chooses sentences that are probable, relevant and, of many proposals, agree with others."""

    has_decoder = True
    remedy = "raise gan__kl_target or mi_weight"

    def __init__(self, codec, sight, gan, relevance_weight, beam_width):
        weight = sight.weight_of_sentences * relevance_weight
        super().__init__(codec, sight, gan, weight, beam_width)

    @property
    def has_attention(self):
        return self.gan.decoder_.attention is not None

    def candidates(self, images, latents):
        ids, log_probabilities = (
            found.reshape(len(latents), *found.shape[2:])
            for found in self._proposals(images, latents)
        )
        vectors = repeated(self.gan._without_regions(images), latents)
        return ids, self._merits(vectors, ids, log_probabilities)

    def rank(self, images, latents, n_voting):
        """Rank proposals under latents, under c = 0 and of the consensus decoder, by merit."""
        at_once = max(1, N_ROWS // len(latents))
        return [
            answers
            for start in range(0, len(images), at_once)
            for answers in ranked(
                *self._judged_proposals(images[start : start + at_once], latents, n_voting)
            )
        ]

    def pick(self, ids, merits, n_picked):
        """Pick sentences that differ from each other, see `pick_diverse`."""
        return ids[pick_diverse(ids, merits, n_picked, DIVERSITY)]

    def log_probability(self, images, latents, ids):
        plans = self.gan._plans(images, latents)
        return inference.log_probability(self.gan.decoder_, plans, ids, **self._batches)

    def attention_weights(self, images, latents, ids):
        """Return the decoder's weights (n, max_length, n_regions) of sentences (n, max_length)."""
        plans = self.gan._plans(images, latents)
        return inference.attention_weights(self.gan.decoder_, plans, ids, **self._batches)

    def _proposals(self, images, latents):
        """Return ids (n, k, width, max_length) for n images, and their log-probabilities.

        `latents` (n · k, n_latents) are as in `choose`.
        """
        plans = self.gan._plans(images, latents)
        plans = plans.reshape(len(images), -1, plans.shape[1])
        return self._likeliest(self.gan.decoder_, plans, self.beam_width)

    def _likeliest(self, decoder, plans, width):
        return inference.likeliest(decoder, plans, width, **self._batches)

    @property
    def _batches(self):
        return {"size": ROWS_PER_IMAGE * self.gan.batch_size, "device": self.gan.device_}

    def _merits(self, images, ids, log_probabilities):
        merits = log_probabilities
        if self.relevance_weight:
            of_relevance = log_relevance(self.relevance(images, ids))
            merits = merits + self.relevance_weight * of_relevance
        return merits / (1 + (ids != END).sum(axis=2)) ** LENGTH_EXPONENT

    def _central(self, images):
        """Return the plans and decoders that do without a latent.

        Those under c = 0 and, where there is one, those of the consensus decoder.
        """
        gan = self.gan
        origin = np.zeros((len(images), gan._n_latents), dtype=np.float32)
        found = [(gan._plans(images, origin), gan.decoder_)]
        if gan.consensus_ is not None:
            found.append((gan._consensus_plans(images), gan.consensus_.decoder))
        return found

    def _judged_proposals(self, images, latents, n_voting):
        """Return sentences under latents and without one, and their merits.

        All are judged by how probable they are without a latent, and by how far the others agree
        with them: the expected precision of their n-grams, which is minimum Bayes risk (S. Kumar
        and W. Byrne, "Minimum Bayes-Risk Decoding for Statistical Machine Translation", NAACL
        2004).
        """
        central, width = self._central(images), WIDER * self.beam_width
        found = [
            tuple(part[:, 0] for part in self._likeliest(decoder, plans[:, None], width))
            for plans, decoder in central
        ]
        *under, k_first = self.as_long_as_new(self._under_all, images, latents, n_voting)
        k_voting = sum(part.shape[1] for part, _ in found) + k_first
        found.append(under)
        ids, proposed = (np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))
        log_probabilities = np.mean([self._probability(ids, *pair) for pair in central], axis=0)
        # A small vocabulary has fewer sentences than were asked for.
        log_probabilities[proposed == -np.inf] = -np.inf
        merits = self._merits(images, ids, log_probabilities)
        votes = softmax(merits[:, :k_voting], axis=1)
        agreement = [
            # Not a matrix product, whose last bits would depend on the number of threads.
            (shared_n_grams(row, OF_NGRAMS)[:, :k_voting] * vote).sum(axis=1)
            for row, vote in zip(ids, votes, strict=True)
        ]
        merits += AGREEMENT * np.stack(agreement)
        # The best stays the best, however many more are asked for.
        best = merits[:, :k_voting].max(axis=1, keepdims=True)
        merits[:, k_voting:] = np.minimum(merits[:, k_voting:], np.nextafter(best, -np.inf))
        return ids, merits

    def _under_all(self, images, latents):
        """Return the proposals (n, k, max_length) under all of the latents."""
        n = len(images)
        # Every image with every latent in one go: a few rows cost as much as many.
        found = self._proposals(images, np.tile(latents, (n, 1)))
        return [part[:, :, :N_KEPT].reshape(n, -1, *part.shape[3:]) for part in found]

    def _probability(self, ids, plans, decoder):
        """Return the log-probabilities of sentences (n, k, max_length)."""
        return inference.log_probability_of_each(decoder, plans, ids, **self._batches)
