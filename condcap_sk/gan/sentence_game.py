"""SentenceGame: the relativistic game with a decoder in it."""

import math

import torch

from .._torch.candidates import candidates_of, fits_of
from .._torch.dropout import glimpse
from .._torch.embedding import begin_with
from .._torch.optimizers import AdamW
from ..text.modules import N_EMBEDDING, Attention, TiedDecoder
from ..training.net import decay_groups, n_training_steps, size_of_batch
from ..training.shards import OF_SENTENCES
from .fine_tuning import OF_LANGUAGE, clipping, fine_tune
from .losses import set_cross_entropy
from .modules import Networks, SentenceGenerator, regions_of
from .prior import Prior
from .relativistic_game import RelativisticGame


class SentenceGame(RelativisticGame):
    """The game of sentences: a decoder is trained with G.

    The posterior path ends in the cross-entropy of the caption's words, and trains the decoder
    with the rest. Some of its latents are the prior's mean, at which G and the decoder so learn
    what a captioner without a latent would. The KL weight is steered to where the divergence is
    `kl_target` nats: under a fixed weight the posterior collapses onto the prior or forgets it,
    depending on the data.

    Between two latents that the posterior path trains on, nothing makes captions true. So whatever
    the latent, G's vector must be closer to one of the image's captions than to those of others.

    Parameters
    ----------
    ids : Tensor of shape (m, max_length)
        The token ids of `bank`.
    kl_target : float
        Nats.
    truth_weight : float
        See `LatentGAN`.
    """

    SETTINGS = (*RelativisticGame.SETTINGS, "truth_weight")
    COUNTS = (*RelativisticGame.COUNTS, "kl_weight_")
    HIDDEN_SIZE = 256
    SHARD_SIZE = OF_SENTENCES
    PENALTY_EVERY = 1  # D is a small part of a step
    # All chosen on held-out training photographs of Flickr8k and on drawn scenes.
    CENTRED = 1 / 3  # share of the posterior path's latents that `Prior.centred` changes
    STEERING = 0.02  # of the KL weight, in a step whose divergence is twice the target
    MOST_NATS = 9  # of a target by rule
    KL_WEIGHTS = 0.01, 5.0  # least and most

    def __init__(self, module, *, ids, kl_target, truth_weight, **game_params):
        self.ids = ids
        self.kl_target = kl_target
        self.truth_weight = truth_weight
        super().__init__(module, **game_params)

    @staticmethod
    def callbacks_needed():
        return [clipping()]

    @staticmethod
    def consensus(gan, networks, images, answers, n_steps, batch_size, seeds):
        # Images would have to go through G's network once more.
        if networks.generator.config["image_network"] is not None:
            return None, {}
        return fine_tune(gan, networks, images, answers, n_steps, batch_size, seeds)

    @classmethod
    def settings(cls, gan, answers, device):
        # Of categories alone, which are not steered, any number.
        auto = min(max(gan.n_latents, 1), cls.MOST_NATS)
        return {
            **super().settings(gan, answers, device),
            "ids": torch.from_numpy(answers.ids).to(device),
            "kl_target": auto if gan.kl_target == "auto" else gan.kl_target,
        }

    @classmethod
    def size_of_batch(cls, answers, most):
        return size_of_batch(answers.n_pairs, most)

    @classmethod
    def n_steps(cls, answers, batch_size):
        # Chosen on held-out training photographs of Flickr8k, all of them and 160, and on scenes.
        return n_training_steps(answers.n_pairs, batch_size, steps=(150, 1000), epochs=(8, 20))

    @classmethod
    def build(cls, gan, answers, n_image, image_networks):
        hidden_size = cls.HIDDEN_SIZE if gan.hidden_size == "auto" else gan.hidden_size
        n_components = answers.vectors.shape[1]
        sizes = n_image, Prior.of(gan).n_latents, n_components
        generator = SentenceGenerator(*sizes, answers.radius, image_networks[0])
        max_length = answers.ids.shape[1]
        attention = None
        if gan.region_size is not None:
            attention = Attention(gan.decoder_size, gan.region_size, N_EMBEDDING)
        of_decoder = answers.n_tokens, n_components, gan.decoder_size, max_length
        decoder = TiedDecoder(*of_decoder, attention)
        of_d, of_q = cls._judges(gan, answers, n_image, hidden_size, image_networks)
        begin_with(decoder.embedding, answers.word_vectors)
        decoder.keep_to(answers.ids)
        return Networks(generator, of_d, of_q, decoder)

    def initialize_module(self):
        super().initialize_module()
        self.kl_weight_ = self.kl_weight
        return self

    def make_optimizer(self, parameters):
        # Most of what they learn is a language, and no game.
        return AdamW(decay_groups(parameters), lr=self.lr, **OF_LANGUAGE)

    def train_step(self, batch, **fit_params):
        step = super().train_step(batch, **fit_params)
        share = 1 - self.CENTRED
        divergence = step["losses"]["divergence"].item() / (share * self.kl_weight_)
        excess = min(divergence / self.kl_target - 1, 1)
        least, most = self.KL_WEIGHTS
        steered = self.kl_weight_ * math.exp(self.STEERING * excess)
        self.kl_weight_ = min(max(steered, least), most)
        return step

    def see_batch(self, answers, truth):
        super().see_batch(answers, truth)
        self.present_ = candidates_of(answers)

    def prior_losses(self, generated, answers):
        fits = fits_of(answers, self.present_)
        truth = set_cross_entropy(generated, self.bank[self.present_], fits, self.noise)
        return {"truth": self.truth_weight * truth}

    def posterior_losses(self, networks, rng, images, truth, mean, log_variance):
        latents = self.prior.posterior_sample(mean, log_variance, rng)
        n_centred = int(self.CENTRED * len(latents))
        latents = torch.cat([self.prior.centred(latents[:n_centred]), latents[n_centred:]])
        generated = networks.generator(self.glimpse(networks, images, rng), latents)
        regions = regions_of(images, networks.generator.n_image)
        plans = networks.decoder.plans(generated, networks.decoder.glimpse(regions, rng))
        of_words = networks.decoder.loss(plans, self.ids[truth], rng)
        divergence = self.prior.divergence(mean[n_centred:], log_variance[n_centred:])
        # Where Q's Gaussian part is not used, it costs nothing.
        share = 1 - n_centred / len(latents)
        of_vectors = self.channel(generated[n_centred:], truth[n_centred:])
        return {
            "posterior": of_words,
            "channel": share * self.posterior_weight * of_vectors,
            "divergence": share * self.kl_weight_ * divergence,
            **self.balance_losses(mean[n_centred:]),
        }

    def glimpse(self, networks, images, rng):
        # What G's own network gets is whole.
        if networks.generator.config["image_network"] is not None:
            return images
        return glimpse(images[:, : networks.generator.n_image], rng)

    def measure_answers(self, networks, held_out, vectors):
        """Return the cross-entropy of each image's first caption under c = 0, in nats."""
        latents = vectors.new_zeros(len(vectors), self.prior.n_latents)
        centre = networks.generator(held_out.images, latents)
        ids = held_out.ids[held_out.answers[:, 0]]
        regions = regions_of(held_out.images, networks.generator.n_image)
        plans = networks.decoder.plans(centre, regions)
        log_probability = networks.decoder.log_probability(plans, ids)
        return {"valid_cross_entropy": -log_probability.mean().item()}
