"""LatentGAN: the conditional InfoGAN on sentence vectors."""

import copy
from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data
from skorch.callbacks import GradientNormClipping

from .._validation import (
    as_rows,
    check_given,
    check_images,
    check_latents,
    check_vector_sets,
    for_torch,
)
from ..answers.ngrams import CiderScorer, without_end
from ..exceptions import ModelFileError
from ..persistence import (
    history,
    image_shape,
    kept_params,
    named_tensors,
    pack_params,
    unpack_params,
)
from ..text.modules import CaptionSpeaker
from ..training.batches import ROWS, in_batches
from ..training.device import Portable, resolve_device
from ..training.embedding import begin_with
from ..training.environment import own_environment
from ..training.net import Rows, SupervisedNet, n_training_steps, train
from ..training.seeding import generator, seeded_init, spawn_seeds
from ..training.threads import with_threads
from ..vision.modules import image_network, settings_in
from .consensus import ConsensusSpeaker
from .modules import Discriminator, Generator, Players, Recogniser, SentenceGenerator
from .net import OF_LANGUAGE, CaptionGANNet, GANNet
from .prior import sample_prior

IMAGES = 32  # that a network of pixels computes together on a CPU


class LatentGAN(Portable, BaseEstimator):
    """Generate sentence vectors from images and latents, and read the latents back.

    Three networks play: G(c, X) answers with a sentence vector, D(s, X) tells true answers from
    generated ones, Q(s, X) recovers the latent. With ``objective="paper"`` they minimise and
    maximise exactly

    .. math:: \\min_{G,Q} \\max_D L_{adv} + λ_I L_I \\qquad (4)
    .. math:: L_{adv} = E_s[\\log D(s, X)] + E_c[\\log(1 - D(G(c, X), X))] \\qquad (5)
    .. math:: L_I = E_c ‖c - Q(G(c, X), X)‖² \\qquad (6)

    With ``objective="relativistic"``, the default, (6) stays and the game is made to converge, to
    use the whole prior and to keep to the image:

    * D compares a true vector with a generated one (relativistic loss [1]_) and with another
      image's caption (mismatched pairs), under gradient penalties on all of them (R1 and R2 [2]_).
    * D and Q read vectors with Gaussian noise: what a decoder cannot hear, they cannot either, so
      the latent cannot hide in differences that no caption shows.
    * Q sees the image of only half of the pairs (`image_dropout`). What it recovers of the latent
      from an answer alone, it recovers only if the latent asks for that answer whatever the image:
      where its directions are preferences for answers, which carry over to other images.
    * True pairs teach G and Q too (posterior path [3]_): Q reads a latent off a true vector as a
      Gaussian, G must say that vector again, and the Gaussian is drawn to the prior.

    Sentences, given with their `tokens`, are generated for a decoder that is trained in the same
    game: the posterior path ends in the cross-entropy of their words [5]_. The prior's mean, c = 0,
    then stands for whatever is said of the image. Whatever the latent, G's vector must tell one of
    the image's sentences from those of others. When the game is over, a copy of G and the decoder
    under c = 0 goes on to learn by the reward of what it says, its agreement with all of the
    image's sentences (self-critical training [6]_): the consensus.

    Parameters
    ----------
    n_latents : int, default=3
        Dimension of the latent variable, whose prior is N(0, I).
    objective : {"relativistic", "paper"}, default="relativistic"
        The game, as above. With "paper", `posterior_weight`, `kl_weight`, `rate`,
        `truth_weight`, `mismatch_weight`, `gradient_penalty`, `noise` and `image_dropout` do not
        apply, nor do the words of sentences.
    mi_weight : float, default=0.1
        Weight λ_I in (4) of the latent's recovery. 0 leaves a conditional GAN.
    posterior_weight : float, default=0.3
        Weight of the posterior path; 0 leaves it out. With sentences, the weight of giving back
        their vectors, where giving back their words has weight 1.
    kl_weight : float, default=0.3
        Weight, within the posterior path, of the divergence from the prior. With sentences, where
        it starts.
    rate : float or "auto", default="auto"
        How much, in nats, a sentence tells of its latent: the divergence that the weight is steered
        to. Larger, and latents differ more; smaller, and each speaks better. "auto": one nat for
        each latent, at most 6. Applies only to sentences.
    truth_weight : float, default=0.3
        Weight of telling one of the image's sentences under every latent. Larger, and more of what
        single latents say is true; smaller, and they differ more. Applies only to sentences.
    mismatch_weight : float, default=1
        Weight of mismatched pairs in D's loss.
    gradient_penalty : float, default=0.1
        Weight γ of the gradient penalties.
    noise : float, default=1
        Standard deviation, per component, of the noise on vectors that D and Q read.
    image_dropout : float, default=0.5
        Probability that Q does not see the image, in training. A latent that can be told from the
        answer alone means the same whatever the image.
    hidden_size : int or "auto", default="auto"
        Width of the three hidden layers of D, Q and, with labels, G. "auto": 128, with sentences
        256.
    decoder_size : int, default=384
        Width of the decoder's recurrent state. Applies only to sentences.
    image_network : callable or None, default=None
        None: `X` holds image vectors. Else ``image_network()`` returns an untrained
        `torch.nn.Module` with an attribute ``n_features``, which maps images (n, C, H, W) to
        (n, n_features). G, D and Q each get their own and train it end to end.
    lr : float, default=3e-3
        Peak learning rate of both optimizers: Adam, and with sentences AdamW for G and Q.
    batch_size : int, default=256
        Images in a training step; also bounds the memory of `generate` and `infer`.
    max_iter : int or "auto", default="auto"
        Training steps. "auto": two for each image up to 2000, or 12 passes over many images; two
        for each pair of an image and a sentence up to 1000, or 8 passes over many pairs. The
        consensus then takes a third as many, of a quarter of the `batch_size`.
    callbacks : list of skorch callbacks or None, default=None
        Added to the training net, for example ``skorch.callbacks.GradientNormClipping``.
    device : str, default="auto"
        "auto", "cpu", "cuda", "cuda:0" or "mps".
    n_jobs : int or None, default=None
        CPU threads of the training. None is one, -1 all.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the order of the data, latents and noise.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    generator_, discriminator_, recogniser_ : torch.nn.Module
        The networks, averaged over the last tenth of the training.
    decoder_ : torch.nn.Module or None
        With sentences, what tells them from G's vectors.
    calibration_ : tuple of float
        Factors that `infer` applies to Q's mean and standard deviation, see `calibrate`.
    consensus_ : torch.nn.Module or None
        With sentences told of image vectors, what most people would say: a `generator` and a
        `decoder`.
    history_ : dict of list
        "epoch", the terms of the loss and, with validation data, "valid_accuracy": the share of
        generated vectors whose nearest sentence vector belongs to the image (with sentences
        "valid_cross_entropy": of the first of each image's, under c = 0, in nats), and
        "valid_latent_error": the mean squared error per latent, 1 where nothing is recovered.
    consensus_history_ : dict of list
        "epoch" and "reward", the mean CIDEr-D + BLEU-1 of captions drawn in the training of the
        consensus.
    n_iter_ : int
        Training steps taken in the game.
    n_features_in_ : int
        Number of columns of a 2-D `X`.

    See Also
    --------
    ConditionalCaptioner : The estimator that this is the second stage of.

    References
    ----------
    .. [1] A. Jolicoeur-Martineau, "The relativistic discriminator", ICLR 2019.
    .. [2] L. Mescheder et al., "Which Training Methods for GANs do actually Converge?", ICML 2018.
    .. [3] J.-Y. Zhu et al., "Toward Multimodal Image-to-Image Translation", NeurIPS 2017.
    .. [4] X. Chen et al., "InfoGAN", NeurIPS 2016.
    .. [5] S. Bowman et al., "Generating Sentences from a Continuous Space", CoNLL 2016.
    .. [6] S. Rennie et al., "Self-Critical Sequence Training for Image Captioning", CVPR 2017.

    Examples
    --------
    Two kinds of image, each with two right answers.

    >>> import numpy as np
    >>> from condcap_sk.gan import LatentGAN
    >>> X = np.repeat(np.eye(2), 100, axis=0)
    >>> s = 2 * np.eye(4)
    >>> y = [s[:2]] * 100 + [s[2:]] * 100
    >>> gan = LatentGAN(n_latents=1, noise=0.5, random_state=0).fit(X, y)
    >>> gan.generate(X[[0, 199]], np.array([[0.5], [0.5]])).shape
    (2, 4)
    """

    _parameter_constraints: dict = {
        "n_latents": [Interval(Integral, 1, None, closed="left")],
        "objective": [StrOptions({"relativistic", "paper"})],
        "mi_weight": [Interval(Real, 0, None, closed="left")],
        "posterior_weight": [Interval(Real, 0, None, closed="left")],
        "kl_weight": [Interval(Real, 0, None, closed="left")],
        "rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "truth_weight": [Interval(Real, 0, None, closed="left")],
        "mismatch_weight": [Interval(Real, 0, None, closed="left")],
        "gradient_penalty": [Interval(Real, 0, None, closed="left")],
        "noise": [Interval(Real, 0, None, closed="neither")],
        "image_dropout": [Interval(Real, 0, 1, closed="both")],
        "hidden_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "decoder_size": [Interval(Integral, 1, None, closed="left")],
        "image_network": [None, callable],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "callbacks": [None, list],
        "device": [str],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        n_latents=3,
        objective="relativistic",
        mi_weight=0.1,
        posterior_weight=0.3,
        kl_weight=0.3,
        rate="auto",
        truth_weight=0.3,
        mismatch_weight=1.0,
        gradient_penalty=0.1,
        noise=1.0,
        image_dropout=0.5,
        hidden_size="auto",
        decoder_size=384,
        image_network=None,
        lr=3e-3,
        batch_size=256,
        max_iter="auto",
        callbacks=None,
        device="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.n_latents = n_latents
        self.objective = objective
        self.mi_weight = mi_weight
        self.posterior_weight = posterior_weight
        self.kl_weight = kl_weight
        self.rate = rate
        self.truth_weight = truth_weight
        self.mismatch_weight = mismatch_weight
        self.gradient_penalty = gradient_penalty
        self.noise = noise
        self.image_dropout = image_dropout
        self.hidden_size = hidden_size
        self.decoder_size = decoder_size
        self.image_network = image_network
        self.lr = lr
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.callbacks = callbacks
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    @with_threads
    @own_environment()
    def fit(
        self,
        X,
        y,
        X_val=None,
        y_val=None,
        *,
        tokens=None,
        tokens_val=None,
        n_tokens=None,
        word_vectors=None,
    ):
        """Play the game on images and their sentence vectors.

        Parameters
        ----------
        X : ndarray of shape (n, n_features), or (n, C, H, W) with an `image_network`
            Image vectors, or images. A constant column makes the game ignore the image.
        y : list of n arrays of shape (n_answers, n_components)
            The sentence vectors that belong to each image, all of the same norm; equal vectors are
            the same caption.
        X_val, y_val : like X and y, default=None
            Held-out images, measured but not learned from.
        tokens, tokens_val : list of n int arrays of shape (n_answers, max_length), default=None
            The token ids of the sentences in `y` and `y_val`, filled up with 0. None: the answers
            are labels, told from their vectors alone.
        n_tokens : int or None, default=None
            Number of different token ids.
        word_vectors : ndarray of shape (n_tokens, d) or None, default=None
            Where the decoder's vectors of the tokens begin; rows of NaN tell nothing.

        Returns
        -------
        self : LatentGAN
            The fitted game.
        """
        check_given(y, self)
        X = self._check_images(X, reset=True)
        bank, answers = check_vector_sets(y, len(X))
        images = torch.from_numpy(X)
        weights_seed, order_seed, rng_seed, measure_seed, *consensus_seeds = spawn_seeds(
            self.random_state, 6
        )
        device = resolve_device(self.device)
        if self.objective == "paper":
            # It knows no path through the words.
            tokens = tokens_val = None
        speech = None if tokens is None else _aligned(tokens, bank, answers)
        with seeded_init(weights_seed):
            players = self._build(images.shape[1], bank, speech, n_tokens)
            if word_vectors is not None and tokens is not None:
                begin_with(players.decoder.embedding, word_vectors)
            players.to(device)
        n_steps = self.max_iter
        if n_steps == "auto" and tokens is None:
            n_steps = n_training_steps(
                len(X), self.batch_size, per_row=2, least=2000, least_epochs=12
            )
        elif n_steps == "auto":
            n_pairs = int((answers >= 0).sum())
            n_steps = n_training_steps(
                n_pairs, self.batch_size, per_row=2, least=1000, least_epochs=8
            )
        settings = {}
        if tokens is not None:
            settings["tokens"] = torch.from_numpy(speech).to(device)
            settings["truth_weight"] = self.truth_weight
            settings["rate"] = min(self.n_latents, 6) if self.rate == "auto" else self.rate
        measure = None
        if X_val is not None:
            measure = self._measure(X_val, y_val, tokens_val, measure_seed, device)
        callbacks = copy.deepcopy(self.callbacks) or []
        net, history = train(
            GANNet if tokens is None else CaptionGANNet,
            players,
            Rows(images=images, answers=torch.from_numpy(answers)),
            stage="latents",
            n_steps=n_steps,
            batch_size=self.batch_size,
            generator=generator(order_seed),
            device=device,
            # Recurrent networks now and then have a gradient that would undo much.
            callbacks=callbacks if tokens is None else [GradientNormClipping(5.0), *callbacks],
            measure=measure,
            verbose=self.verbose,
            lr=self.lr,
            bank=torch.from_numpy(bank).to(device),
            rng=generator(rng_seed, device),
            ema_decay=1 - min(10 / n_steps, 1),
            **settings,
            **{
                name: getattr(self, name)
                for name in (
                    "objective",
                    "n_latents",
                    "mi_weight",
                    "posterior_weight",
                    "kl_weight",
                    "mismatch_weight",
                    "gradient_penalty",
                    "noise",
                    "image_dropout",
                )
            },
        )
        consensus, rewards = None, {}
        # Pixels would have to go through G's network once more.
        if tokens is not None and self.image_network is None:
            consensus, rewards = self._agree(
                net.average_.module, images, tokens, net.n_iter_, consensus_seeds
            )
        self.history_ = history
        self.consensus_history_ = rewards
        self.n_iter_ = net.n_iter_
        return self._hold(net.average_.module, consensus)

    def _agree(self, players, images, tokens, n_steps, seeds):
        """Return the consensus of the players, and the history of its training."""
        order_seed, rng_seed = seeds
        device = players.generator.radius.device
        judge = CiderScorer([without_end(np.asarray(rows)) for rows in tokens])
        speaker = ConsensusSpeaker(
            copy.deepcopy(players.generator),
            copy.deepcopy(players.decoder),
            judge,
            generator(rng_seed, device),
        )
        _, history = train(
            SupervisedNet,
            speaker,
            Rows(images=images, rows=torch.arange(len(images))),
            stage="consensus",
            n_steps=max(1, n_steps // 3),
            batch_size=max(1, self.batch_size // 4),
            generator=generator(order_seed),
            device=device,
            callbacks=[GradientNormClipping(5.0)],
            verbose=self.verbose,
            optimizer=torch.optim.AdamW,
            lr=self.lr / 6,  # what is known is to be kept
            **{f"optimizer__{name}": value for name, value in OF_LANGUAGE.items()},
        )
        rewards = [-loss for loss in history["negative_reward"]]
        return (
            ConsensusSpeaker(speaker.generator, speaker.decoder),
            {"epoch": history["epoch"], "reward": rewards},
        )

    def _hold(self, players, consensus=None):
        players.eval().requires_grad_(False)
        self.consensus_ = consensus and consensus.eval().requires_grad_(False)
        self.generator_ = players.generator
        self.discriminator_ = players.discriminator
        self.recogniser_ = players.recogniser
        self.decoder_ = players.decoder
        self.device_ = players.generator.radius.device
        self.calibration_ = 1.0, 1.0
        self._n_components = self.discriminator_.layers[0].in_features - self.generator_.n_image
        self._n_latents = self.recogniser_.layers[-1].out_features // 2
        return self

    def snapshot(self, net):
        """Return the game as it stands in the middle of a training.

        Parameters
        ----------
        net : GANNet
            The net in training.

        Returns
        -------
        game : LatentGAN
            A fitted copy.
        """
        game = copy.copy(self)._hold(copy.deepcopy(net.average_.module))
        game.consensus_history_ = {}
        return game

    def _build(self, n_image, bank, speech, n_tokens):
        networks = [self.image_network and self.image_network() for _ in range(3)]
        n_image = getattr(networks[0], "n_features", n_image)
        n_components = bank.shape[1]
        radius = float(np.linalg.norm(bank, axis=1).mean())
        hidden_size = self.hidden_size
        if hidden_size == "auto":
            hidden_size = 128 if speech is None else 256
        sizes = n_image, self.n_latents, n_components
        decoder = None
        if speech is None:
            speaker: torch.nn.Module = Generator(*sizes, hidden_size, radius, networks[0])
        else:
            speaker = SentenceGenerator(*sizes, radius, networks[0])
            size = int(self.decoder_size)  # torch's recurrent layers take no NumPy numbers
            decoder = CaptionSpeaker(n_tokens, n_components, size, speech.shape[1])
        return Players(
            speaker,
            Discriminator(n_image, n_components, hidden_size, networks[1]),
            Recogniser(n_image, n_components, self.n_latents, hidden_size, networks[2]),
            decoder,
        )

    def _measure(self, X, y, tokens, seed, device):
        bank, answers = check_vector_sets(y, len(X))
        speech = None
        if tokens is not None:
            speech = torch.from_numpy(_aligned(tokens, bank, answers)).to(device)
        bank, answers = torch.from_numpy(bank).to(device), torch.from_numpy(answers).to(device)
        images = torch.from_numpy(self._check_images(X)).to(device)

        def measure(net):
            players = net.average_.module.eval()
            rng = generator(seed, device)
            latents = sample_prior(len(images), self.n_latents, rng)
            with torch.no_grad():
                vectors = players.generator(images, latents)
                noise = torch.empty_like(vectors).normal_(generator=rng)
                heard = vectors + (self.noise if self.objective != "paper" else 0) * noise
                recovered, _ = players.recogniser(images, heard)
                if speech is None:
                    nearest = torch.cdist(vectors, bank).argmin(1)
                    right = (answers == nearest[:, None]).any(1)
                    measured = {"valid_accuracy": right.float().mean().item()}
                else:
                    centre = players.generator(images, torch.zeros_like(latents))
                    told = players.decoder.log_probability(centre, speech[answers[:, 0]])
                    measured = {"valid_cross_entropy": -told.mean().item()}
            return measured | {
                "valid_latent_error": (recovered - latents).square().mean().item(),
            }

        return measure

    @own_environment()
    def generate(self, X, c):
        """Return the sentence vectors G(c, X).

        Parameters
        ----------
        X : ndarray of shape (n, n_features), or (n, C, H, W) with an `image_network`
            Image vectors, or images.
        c : array-like of shape (n_latents,) or (n, n_latents)
            One latent for all, or one each.

        Returns
        -------
        vectors : ndarray of shape (n, n_components), float32
            On the sphere of the sentence vectors.
        """
        check_is_fitted(self)
        X = self._check_images(X)
        c = check_latents(c, len(X), self._n_latents)
        return self._apply(self.generator_, X, c).numpy()

    @own_environment()
    def central(self, X):
        """Return what is said of images whatever the latent.

        Parameters
        ----------
        X : ndarray of shape (n, n_features), or (n, C, H, W) with an `image_network`
            Image vectors, or images.

        Returns
        -------
        told : list of (ndarray of shape (n, n_components), torch.nn.Module)
            Sentence vectors and the decoder that hears them: those under c = 0 and, where there is
            one, those of the consensus.
        """
        vectors = self.generate(X, np.zeros(self._n_latents))
        if self.consensus_ is None:
            return [(vectors, self.decoder_)]
        return [
            (vectors, self.decoder_),
            (self._apply(self.consensus_, X).numpy(), self.consensus_.decoder),
        ]

    @own_environment()
    def infer(self, X, vectors):
        """Return the latents Q(s, X) that would have said this about these images.

        Parameters
        ----------
        X : ndarray of shape (n, n_features), or (n, C, H, W) with an `image_network`
            Image vectors, or images.
        vectors : array-like of shape (n, n_components)
            One sentence vector for each image.

        Returns
        -------
        mean, std : ndarray of shape (n, n_latents), float32
            Q's Gaussian.
        """
        check_is_fitted(self)
        X = self._check_images(X)
        vectors = as_rows(vectors, self._n_components, "vectors")
        mean, log_variance = self._apply(self.recogniser_, X, vectors)
        scale, spread = self.calibration_
        return scale * mean.numpy(), spread * (0.5 * log_variance).exp().numpy()

    @own_environment()
    def calibrate(self, X, vectors, c):
        """Scale what `infer` says, so that it is true of these answers.

        In the game Q hears more than an answer shows and is paid for being sure. On answers alone
        its means are too long and its standard deviations too small.

        Parameters
        ----------
        X : ndarray of shape (n, n_features), or (n, C, H, W) with an `image_network`
            Image vectors, or images.
        vectors : array-like of shape (n, n_components)
            The sentence vector of what was answered.
        c : ndarray of shape (n, n_latents)
            The latent it was answered under.

        Returns
        -------
        self : LatentGAN
            The same game.
        """
        self.calibration_ = 1.0, 1.0
        mean, std = self.infer(X, vectors)
        scale = (mean * c).sum() / max((mean * mean).sum(), 1e-12)
        spread = np.sqrt(np.square(c - scale * mean).mean() / np.square(std).mean())
        self.calibration_ = float(scale), float(spread)
        return self

    @own_environment()
    def relevance(self, X, vectors):
        """Return D's log-odds that captions are true ones of their image.

        Parameters
        ----------
        X : ndarray of shape (n, n_features), or (n, C, H, W) with an `image_network`
            Image vectors, or images.
        vectors : ndarray of shape (n, k, n_components)
            Sentence vectors of k captions for each image.

        Returns
        -------
        log_odds : ndarray of shape (n, k), float32
            Before the sigmoid.
        """
        check_is_fitted(self)
        X = self._check_images(X)
        columns = [
            self._apply(self.discriminator_, X, vectors[:, k]) for k in range(vectors.shape[1])
        ]
        return torch.stack(columns, dim=1).numpy()

    def _apply(self, network, *inputs):
        rows, size = ROWS, 16 * self.batch_size
        if self.generator_.image_network is not None:
            rows, size = IMAGES, self.batch_size
        tensors = map(torch.from_numpy, inputs)
        return in_batches(network, *tensors, size=size, device=self.device_, rows=rows)

    def _check_images(self, X, reset=False):
        if self.image_network is None:
            return for_torch(validate_data(self, X, dtype=np.float32, reset=reset))
        return check_images(X, self, reset=reset)

    def _to_state(self):
        """Return all that was fitted, as fields for JSON and as tensors."""
        network = self.image_network
        shape = None
        if network is not None:
            if getattr(network, "func", None) is not image_network:
                raise ValueError(
                    f"LatentGAN.image_network={network!r:.80} is code, and a model file holds "
                    "none. Keep the estimator with joblib.dump."
                )
            shape = list(network.args[0])
        params = kept_params(self)
        del params["image_network"]
        fields = {
            "params": pack_params(self, params),
            "image_shape": shape,
            "scale": self.calibration_[0],
            "spread": self.calibration_[1],
            "history": self.history_,
            "consensus_history": self.consensus_history_,
            "n_iter": self.n_iter_,
        }
        networks = {
            "generator": self.generator_,
            "discriminator": self.discriminator_,
            "recogniser": self.recogniser_,
        }
        if self.decoder_ is not None:
            networks["decoder"] = self.decoder_
            fields["max_length"] = self.decoder_.max_length
        if self.consensus_ is not None:
            networks["consensus"] = self.consensus_
        tensors: dict = {}
        for name, module in networks.items():
            tensors |= named_tensors(f"gan.{name}.", module)
        return fields, tensors

    @classmethod
    def _from_state(cls, fields, tensors):
        gan = unpack_params(cls, fields.inner("params"))
        if fields.values.get("image_shape") is None:
            fields.take("image_shape", object)
        else:
            shape = image_shape(fields, "image_shape")
            settings = settings_in(tensors, "gan.generator.image_network.", shape)
            gan.image_network = partial(image_network, shape, **settings)
        hidden_size, n_inputs = tensors.shape("gan.discriminator.layers.0.weight", 2)
        n_latents, is_sentences = gan.n_latents, "max_length" in fields
        if is_sentences:
            n_components, n_image = tensors.shape("gan.generator.of_image.weight", 2)
            n_heard = tensors.shape("gan.generator.of_latent.weight", 2)[1]
        else:
            n_components, _ = tensors.shape("gan.generator.layers.6.weight", 2)
            n_image = n_inputs - n_components
            n_heard = tensors.shape("gan.generator.layers.0.weight", 2)[1] - n_image
        if gan.image_network is None:
            gan.n_features_in_ = n_image
        if n_image < 1 or n_heard != n_latents:
            raise ModelFileError(f"{fields.where} has {n_latents} latents, its tensors {n_heard}.")

        def fill(kind, build):
            network = gan.image_network
            return tensors.fill(f"gan.{kind}.", lambda: build(network and network()))

        s, h = n_components, hidden_size
        decoder = consensus = None
        if is_sentences:
            n_tokens = tensors.shape("gan.decoder.bias", 1)[0]
            size = tensors.shape("gan.decoder.to_state.weight", 2)[0]
            max_length = fields.size("max_length")

            def told(n):
                return SentenceGenerator(n_image, n_latents, s, 1.0, n)

            def teller(_):
                return CaptionSpeaker(n_tokens, s, size, max_length)

            speaker, decoder = fill("generator", told), fill("decoder", teller)
            if "gan.consensus.decoder.bias" in tensors:
                consensus = fill("consensus", lambda n: ConsensusSpeaker(told(n), teller(n)))
        else:
            speaker = fill("generator", lambda n: Generator(n_image, n_latents, s, h, 1.0, n))
        gan._hold(
            Players(
                speaker,
                fill("discriminator", lambda n: Discriminator(n_image, s, h, n)),
                fill("recogniser", lambda n: Recogniser(n_image, s, n_latents, h, n)),
                decoder,
            ),
            consensus,
        )
        gan.calibration_ = fields.take("scale", float), fields.take("spread", float)
        gan.history_ = history(fields, "history")
        gan.consensus_history_ = history(fields, "consensus_history")
        gan.n_iter_ = fields.size("n_iter")
        fields.end()
        return gan


def _aligned(tokens, bank, answers):
    """Return the token ids (m, max_length) of the vectors of `bank`."""
    flat = np.concatenate([np.asarray(rows) for rows in tokens])
    aligned = np.empty((len(bank), flat.shape[1]), dtype=np.int64)
    aligned[answers[answers >= 0]] = flat
    return aligned
