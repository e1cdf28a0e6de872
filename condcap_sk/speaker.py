"""How a fitted model answers: what its decoder proposes, and which proposal is best."""

import numpy as np
from scipy.special import softmax

from .text.likeness import shared_ngrams
from .text.vocabulary import END

N_LABELS = 10  # that the decoder proposes for one sentence vector
N_SENTENCES = 3  # the same
N_KEPT = 2  # of these, under each of many latents
N_CENTRAL = 10  # sentences that it proposes under c = 0
N_ROWS = 1024  # images times latents that are told of at a time
AGREEMENT = 5.0  # what a sentence gains by sharing all its n-grams with all other proposals
OF_NGRAMS = 4.0, 1.0, 1.0, 1.0  # weights in that; the right words count most, then their order
LENGTH_EXPONENT = 0.7  # a sentence's merit is divided by its length to this power


class Speaker:
    """Chooses answers by how probable and how relevant they are.

    Parameters
    ----------
    codec : CaptionCodec
    image_encoder : ImageEncoder or None
    gan : LatentGAN
    relevance_weight : float
    """

    def __init__(self, codec, image_encoder, gan, relevance_weight):
        self.codec = codec
        self.image_encoder = image_encoder
        self.gan = gan
        # With None, the codec's own decoder speaks.
        self.decoder = gan.decoder_
        self.tells_sentences = gan.decoder_ is not None
        # D knows sentences that were generated from true ones, not which of three fits better.
        only_d_judges = self.tells_sentences and image_encoder is None
        plain = gan.objective == "paper" or only_d_judges
        self.relevance_weight = 0 if plain else relevance_weight

    def choose(self, seen, latents):
        """Return the tokens (n, max_length) that images are answered with."""
        if self.relevance_weight == 0:
            return self._candidates(seen, latents, 1)[0][:, 0]
        n_candidates = N_SENTENCES if self.tells_sentences else N_LABELS
        tokens, log_probabilities = self._candidates(seen, latents, n_candidates)
        best = self._merits(seen, tokens, log_probabilities).argmax(axis=1)
        return tokens[np.arange(len(tokens)), best]

    def rank(self, seen, latents):
        """Return, for each image, its distinct answers and their merits, the best first.

        Labels under `latents`, by relevance; sentences under `latents` and c = 0, by merit.
        """
        if not self.tells_sentences:
            tokens = np.stack([self.choose(seen, c) for c in latents], axis=1)
            return _ranked(tokens, self.relevance(seen, tokens))
        at_once = max(1, N_ROWS // len(latents))
        return [
            answers
            for start in range(0, len(seen), at_once)
            for answers in _ranked(*self._sentences(seen[start : start + at_once], latents))
        ]

    def relevance(self, seen, tokens):
        """Return the log-odds (n, k) that captions (n, k, max_length) belong to the images."""
        if self.image_encoder is not None and self.image_encoder.matcher_.reads_words:
            return self.image_encoder.relevance(seen, tokens)
        n, k, length = tokens.shape
        vectors = self.codec.encode_tokens(tokens.reshape(n * k, length))
        judge = self.gan if self.image_encoder is None else self.image_encoder
        return judge.relevance(seen, vectors.reshape(n, k, -1))

    def _candidates(self, seen, latents, n_candidates):
        return self.codec.candidates(self.gan.generate(seen, latents), n_candidates, self.decoder)

    def _merits(self, seen, tokens, log_probabilities):
        merits = log_probabilities
        if self.relevance_weight:
            log_relevance = -np.logaddexp(0, -self.relevance(seen, tokens))
            merits = merits + self.relevance_weight * log_relevance
        if self.tells_sentences:
            merits = merits / (1 + (tokens != END).sum(axis=2)) ** LENGTH_EXPONENT
        return merits

    def _sentences(self, seen, latents):
        """Return sentences about images under `latents` and under c = 0, and their merits.

        All are judged by how probable they are under c = 0, which stands for whatever is said,
        and by how far the others agree with them: the expected precision of their n-grams, which
        is minimum Bayes risk (S. Kumar and W. Byrne, "Minimum Bayes-Risk Decoding for Statistical
        Machine Translation", NAACL 2004).
        """
        n, mean = len(seen), np.zeros(self.gan.n_latents)
        # Every image with every latent in one go: a few rows cost as much as many.
        repeated = np.repeat(seen, len(latents), axis=0)
        found = self._candidates(repeated, np.tile(latents, (n, 1)), N_SENTENCES)
        of_latents = [part[:, :N_KEPT].reshape(n, -1, *part.shape[2:]) for part in found]
        of_mean = self._candidates(seen, mean, N_CENTRAL)
        tokens, proposed = (
            np.concatenate(parts, axis=1) for parts in zip(of_mean, of_latents, strict=True)
        )
        k = tokens.shape[1]
        centre = np.repeat(self.gan.generate(seen, mean), k, axis=0)
        log_probabilities = self.codec.log_probability(
            centre, tokens.reshape(n * k, -1), self.decoder
        ).reshape(n, k)
        # A small vocabulary has fewer sentences than were asked for.
        log_probabilities[proposed == -np.inf] = -np.inf
        merits = self._merits(seen, tokens, log_probabilities)
        votes = softmax(merits, axis=1)
        agreement = [
            shared_ngrams(row, OF_NGRAMS) @ vote for row, vote in zip(tokens, votes, strict=True)
        ]
        return tokens, merits + AGREEMENT * np.stack(agreement)


def _ranked(tokens, merits):
    ranked = []
    for candidates, scores in zip(tokens, merits, strict=True):
        _, first = np.unique(candidates, axis=0, return_index=True)
        first = first[scores[first] > -np.inf]
        order = first[np.argsort(-scores[first], kind="stable")]
        ranked.append((candidates[order], scores[order]))
    return ranked
