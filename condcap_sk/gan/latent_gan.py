"""LatentGAN: the conditional InfoGAN on sentence vectors."""

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, Literal, Self

import torch
from numpy.typing import ArrayLike
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions

from .._torch.device import resolve_device
from .._torch.seeding import seeded_init, spawn_seeds
from .._torch.stored import tensor_of
from .._validation import check_given
from ..answers.encoded import EncodedAnswers
from ..training.estimator import Auto, RandomState, Stage, stage_fit
from ..training.net import Rows
from ..training.shards import OF_IMAGES
from .game import Game, HeldOut
from .paper_game import PaperGame
from .relativistic_game import RelativisticGame
from .sentence_game import SentenceGame
from .sizes import without_regions
from .state import GanState

# By the objective, and whether the answers are sentences. The paper's knows no path through words.
GAMES: dict[tuple[str, bool], type[Game]] = {
    ("paper", False): PaperGame,
    ("paper", True): PaperGame,
    ("relativistic", False): RelativisticGame,
    ("relativistic", True): SentenceGame,
}


class LatentGAN(GanState):
    """Generate sentence vectors from images and latents, and infer the latents from them.

    Three networks: the generator G(c, X) makes a sentence vector, the discriminator D(s, X) scores
    true vectors against generated ones, the recogniser Q(s, X) infers the latent. With
    ``objective="paper"`` they minimise and maximise exactly

    .. math:: \\min_{G,Q} \\max_D L_{adv} + λ_I L_I \\qquad (4)
    .. math:: L_{adv} = E_s[\\log D(s, X)] + E_c[\\log(1 - D(G(c, X), X))] \\qquad (5)
    .. math:: L_I = E_c ‖c - Q(G(c, X), X)‖² \\qquad (6)

    and of categorical latents, where (6) knows none, the cross-entropy of InfoGAN [4]_.

    With ``objective="relativistic"``, the default, (6) stays, and the rest is chosen so that the
    training converges, uses the whole prior and keeps to the image:

    * D compares a true vector with a generated one (relativistic loss [1]_) and with another
      image's answer (mismatched pairs), under gradient penalties on all of them (R1 and R2 [2]_).
    * D and Q get vectors with Gaussian noise, so that the latent cannot hide in differences that
      vanish when vectors are decoded.
    * Q gets the image of only half of the pairs (`image_dropout`). From an answer alone it can
      infer only what the latent prefers whatever the image: preferences that carry over to other
      images.
    * True pairs train G and Q, too (posterior path [3]_): Q infers a Gaussian over latents from a
      true vector, G must give that vector back from a draw, and a KL term pulls the Gaussian
      towards the prior. Of categories, Q's distribution is drawn from (straight-through
      Gumbel-softmax [7]_), and only its mean over the answers is pulled towards the uniform one: an
      answer may be of one category for sure, if all are in use.

    For sentences a decoder is trained with G: the posterior path ends in the cross-entropy of their
    words [5]_, the prior's mean c = 0 is trained as a captioner without a latent, and under every
    latent G's vector must be closest to one of the image's captions. Then a copy of G and its
    decoder at c = 0 is fine-tuned by the agreement of its captions with all of the image's
    (self-critical training [6]_): the consensus decoder.

    Parameters
    ----------
    n_latents : int, default=3
        Dimension of the Gaussian part of the latent variable, whose prior is N(0, I). May be 0
        where there are categories.
    n_categories : int, tuple of int or None, default=None
        How many categories a categorical latent has, all equally likely (InfoGAN [4]_); of several
        such latents, one number each. A latent holds their one-hot parts, then the Gaussian part.
        None: there is none.
    objective : {"relativistic", "paper"}, default="relativistic"
        The objective, as above. With "paper", `posterior_weight`, `kl_weight`, `kl_target`,
        `truth_weight`, `mismatch_weight`, `gradient_penalty`, `noise` and `image_dropout` do not
        apply, and sentences are vectors only.
    mi_weight : float, default=0.1
        Weight λ_I in (4) of the latent's recovery. 0 leaves a conditional GAN.
    posterior_weight : float, default=0.3
        Weight of the posterior path; 0 leaves it out. For sentences, the weight of giving back
        their vectors, where the cross-entropy of their words has weight 1.
    kl_weight : float, default=0.3
        KL weight within the posterior path. For sentences, where it starts.
    kl_target : float or "auto", default="auto"
        KL target in nats: the divergence of a sentence's latents from the prior that the KL weight
        is steered to. Larger, and captions differ more by the latent; smaller, and each is better.
        "auto": one nat for each latent, at most 9. Applies only to sentences, and to the Gaussian
        part of their latents.
    truth_weight : float, default=0.1
        Weight of keeping every latent's vector close to one of the image's captions. Larger, and
        more captions are true; smaller, and they differ more: with 0.3, a fifth of the captions of
        20 latents were alike on held-out training photographs of Flickr8k, and with 0.1 those of
        drawn scenes are as true. Applies only to sentences.
    mismatch_weight : float, default=1
        Weight of mismatched pairs in D's loss.
    gradient_penalty : float, default=0.1
        Weight γ of the gradient penalties.
    noise : float, default=1
        Standard deviation, per component, of the noise on vectors that D and Q get.
    image_dropout : float, default=0.5
        Probability, in training, that Q gets no image. A latent that can be inferred from the
        answer alone means the same whatever the image.
    hidden_size : int or "auto", default="auto"
        Width of the three hidden layers of D, Q and, for labels, G. "auto": 128, for sentences 256.
    decoder_size : int, default=384
        Width of the decoder's recurrent state. Applies only to sentences.
    image_network : callable or None, default=None
        None: `X` holds image vectors. Else ``image_network()`` returns an untrained
        `torch.nn.Module` with an attribute ``n_features``, which maps images (n, C, H, W) to
        (n, n_features). G, D and Q each get their own and train it end to end.
    n_regions, region_size : int or None, default=None
        How many regions an image has, and their components: image vectors end in these, flattened.
        The decoder of sentences attends to them; G, D and Q get what comes before them.
    lr : float, default=3e-3
        Peak learning rate of both optimizers: Adam; for sentences AdamW for all but D.
    batch_size : int, default=256
        Images in a training step, for sentences at most: a sixteenth of the pairs of an image and a
        sentence where these are few, 32 at least. Also bounds the memory of `generate` and `infer`
        on an accelerator.
    max_iter : int or "auto", default="auto"
        Training steps, rounded to whole passes over the data if several. "auto": two for each
        image up to 2000, or 12 passes over many images. For sentences 1000, or 8 passes over many
        pairs; of few pairs 20 passes, 150 steps at least. The consensus decoder then takes a third
        as many, of a quarter of the images.
    callbacks : list of skorch callbacks or None, default=None
        Added to the training net, for example ``skorch.callbacks.GradientNormClipping``; not to
        that of the consensus decoder, whose history has other names.
    device : str, default="auto"
        "auto", "cpu", "cuda", "cuda:0" or "mps".
    n_jobs : int or None, default=None
        CPU threads of the training, for time alone: the model is the same. None is as many as
        torch has, -1 all.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the order of the data, latents and noise.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    generator_, discriminator_, recogniser_ : torch.nn.Module
        The networks, averaged over the last tenth of the training.
    decoder_ : torch.nn.Module or None
        For sentences, the decoder of G's vectors.
    consensus_ : torch.nn.Module or None
        For sentences with image vectors, the consensus decoder: a `generator` and a `decoder`.
    calibration_ : tuple of float
        Factors that `infer` applies to Q's mean and standard deviation, and to its logits of
        categories, see `calibrate`.
    history_ : dict of list
        "epoch", the terms of the loss and, with validation data, "valid_accuracy": the share of
        generated vectors whose nearest sentence vector belongs to the image (for sentences
        "valid_cross_entropy": of the first of each image's, under c = 0, in nats), and
        "valid_latent_error": the mean squared error per Gaussian latent, 1 where nothing is
        recovered; with categories, "valid_category_accuracy": the share that is recovered.
    consensus_history_ : dict of list
        "epoch" and "reward", the mean CIDEr-D + BLEU-1 of captions drawn in self-critical training.
    n_iter_ : int
        Training steps taken, without the consensus decoder's.
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
    .. [7] E. Jang et al., "Categorical Reparameterization with Gumbel-Softmax", ICLR 2017.

    Examples
    --------
    Two kinds of image, each with two right answers.

    >>> import numpy as np
    >>> from condcap_sk.gan import LatentGAN
    >>> X = np.repeat(np.eye(2), 40, axis=0)
    >>> s = 2 * np.eye(4)
    >>> y = [s[:2]] * 40 + [s[2:]] * 40
    >>> gan = LatentGAN(n_latents=1, noise=0.5, random_state=0).fit(X, y)
    >>> gan.generate(X[[0, 79]], np.array([[0.5], [0.5]])).shape
    (2, 4)
    """

    _parameter_constraints: dict = {
        **Stage._parameter_constraints,
        "n_latents": [Interval(Integral, 0, None, closed="left")],
        "n_categories": [None, Interval(Integral, 2, None, closed="left"), list, tuple],
        "objective": [StrOptions({"relativistic", "paper"})],
        "mi_weight": [Interval(Real, 0, None, closed="left")],
        "posterior_weight": [Interval(Real, 0, None, closed="left")],
        "kl_weight": [Interval(Real, 0, None, closed="left")],
        "kl_target": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "truth_weight": [Interval(Real, 0, None, closed="left")],
        "mismatch_weight": [Interval(Real, 0, None, closed="left")],
        "gradient_penalty": [Interval(Real, 0, None, closed="left")],
        "noise": [Interval(Real, 0, None, closed="neither")],
        "image_dropout": [Interval(Real, 0, 1, closed="both")],
        "hidden_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "decoder_size": [Interval(Integral, 1, None, closed="left")],
        "image_network": [None, callable],
        "n_regions": [None, Interval(Integral, 1, None, closed="left")],
        "region_size": [None, Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(
        self,
        *,
        n_latents: int = 3,
        n_categories: int | Sequence[int] | None = None,
        objective: Literal["relativistic", "paper"] = "relativistic",
        mi_weight: float = 0.1,
        posterior_weight: float = 0.3,
        kl_weight: float = 0.3,
        kl_target: float | Auto = "auto",
        truth_weight: float = 0.1,
        mismatch_weight: float = 1.0,
        gradient_penalty: float = 0.1,
        noise: float = 1.0,
        image_dropout: float = 0.5,
        hidden_size: int | Auto = "auto",
        decoder_size: int = 384,
        image_network: Callable[[], torch.nn.Module] | None = None,
        n_regions: int | None = None,
        region_size: int | None = None,
        lr: float = 3e-3,
        batch_size: int = 256,
        max_iter: int | Auto = "auto",
        callbacks: list[Any] | None = None,
        device: str = "auto",
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.n_latents = n_latents
        self.n_categories = n_categories
        self.objective = objective
        self.mi_weight = mi_weight
        self.posterior_weight = posterior_weight
        self.kl_weight = kl_weight
        self.kl_target = kl_target
        self.truth_weight = truth_weight
        self.mismatch_weight = mismatch_weight
        self.gradient_penalty = gradient_penalty
        self.noise = noise
        self.image_dropout = image_dropout
        self.hidden_size = hidden_size
        self.decoder_size = decoder_size
        self.image_network = image_network
        self.n_regions = n_regions
        self.region_size = region_size
        super().__init__(
            lr=lr,
            batch_size=batch_size,
            max_iter=max_iter,
            callbacks=callbacks,
            device=device,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    @stage_fit
    def fit(
        self,
        X: ArrayLike,
        y: EncodedAnswers | Sequence[ArrayLike],
        validation: tuple[ArrayLike, Any] | None = None,
    ) -> Self:
        """Train the networks on images and their sentence vectors.

        Parameters
        ----------
        X : ndarray of shape (n, n_features), or (n, C, H, W) with an `image_network`
            Image vectors, or images. A constant column makes the networks ignore the image.
        y : EncodedAnswers, or list of n arrays of shape (n_answers, n_components)
            The answers of each image, or their sentence vectors, all of the same norm; equal
            vectors are the same answer.
        validation : tuple (X, y) or None, default=None
            Held-out images, measured but not learned from.

        Returns
        -------
        self : LatentGAN
            The fitted networks.
        """
        check_given(y, self)
        images = tensor_of(self._check_images(X, self.image_network is None, reset=True))
        answers = EncodedAnswers.from_vectors(y, len(images))
        weights_seed, order_seed, rng_seed, measure_seed, *consensus_seeds = spawn_seeds(
            self.random_state, 6
        )
        device = resolve_device(self.device)
        game = GAMES[self.objective, answers.are_sentences]
        with seeded_init(weights_seed):
            networks = [self.image_network and self.image_network() for _ in range(3)]
            n_image = getattr(networks[0], "n_features", images.shape[1])
            n_image = without_regions(n_image, self._region_shape)
            module = game.build(self, answers, n_image, networks)
        if self._earlier is not None:
            self._go_on(module, self._earlier._networks())
        module.to(device)
        batch_size = game.size_of_batch(answers, int(self.batch_size))
        n_steps = self.max_iter
        if n_steps == "auto":
            n_steps = self._fewer(game.n_steps(answers, batch_size))
        measure = None
        if validation is not None:
            X_val = self._check_images(validation[0], self.image_network is None)
            held_out = EncodedAnswers.from_vectors(validation[1], len(X_val))
            measure = HeldOut(X_val, held_out, measure_seed, device)
        net, history = self._train(
            game,
            module,
            Rows(images=images, answers=torch.from_numpy(answers.index)),
            stage="latents",
            n_steps=n_steps,
            batch_size=batch_size,
            order_seed=order_seed,
            device=device,
            callbacks=[*game.callbacks_needed(), *self._own_callbacks()],
            measure=measure,
            bank=torch.from_numpy(answers.vectors).to(device),
            seed=rng_seed,
            shard_size=OF_IMAGES if images.ndim == 4 else game.SHARD_SIZE,
            **game.settings(self, answers, device),
        )
        module = net.average_
        consensus, rewards = game.consensus(
            self, module, images, answers, net.n_iter_, batch_size, consensus_seeds
        )
        self.history_ = history
        self.consensus_history_ = rewards
        self.n_iter_ = net.n_iter_
        return self._hold(module, consensus)
