"""LabelAnswerer: how labels are chosen."""

from .answerer import ChoosingAnswerer, log_relevance, repeated

N_LABELS = 10  # that the decoder proposes for one sentence vector; as many as there are digits


class LabelAnswerer(ChoosingAnswerer):
    """Chooses, of the decoder's likeliest labels, the one that is probable and relevant."""

    is_searched = True
    remedy = "lower gan__kl_weight or raise mi_weight"

    def candidates(self, images, latents):
        images = repeated(images, latents)
        vectors = self.gan.generate(images, latents)
        if not self.relevance_weight:
            return self.codec.candidates(vectors, 1)
        ids, log_probabilities = self.codec.candidates(vectors, N_LABELS)
        of_relevance = log_relevance(self.relevance(images, ids))
        return ids, log_probabilities + self.relevance_weight * of_relevance
