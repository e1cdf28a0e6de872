"""SentenceAnswerer: how sentences are chosen."""

import numpy as np

from ..answers.ngrams import pick_diverse
from ..answers.tokens import END
from .answerer import N_ROWS, ChoosingAnswerer, log_relevance, ranked, repeated

# All chosen on held-out training photographs of Flickr8k.
WIDER = 3  # times as wide a beam where no latent is given
# Relevance counts so many times there: there is no latent to be true to. Under latents, once is
# better: of drawn scenes, .999 of the captions are true, and .997 with twice.
EMPHASIS = 2
LENGTH_EXPONENT = 1.2  # a sentence's merit is divided by its length to this power
DIVERSITY = 1.0  # what a sentence loses, of several, by sharing all its n-grams with another


class SentenceAnswerer(ChoosingAnswerer):
    """Chooses sentences that are probable and relevant."""

    has_decoder = True
    n_tried = 2  # the best of 20 captions gains until there
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
            for found in self._proposals(images, latents, self.beam_width)
        )
        vectors = repeated(self.gan._without_regions(images), latents)
        return ids, self._merits(vectors, ids, log_probabilities)

    def best(self, images, bank):
        """Return the best of what the decoder proposes where no latent is given."""
        ids, merits = self._judged(images, *self._central(images))
        return ids[np.arange(len(ids)), merits.argmax(axis=1)]

    def rank(self, images, latents, n_first):
        """Rank proposals without a latent, and the likeliest ones under latents, by merit."""
        at_once = max(1, N_ROWS // len(latents))
        return [
            answers
            for start in range(0, len(images), at_once)
            for answers in ranked(
                *self._all_proposals(images[start : start + at_once], latents, n_first)
            )
        ]

    def pick(self, ids, merits, n_picked):
        """Pick sentences that differ from each other, see `pick_diverse`."""
        return ids[pick_diverse(ids, merits, n_picked, DIVERSITY)]

    def log_probability(self, images, latents, ids):
        plans = self.gan._plans(images, latents)
        return self.gan._decoding(self.gan.decoder_).log_probability(plans, ids)

    def attention_weights(self, images, latents, ids):
        """Return the decoder's weights (n, max_length, n_regions) of sentences (n, max_length)."""
        plans = self.gan._plans(images, latents)
        return self.gan._decoding(self.gan.decoder_).attention_weights(plans, ids)

    def _proposals(self, images, latents, width):
        """Return ids (n, k, width, max_length) for n images, and their log-probabilities.

        `latents` (n · k, n_latents) are as in `choose`.
        """
        plans = self.gan._plans(images, latents)
        plans = plans.reshape(len(images), -1, plans.shape[1])
        return self.gan._decoding(self.gan.decoder_).likeliest(plans, width)

    def _merits(self, images, ids, log_probabilities, emphasis=1):
        merits = log_probabilities
        if self.relevance_weight:
            of_relevance = log_relevance(self.relevance(images, ids))
            merits = merits + emphasis * self.relevance_weight * of_relevance
        return merits / (1 + (ids != END).sum(axis=2)) ** LENGTH_EXPONENT

    def _central(self, images):
        """Return the plans and the decoder that do without a latent: the consensus decoder's.

        Where there is none, G's under c = 0.
        """
        gan = self.gan
        if gan.consensus_ is not None:
            return gan._consensus_plans(images), gan.consensus_.decoder
        origin = np.zeros((len(images), gan._prior.n_latents), dtype=np.float32)
        return gan._plans(images, origin), gan.decoder_

    def _all_proposals(self, images, latents, n_first):
        """Return sentences without a latent and under latents, and their merits."""
        plans, decoder = self._central(images)
        ids, merits = self._judged(images, plans, decoder)
        under, with_latent = self.as_long_as_new(self._under_all, images, latents, n_first)
        # Without it, too: else each latent's would count, however odd. With it, too: of two good
        # manners, a decoder without a latent may know but one.
        without = self._probability(under, plans, decoder)
        of_under = self._merits(images, under, (with_latent + without) / 2, EMPHASIS)
        # The best is what `best` returns, however many more are asked for.
        most = np.nextafter(merits.max(axis=1, keepdims=True), -np.inf)
        of_under = np.minimum(of_under, most)
        return np.concatenate([ids, under], axis=1), np.concatenate([merits, of_under], axis=1)

    def _judged(self, images, plans, decoder):
        """Return ids (n, k, max_length) of a wide beam without a latent, and their merits."""
        ids, log_probabilities = self._beam(plans, decoder)
        return ids, self._merits(images, ids, log_probabilities, EMPHASIS)

    def _beam(self, plans, decoder):
        width = WIDER * self.beam_width
        found = self.gan._decoding(decoder).likeliest(plans[:, None], width)
        return [part[:, 0] for part in found]

    def _under_all(self, images, latents):
        """Return the likeliest proposal (n, k, max_length) under each of the latents."""
        # Every image with every latent in one go: a few rows cost as much as many.
        found = self._proposals(images, np.tile(latents, (len(images), 1)), 1)
        return [part[:, :, 0] for part in found]

    def _probability(self, ids, plans, decoder):
        """Return the log-probabilities of sentences (n, k, max_length)."""
        return self.gan._decoding(decoder).log_probability_of_each(plans, ids)
