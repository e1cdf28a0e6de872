"""GanState: what a fitted `LatentGAN` holds, and how a file describes it."""

import copy
import math
from collections.abc import Sequence
from functools import partial
from typing import Any, Self

import torch

from .._persistence import Fields, Tensors, history
from ..exceptions import ModelFileError
from ..text.modules import Attention, TiedDecoder
from ..training.estimator import Stage
from ..vision.modules import NETWORKS
from .consensus import ConsensusDecoder
from .game import Game
from .inference import SHARPNESS, UNCALIBRATED, LatentInference
from .modules import Discriminator, Generator, ImageVector, Networks, Recogniser, SentenceGenerator
from .prior import Prior
from .sizes import fit_together

CALIBRATION = "scale", "spread", "sharpness"  # names in files of what `calibrate` finds


class GanState(LatentInference, Stage):
    """Networks and calibration: kept, copied in the training, written and read."""

    consensus_history_: dict[str, list[float]]
    image_network: Any
    n_latents: int
    n_categories: int | Sequence[int] | None

    _MODULES = {
        "generator": (Generator, SentenceGenerator),
        "discriminator": (Discriminator,),
        "recogniser": (Recogniser,),
        "decoder": (TiedDecoder,),
        "consensus": (ConsensusDecoder,),
    }
    _OPTIONAL = frozenset({"decoder", "consensus"})
    _PARTS = (*NETWORKS, SentenceGenerator, TiedDecoder, Attention)

    def _hold(self, networks: Any, consensus: ConsensusDecoder | None = None) -> Self:
        self._keep(
            generator=networks.generator,
            discriminator=networks.discriminator,
            recogniser=networks.recogniser,
            decoder=networks.decoder,
            consensus=consensus,
        )
        self.device_ = networks.generator.radius.device
        self.calibration_ = UNCALIBRATED
        self._prior = Prior.of(self)
        return self

    def _networks(self) -> Networks:
        return Networks(self.generator_, self.discriminator_, self.recogniser_, self.decoder_)

    def _snapshot(self, net: Game) -> Self:
        """Return a fitted copy, as things stand in the training of `net`, a `Game`."""
        gan = copy.copy(self)._hold(copy.deepcopy(net.average_))
        gan.history_ = gan.consensus_history_ = {}
        return gan

    def _to_state(self, prefix: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        network = self.generator_.image_network
        if type(network) not in (*NETWORKS, ImageVector):
            raise ValueError(
                f"LatentGAN.image_network={self.image_network!r:.80} is code, and a model file "
                "holds none. Save the estimator with joblib.dump."
            )
        fields, tensors = super()._to_state(prefix)
        of_infer = dict(zip(CALIBRATION, self.calibration_, strict=True))
        about = {**of_infer, "consensus_history": self.consensus_history_}
        return fields | about, tensors

    @classmethod
    def _from_state(cls, prefix: str, fields: Fields, tensors: Tensors) -> Self:
        gan = super()._from_state(prefix, fields, tensors)
        gan.calibration_ = tuple(fields.take(name, float) for name in CALIBRATION)
        least, most = SHARPNESS
        if not least <= gan.calibration_[-1] <= most:
            raise ModelFileError(f"{fields.where}.sharpness is {gan.calibration_[-1]}.")
        try:
            gan._prior = Prior.of(gan)
        except ValueError as error:
            raise ModelFileError(f"{fields.where}: {error}") from error
        gan.consensus_history_ = history(fields, "consensus_history")
        fields.end()
        others = [gan.discriminator_, gan.recogniser_]
        parts = gan.generator_, others, gan.decoder_, gan.consensus_
        if not fit_together(*parts, gan._region_shape):
            raise ModelFileError(f"{fields.where} holds networks of different sizes.")
        network = gan.generator_.image_network
        if gan._gets_vectors:
            of_regions = math.prod(gan._region_shape or (0,))
            gan.n_features_in_ = gan.generator_.n_image + of_regions
        else:
            gan.image_network = partial(network.__class__, **network.config)
        return gan
