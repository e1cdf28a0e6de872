"""How a fitted model answers: what its decoder proposes, and which proposal is best."""

import numpy as np
from scipy.special import softmax

from .answers.ngrams import SharedNGrams
from .text.vocabulary import END

N_LABELS = 10  # that the decoder proposes for one sentence vector
N_KEPT = 2  # sentences, of those that it proposes under each of many latents
WIDER = 3  # times as wide a beam where no latent is given
N_ROWS = 4096  # images times latents that are answered at a time
AGREEMENT = 5.0  # what a sentence gains by sharing all its n-grams with all other proposals
LENGTH_EXPONENT = 1.2  # a sentence's merit is divided by its length to this power
OF_NGRAMS = 4.0, 1.0, 1.0, 1.0  # weights in that; the right words count most, then their order


class Speaker:
    """Chooses answers by how probable and how relevant they are.

    Parameters
    ----------
    codec : CaptionCodec
    image_encoder : ImageEncoder or None
    gan : LatentGAN
    relevance_weight : float
    beam_width : int
    """

    def __init__(self, codec, image_encoder, gan, relevance_weight, beam_width):
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
        of_labels = N_LABELS if self.relevance_weight else 1
        self.width = beam_width if self.tells_sentences else of_labels
        # Answers that there can be at all.
        vocabulary = codec.vocabulary_
        is_label = vocabulary.analyzer == "label"
        self.n_possible = len(vocabulary.tokens_) if is_label else np.inf

    def choose(self, seen, latents):
        """Return the tokens (n, max_length) that images are answered with."""
        tokens, log_probabilities = self._candidates(seen, latents)
        best = self._merits(seen, tokens, log_probabilities).argmax(axis=1)
        return tokens[np.arange(len(tokens)), best]

    def choose_each(self, seen, latents):
        """Return the tokens (n, k, max_length) that images are answered with under each latent."""
        n, at_once = len(seen), max(1, N_ROWS // len(seen))
        parts = [latents[start : start + at_once] for start in range(0, len(latents), at_once)]
        chosen = [
            self.choose(np.repeat(seen, len(c), axis=0), np.tile(c, (n, 1))).reshape(n, len(c), -1)
            for c in parts
        ]
        return np.concatenate(chosen, axis=1)

    def rank(self, seen, latents, n_voting):
        """Return, for each image, its distinct answers and their merits, the best first.

        Labels under `latents`, by relevance; sentences under `latents` and whatever the latent, by
        merit. Those under latents after the first `n_voting` compete, but have no say in it. They
        are tried as long as they bring an image new answers.
        """
        if not self.tells_sentences:
            tokens, _, _ = self._as_long_as_new(self._chosen, seen, latents, n_voting)
            return _ranked(tokens, self.relevance(seen, tokens))
        at_once = max(1, N_ROWS // len(latents))
        return [
            answers
            for start in range(0, len(seen), at_once)
            for answers in _ranked(
                *self._sentences(seen[start : start + at_once], latents, n_voting)
            )
        ]

    def relevance(self, seen, tokens):
        """Return the log-odds (n, k) that captions (n, k, max_length) belong to the images."""
        if self.image_encoder is not None and self.image_encoder.matcher_.reads_words:
            return self.image_encoder.relevance(seen, tokens)
        n, k, length = tokens.shape
        vectors = self.codec.encode_tokens(tokens.reshape(n * k, length))
        judge = self.gan if self.image_encoder is None else self.image_encoder
        return judge.relevance(seen, vectors.reshape(n, k, -1))

    def _candidates(self, seen, latents):
        return self.codec.candidates(self.gan.generate(seen, latents), self.width, self.decoder)

    def _merits(self, seen, tokens, log_probabilities):
        merits = log_probabilities
        if self.relevance_weight:
            log_relevance = -np.logaddexp(0, -self.relevance(seen, tokens))
            merits = merits + self.relevance_weight * log_relevance
        if self.tells_sentences:
            merits = merits / (1 + (tokens != END).sum(axis=2)) ** LENGTH_EXPONENT
        return merits

    def _sentences(self, seen, latents, n_voting):
        """Return sentences about images under latents and whatever the latent, and their merits.

        All are judged by how probable they are under c = 0, which stands for whatever is said, and
        to the consensus (the mean of the two), and by how far the others agree with them: the
        expected precision of their n-grams, which is minimum Bayes risk (S. Kumar and W. Byrne,
        "Minimum Bayes-Risk Decoding for Statistical Machine Translation", NAACL 2004).
        """
        central = self.gan.central(seen)
        width = WIDER * self.width
        found = [self.codec.candidates(vectors, width, decoder) for vectors, decoder in central]
        *under, k_first = self._as_long_as_new(self._under, seen, latents, n_voting)
        k_voting = sum(part.shape[1] for part, _ in found) + k_first
        found.append(under)
        tokens, proposed = (np.concatenate(parts, axis=1) for parts in zip(*found, strict=True))
        log_probabilities = np.mean([self._judged(tokens, *told) for told in central], axis=0)
        # A small vocabulary has fewer sentences than were asked for.
        log_probabilities[proposed == -np.inf] = -np.inf
        merits = self._merits(seen, tokens, log_probabilities)
        votes = softmax(merits[:, :k_voting], axis=1)
        agreement = [
            # Not a matrix product, whose last bits would depend on the number of threads.
            (SharedNGrams(row, OF_NGRAMS).of_all_in(np.arange(k_voting)) * vote).sum(axis=1)
            for row, vote in zip(tokens, votes, strict=True)
        ]
        merits += AGREEMENT * np.stack(agreement)
        # The best stays the best, however many more are asked for.
        best = merits[:, :k_voting].max(axis=1, keepdims=True)
        merits[:, k_voting:] = np.minimum(merits[:, k_voting:], np.nextafter(best, -np.inf))
        return tokens, merits

    def _as_long_as_new(self, propose, seen, latents, n_first):
        """Return what is proposed for each image, log-probabilities, and how many come first.

        Under the first `n_first`, and then under twice as many each time, as long as they bring an
        image more than one new answer for `n_first` latents, and there can be any. Those that were
        not tried count as the first answer again, of probability 0.
        """
        tokens, scores = propose(seen, latents[:n_first])
        k_first = tokens.shape[1]
        n_answers = np.array([_count(row) for row in tokens])
        active, n_tried = np.flatnonzero(n_answers < self.n_possible), n_first
        while n_tried < len(latents) and len(active):
            more = latents[n_tried : 2 * n_tried]
            new = propose(seen[active], more)
            further = np.repeat(tokens[:, :1], new[0].shape[1], axis=1)
            further_scores = np.full(further.shape[:2], -np.inf, dtype=scores.dtype)
            further[active], further_scores[active] = new
            tokens = np.concatenate([tokens, further], axis=1)
            scores = np.concatenate([scores, further_scores], axis=1)
            before = n_answers[active]
            n_answers[active] = [_count(row) for row in tokens[active]]
            gained = n_answers[active] - before
            goes_on = (gained > len(more) / n_first) & (n_answers[active] < self.n_possible)
            active, n_tried = active[goes_on], n_tried + len(more)
        return tokens, scores, k_first

    def _chosen(self, seen, latents):
        tokens = self.choose_each(seen, latents)
        return tokens, np.zeros(tokens.shape[:2], dtype=np.float32)

    def _under(self, seen, latents):
        """Return the proposals (n, k, max_length) under all of the latents."""
        n = len(seen)
        # Every image with every latent in one go: a few rows cost as much as many.
        repeated = np.repeat(seen, len(latents), axis=0)
        found = self._candidates(repeated, np.tile(latents, (n, 1)))
        return [part[:, :N_KEPT].reshape(n, -1, *part.shape[2:]) for part in found]

    def _judged(self, tokens, vectors, decoder):
        """Return how probable sentences (n, k, max_length) are; those alike are told once."""
        n, k, _ = tokens.shape
        rows = np.c_[np.repeat(np.arange(n), k), tokens.reshape(n * k, -1)]
        distinct, where = np.unique(rows, axis=0, return_inverse=True)
        told = self.codec.log_probability(vectors[distinct[:, 0]], distinct[:, 1:], decoder)
        return told[where.reshape(n, k)]


def _count(tokens):
    """Return how many of the captions (k, max_length) are different."""
    return len({row.tobytes() for row in tokens})


def _ranked(tokens, merits):
    ranked = []
    for candidates, scores in zip(tokens, merits, strict=True):
        _, first = np.unique(candidates, axis=0, return_index=True)
        first = first[scores[first] > -np.inf]
        order = first[np.argsort(-scores[first], kind="stable")]
        ranked.append((candidates[order], scores[order]))
    return ranked
