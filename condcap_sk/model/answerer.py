"""How a fitted model answers; what the kinds of answers do differently is a subclass."""

import numpy as np

N_ROWS = 4096  # images times latents that are answered at a time; bounds memory, by hand


class Answerer:
    """Answers by the decoder alone, and ranks answers by their relevance.

    Parameters
    ----------
    codec : CaptionCodec
    sight : Sight
    gan : LatentGAN
    relevance_weight : float
    beam_width : int
    """

    # Whether each answer is exactly what the model gives under some latent, which can be searched.
    is_searched = False
    has_decoder = False  # whether G's vectors have a decoder of their own
    n_tried = 8  # latents for each answer that `sample` is to give; by hand
    # What makes answers under different latents differ more, besides a longer training.
    remedy = "raise mi_weight"

    def __init__(self, codec, sight, gan, relevance_weight, beam_width):
        self.codec = codec
        self.sight = sight
        self.gan = gan
        self.relevance_weight = relevance_weight
        self.beam_width = beam_width

    @property
    def has_attention(self):
        """Whether a decoder attends to regions of the image."""
        return False

    def choose(self, images, latents):
        """Return the ids (n · k, max_length) of the answers to images, each under its latents.

        `latents` are (n · k, n_latents), of which k are the first image's, and so on.
        """
        ids, merits = self.candidates(images, latents)
        return ids[np.arange(len(ids)), merits.argmax(axis=1)]

    def choose_each(self, images, latents):
        """Return the ids (n, k, max_length) of the answers to images under each latent."""
        n, at_once = len(images), max(1, N_ROWS // len(images))
        parts = [latents[start : start + at_once] for start in range(0, len(latents), at_once)]
        chosen = [self.choose(images, np.tile(c, (n, 1))).reshape(n, len(c), -1) for c in parts]
        return np.concatenate(chosen, axis=1)

    def candidates(self, images, latents):
        """Return the ids (m, k, max_length) of what may be answered, and their merits (m, k).

        `latents` (m, n_latents) are as in `choose`.
        """
        return self.codec.candidates(self.gan.generate(repeated(images, latents), latents), 1)

    def calibrate(self, images, latents):
        """Scale what Q infers to the latents of the model's own answers to images.

        Not done here: the paper's Q is trained by (6) alone, and stays as it is.
        """

    def best(self, images, bank):
        """Return the ids (n, max_length) of the best answers; `bank` are latents to try."""
        return np.stack([ids[0] for ids, _ in self.rank(images, bank, len(bank))])

    def rank(self, images, latents, n_first):
        """Return, for each image, its distinct answers and their merits, the best first.

        Latents after the first `n_first` are tried as long as they bring an image new answers.
        """
        ids, _ = self.as_long_as_new(self._chosen, images, latents, n_first)
        return ranked(ids, self.relevance(images, ids))

    def pick(self, ids, merits, n_picked):
        """Return the first `n_picked` of one image's ranked answers, or as many as there are."""
        return ids[:n_picked]

    def relevance(self, images, ids):
        """Return the log-odds (n, k) that answers (n, k, max_length) belong to the images."""
        return self.sight.relevance(images, ids, self.codec, self.gan)

    def log_probability(self, images, latents, ids):
        """Return the log-probabilities (m,) of answers (m, max_length), latents as in `choose`."""
        vectors = self.gan.generate(repeated(images, latents), latents)
        return self.codec.log_probability(vectors, ids)

    def as_long_as_new(self, propose, images, latents, n_first):
        """Return what is proposed for each image, and log-probabilities.

        The first `n_first` latents are tried, then as many again, twice as many, and so on. An
        image stops when `n_first` latents bring it no more than one new answer on average, or it
        has all answers that there are. For latents that are not tried it gets its first answer
        once more, with probability 0.
        """
        n_possible = self.codec.vocabulary_.n_possible
        ids, scores = propose(images, latents[:n_first])
        n_answers = np.array([_count(row) for row in ids])
        active, n_tried = np.flatnonzero(n_answers < n_possible), n_first
        while n_tried < len(latents) and len(active):
            more = latents[n_tried : 2 * n_tried]
            new = propose(images[active], more)
            further = np.repeat(ids[:, :1], new[0].shape[1], axis=1)
            further_scores = np.full(further.shape[:2], -np.inf, dtype=scores.dtype)
            further[active], further_scores[active] = new
            ids = np.concatenate([ids, further], axis=1)
            scores = np.concatenate([scores, further_scores], axis=1)
            before = n_answers[active]
            n_answers[active] = [_count(row) for row in ids[active]]
            gained = n_answers[active] - before
            goes_on = (gained > len(more) / n_first) & (n_answers[active] < n_possible)
            active, n_tried = active[goes_on], n_tried + len(more)
        return ids, scores

    def _chosen(self, images, latents):
        ids = self.choose_each(images, latents)
        return ids, np.zeros(ids.shape[:2], dtype=np.float32)


class ChoosingAnswerer(Answerer):
    """Chooses among candidates; Q is calibrated on what is chosen."""

    def calibrate(self, images, latents):
        vectors = self.codec.encode_tokens(self.choose(images, latents))
        self.gan.calibrate(images, vectors, latents)


def repeated(images, latents):
    """Return images as often as each has latents, one after the other."""
    return np.repeat(images, len(latents) // len(images), axis=0)


def log_relevance(log_odds):
    """Return the log-probability that answers belong to images."""
    return -np.logaddexp(0, -log_odds)


def ranked(ids, merits):
    """Return the distinct answers of each image and their largest merits, the best first."""
    found = []
    for candidates, scores in zip(ids, merits, strict=True):
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] > -np.inf]
        _, first = np.unique(candidates[order], axis=0, return_index=True)
        order = order[np.sort(first)]
        found.append((candidates[order], scores[order]))
    return found


def _count(ids):
    """Return how many of the answers (k, max_length) are different."""
    return len({row.tobytes() for row in ids})
