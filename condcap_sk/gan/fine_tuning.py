"""The training of the consensus decoder, after the game."""

import copy
from typing import Any

import torch
from skorch.callbacks import GradientNormClipping

from .._torch.optimizers import AdamW
from ..answers.ngrams import CiderScorer
from ..training.net import Rows, SupervisedNet
from ..training.shards import OF_SENTENCES
from .consensus import N_DRAWN, ConsensusDecoder, SelfCriticalTraining

# Against the game: so many times fewer steps, a smaller batch, as several captions of each image
# are drawn, and a smaller learning rate, as what was learned is to be kept. Chosen on held-out
# training photographs of Flickr8k.
FEWER_STEPS = 3
SMALLER_BATCH = 4
SMALLER_LR = 12


# Settings of AdamW for what learns a language: chosen on held-out training photographs of Flickr8k.
OF_LANGUAGE: dict[str, Any] = {"betas": (0.9, 0.98), "weight_decay": 0.02, "fused": True}


def clipping():
    """Return the callback that decoders need: now and then a gradient would undo much.

    The largest norm is by hand.
    """
    return GradientNormClipping(5.0)


def fine_tune(gan, networks, images, answers, n_steps, batch_size, seeds):
    """Return a consensus decoder that begins with G and its decoder, or an earlier one, and its
    history.

    Parameters
    ----------
    gan : LatentGAN
        Its parameters count.
    networks : Networks
        They stay as they are.
    images : Tensor of shape (n, n_features)
    answers : EncodedAnswers
    n_steps, batch_size : int
        Of the game.
    seeds : list of two int
    """
    order_seed, rng_seed = seeds
    device = networks.generator.radius.device
    scorer = CiderScorer(answers.captions())
    consensus = ConsensusDecoder(*map(copy.deepcopy, (networks.generator, networks.decoder)))
    if gan._earlier is not None and gan._earlier.consensus_ is not None:
        gan._go_on(consensus, gan._earlier.consensus_)
    net, history = gan._train(
        SupervisedNet,
        SelfCriticalTraining(consensus),
        Rows(images=images, rows=torch.arange(len(images))),
        stage="consensus",
        n_steps=max(1, n_steps // FEWER_STEPS),
        batch_size=max(1, batch_size // SMALLER_BATCH),
        order_seed=order_seed,
        device=device,
        seed=rng_seed,
        shared=lambda **batch: {"scorer": scorer},
        shard_size=OF_SENTENCES // N_DRAWN,
        callbacks=[clipping()],
        optimizer=AdamW,
        lr=gan.lr / SMALLER_LR,
        **{f"optimizer__{name}": value for name, value in OF_LANGUAGE.items()},
    )
    rewards = [-loss for loss in history["negative_reward"]]
    return net.average_.consensus, {"epoch": history["epoch"], "reward": rewards}
