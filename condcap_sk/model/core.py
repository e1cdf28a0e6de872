"""FittedModel: what answers, ranks, judges and reads latents back."""

import numpy as np

from ..answers.tokens import END
from . import readback

MOST_TRIED = 100_000  # latents tried in `sample`, however many answers are asked for; by hand


class FittedModel:
    """A fitted captioner that checks nothing: images in, token ids out.

    Images `X` are as `check_images` returns them, ids as the vocabulary does, and `batch_size` is
    the number of images that are computed at a time.

    Parameters
    ----------
    codec : CaptionCodec
    sight : Sight
    gan : LatentGAN
    answerer : Answerer
    bank : ndarray of shape (k, n_latents), float32
        The latents that are tried where none is given.
    provenance : dict
        What it was fitted on and with, see `provenance_of`.
    calibrator : Calibrator or None, default=None
        None where there was nothing to calibrate it on.
    """

    def __init__(self, codec, sight, gan, answerer, bank, provenance, calibrator=None):
        self.codec = codec
        self.sight = sight
        self.gan = gan
        self.answerer = answerer
        self.bank = bank
        self.provenance = provenance
        self.calibrator = calibrator

    @property
    def prior(self):
        """The `Prior` of the latents."""
        return self.gan._prior

    @property
    def are_sentences(self):
        """Whether answers are sequences of tokens, and not labels."""
        return self.codec.vocabulary_.are_sentences

    @property
    def history(self):
        """Losses and held-out measures of all stages, a dict of lists."""
        stages = {"captions": self.codec, "images": self.sight.encoder, "latents": self.gan}
        histories = {name: stage.history_ for name, stage in stages.items() if stage is not None}
        histories["consensus"] = self.gan.consensus_history_
        return {f"{stage}_{n}": v for stage, values in histories.items() for n, v in values.items()}

    def attributes(self, shape, pixels, params, columns):
        """Return what an estimator that holds this model has.

        Parameters
        ----------
        shape, pixels : tuple
            Shape and range of the images.
        params : dict
            Of the fit.
        columns : object
            An estimator that has checked `X`.
        """
        attributes = {
            "model_": self,
            "image_shape_": shape,
            "pixel_range_": pixels,
            "fitted_params_": params,
            "latent_bank_": self.bank,
            "codec_": self.codec,
            "image_encoder_": self.sight.encoder,
            "gan_": self.gan,
            "history_": self.history,
            "provenance_": self.provenance,
            "preprocessor_": None,
        }
        held = {"classes_": self.codec, "n_features_in_": columns, "feature_names_in_": columns}
        for name, holder in held.items():
            if hasattr(holder, name):
                attributes[name] = getattr(holder, name)
        return attributes

    def fits(self, shape):
        """Whether the parts, maybe from a file, belong together and to images of `shape`."""
        codec, gan, decoder = self.codec, self.gan, self.gan.decoder_
        return (
            gan._n_components == codec._n_features_out
            and gan.generator_.config["n_latents"] == self.prior.n_latents == self.bank.shape[1]
            and self.answerer.has_decoder == (decoder is not None)
            and (decoder is None or decoder.start == len(codec.vocabulary_))
            and (decoder is None or decoder.max_length == codec.vocabulary_.max_length_)
            and self.sight.fits(codec, gan, shape)
        )

    def decode(self, ids):
        """Return the answers of token ids (…, max_length)."""
        flat = self.codec.vocabulary_.decode(ids.reshape(-1, ids.shape[-1]))
        return flat.reshape(ids.shape[:-1])

    def answer(self, X, c, batch_size):
        """Return the ids (n, max_length) of the answers to images, each under its latent."""
        return np.concatenate(
            [self.answerer.choose(images, c[rows]) for rows, images in self._batches(X, batch_size)]
        )

    def answer_each(self, X, latents, batch_size):
        """Return the ids (n, k, max_length) of the answers to images under each latent."""
        return np.concatenate(
            [
                self.answerer.choose_each(images, latents)
                for _, images in self._batches(X, batch_size)
            ]
        )

    def best(self, X, batch_size):
        """Return the ids (n, max_length) of the best answers, whatever the latent."""
        return np.concatenate(
            [self.answerer.best(images, self.bank) for _, images in self._batches(X, batch_size)]
        )

    def sample(self, X, n_samples, batch_size):
        """Return for each image the ids of `n_samples` answers, or as many as there are."""
        n_possible = self.codec.vocabulary_.n_possible
        n_tried = min(self.answerer.n_tried * min(int(n_samples), n_possible), MOST_TRIED)
        # The same each time: what is drawn is a matter of how many are asked for.
        further = self.prior.draw(max(0, n_tried - len(self.bank)), 0)
        latents = np.vstack([self.bank, further])
        return [
            self.answerer.pick(ids, merits, n_samples)
            for _, images in self._batches(X, batch_size)
            for ids, merits in self.answerer.rank(images, latents, len(self.bank))
        ]

    def relevance(self, X, ids, batch_size):
        """Return the log-odds (n,) that answers (n, max_length) belong to images."""
        relevance = [
            self.answerer.relevance(images, ids[rows][:, None])
            for rows, images in self._batches(X, batch_size)
        ]
        return np.concatenate(relevance)[:, 0]

    def confidence(self, X, ids, batch_size):
        """Return the calibrated probabilities (n,) that answers (n, max_length) are right."""
        return self.calibrator(self.relevance(X, ids, batch_size))

    def infer(self, X, ids, batch_size):
        """Return mean and standard deviation of the latents of answers, see `readback.infer`."""
        found = [
            readback.infer(self, images, ids[rows]) for rows, images in self._batches(X, batch_size)
        ]
        mean, std = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return mean, std

    def attention_weights(self, X, ids, batch_size):
        """Return for each image the weights (n_tokens, n_regions) of the tokens of its caption.

        The latents are those that are inferred from the captions (n, max_length).
        """
        found = []
        for rows, images in self._batches(X, batch_size):
            latents, _ = readback.infer(self, images, ids[rows])
            found.extend(self.answerer.attention_weights(images, latents, ids[rows]))
        lengths = (ids != END).sum(axis=1)
        return [weights[:length] for weights, length in zip(found, lengths, strict=True)]

    def infer_speaker(self, X, ids):
        """Return mean and standard deviation of one speaker's latent."""
        return readback.infer_speaker(self, self.sight(X), ids)

    def recover(self, X, c):
        """Return the latents that Q infers from generated vectors, before they are decoded."""
        images = self.sight(X)
        return self.gan.infer(images, self.gan.generate(images, c))[0]

    def _batches(self, X, batch_size):
        batch_size = int(batch_size)  # NumPy's integers of few bits would overflow
        for start in range(0, len(X), batch_size):
            rows = slice(start, start + batch_size)
            yield rows, self.sight(X[rows])
