"""CaptionCodec: captions → sentence vectors → captions."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from numbers import Integral, Real
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions

from .._persistence import Fields, Tensors
from .._torch.device import resolve_device
from .._torch.embedding import begin_with
from .._torch.optimizers import Adam
from .._torch.seeding import make_rng, seeded_init, spawn_seeds
from ..answers.encoded import EncodedAnswers, indexed
from ..answers.labels import check_answers
from ..answers.tokens import N_SPECIAL, distinct_answers
from ..answers.vocabulary import (
    LabelVocabulary,
    TextVocabulary,
    Vocabulary,
    make_vocabulary,
    resolve_analyzer,
)
from ..exceptions import ModelFileError
from ..training.estimator import Auto, RandomState, Stage, stage_fit
from ..training.net import Rows, SupervisedNet, size_of_batch
from ..training.shards import OF_SENTENCES
from .coding import Coding
from .modules import CaptionAutoencoder, CaptionDecoder, CaptionEncoder
from .search import beam_search
from .word_vectors import vectors_of

N_RECONSTRUCTED = 128  # captions that are reconstructed to show progress


class _Training(NamedTuple):
    """How a codec is trained."""

    batch_of: Callable[[int, int], int]  # see `size_of_batch`
    shard_size: int | None


def _auto_for_labels(n_answers: int) -> dict[str, Any]:
    n_components = max(16, 4 * math.ceil(math.log2(n_answers)))
    return {"n_components": n_components, "hidden_size": 64, "noise": 1.0}


def _auto_for_sentences(n_answers: int) -> dict[str, Any]:
    return {"n_components": 256, "hidden_size": 256, "noise": 0.5}


# What "auto" is, so that code words survive their noise: a label needs few dimensions and stands
# far from its neighbours, a sentence needs many and little noise. Chosen on training rows of
# GridMNIST and of Flickr8k.
AUTO: dict[type[Vocabulary], Callable[[int], dict[str, Any]]] = {
    LabelVocabulary: _auto_for_labels,
    TextVocabulary: _auto_for_sentences,
}
# And how it is trained: few labels make full batches, in which each meets many noises.
TRAINING: dict[type[Vocabulary], _Training] = {
    LabelVocabulary: _Training(lambda n_rows, most: most, None),
    TextVocabulary: _Training(size_of_batch, OF_SENTENCES),
}
# Steps, or so many passes over many captions. Chosen on training rows of Flickr8k.
N_STEPS, N_PASSES = 300, 5


class CaptionCodec(Coding, Stage):
    """Turn captions into sentence vectors of fixed norm and back.

    A recurrent encoder-decoder on tokens, trained as a denoising autoencoder: Gaussian noise on
    the sentence vector makes all its surroundings decode to the same caption. A label is a caption
    of one token and takes the same path.

    Parameters
    ----------
    analyzer : {"auto", "label", "word", "char"} or callable, default="auto"
        How a caption falls into tokens, in the sense of scikit-learn's text vectorizers. "label":
        an answer is one token whatever it is. "word": lower-cased words, whole in every script;
        punctuation is dropped, hyphens split words, and so do apostrophes beside Latin or Greek
        letters. "char": every character.
        Both compose accents first (Unicode's NFC). A callable takes a str and returns its tokens,
        a list of str, which decoding joins by a space. "auto" takes "char" for captions without
        spaces between words (Chinese, Japanese, Thai, ...), "word" where other string answers
        contain white space, else "label".
    n_components : int or "auto", default="auto"
        Dimension of the sentence vectors; their norm is its square root. "auto": 256 for
        sentences; for labels four times the bits that distinguish them, at least 16.
    noise : float or "auto", default="auto"
        Standard deviation, per component, of the noise in training. "auto": 1 for labels, 0.5 for
        sentences.
    hidden_size : int or "auto", default="auto"
        Width of the recurrent layers. "auto": 64 for labels, 256 for sentences.
    min_df : int or float, default=1
        Words or characters found in fewer captions are unknown: read as one that has no meaning,
        never answered. An int is a number of captions, a float from 0 to 1 a share of them.
    max_features : int or None, default=None
        Keep only the words or characters that occur most often, counted over all captions.
    max_length : int or None, default=None
        Captions are cut to so many tokens. None: the longest caption, but at most three times
        the length that 95 % of them keep to, with a warning.
    word_vectors : mapping or None, default=None
        From words (or characters) to vectors that were learned elsewhere: where the networks' own
        vectors of these words begin, in all stages; some must be in the captions. Not saved by
        `ConditionalCaptioner.save`.
    lr : float, default=3e-3
        Peak learning rate of Adam.
    batch_size : int, default=256
        Captions in a training step, of sentences at most: a sixteenth of them where they are few,
        32 at least. Also bounds the memory of `transform` and its inverse on an accelerator.
    max_iter : int or "auto", default="auto"
        Training steps, rounded to whole passes over the data if several. "auto": 300, or 5
        passes where the distinct captions are many.
    callbacks : list of skorch callbacks or None, default=None
        Added to the training net, for example ``skorch.callbacks.GradientNormClipping``.
    device : str, default="auto"
        "auto", "cpu", "cuda", "cuda:0" or "mps".
    n_jobs : int or None, default=None
        CPU threads of the training, for time alone: the model is the same. None is as many as
        torch has, -1 all.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the order of the data and the noise.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    analyzer_ : str or callable
        The analyzer in use.
    classes_ : ndarray of shape (n_classes,)
        The distinct labels, sorted. Only with ``analyzer_="label"``.
    noise_ : float
        The noise in use.
    vocabulary_ : Vocabulary
        Tokens and their ids; ``"dog" in codec.vocabulary_`` tells whether a word is known.
    history_ : dict of list
        "epoch", "cross_entropy" and "reconstructed", the share of (up to 128) training captions
        that decode to themselves from noisy vectors.
    n_iter_ : int
        Training steps taken.

    See Also
    --------
    ConditionalCaptioner : The estimator that this is the first stage of.

    References
    ----------
    .. [1] P. Vincent et al., "Extracting and Composing Robust Features with Denoising
       Autoencoders", ICML 2008.
    .. [2] K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical
       Machine Translation", EMNLP 2014.

    Examples
    --------
    >>> from condcap_sk.text import CaptionCodec
    >>> codec = CaptionCodec(random_state=0).fit(["cat", "dog", "bird"])
    >>> vectors = codec.transform(["dog", "cat"])
    >>> vectors.shape
    (2, 16)
    >>> codec.inverse_transform(vectors)
    array(['dog', 'cat'], dtype='<U4')
    """

    _parameter_constraints: dict = {
        **Stage._parameter_constraints,
        "analyzer": [StrOptions({"auto", "label", "word", "char"}), callable],
        "n_components": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "noise": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "hidden_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "min_df": [
            Interval(RealNotInt, 0, 1, closed="both"),
            Interval(Integral, 1, None, closed="left"),
        ],
        "max_features": [None, Interval(Integral, 1, None, closed="left")],
        "max_length": [None, Interval(Integral, 1, None, closed="left")],
        "word_vectors": [None, Mapping],
    }
    _MODULES = {"encoder": (CaptionEncoder,), "decoder": (CaptionDecoder,)}

    def __init__(
        self,
        *,
        analyzer: str | Callable[[str], list[str]] = "auto",
        n_components: int | Auto = "auto",
        noise: float | Auto = "auto",
        hidden_size: int | Auto = "auto",
        min_df: float = 1,
        max_features: int | None = None,
        max_length: int | None = None,
        word_vectors: Mapping[str, Any] | None = None,
        lr: float = 3e-3,
        batch_size: int = 256,
        max_iter: int | Auto = "auto",
        callbacks: list[Any] | None = None,
        device: str = "auto",
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.analyzer = analyzer
        self.n_components = n_components
        self.noise = noise
        self.hidden_size = hidden_size
        self.min_df = min_df
        self.max_features = max_features
        self.max_length = max_length
        self.word_vectors = word_vectors
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
        # Answers come in one dimension, as to LabelEncoder.
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    @stage_fit
    def fit(self, captions: ArrayLike, y: None = None) -> Self:
        """Learn the vocabulary and train the encoder-decoder.

        Parameters
        ----------
        captions : array-like of shape (n_captions,)
            Labels (int, float, bool or str) or sentences (str). Repetitions are trained on once.
        y : None
            Ignored.

        Returns
        -------
        self : CaptionCodec
            The fitted codec.

        Raises
        ------
        EmptyCaptionError
            If captions have no token; names all of them.
        ValueError
            If there is no caption, or captions have mixed types.
        """
        self._fit(check_answers(captions, "captions"))
        return self

    @stage_fit
    def _fit_encode(self, answers: NDArray[Any], images: NDArray[np.integer]) -> EncodedAnswers:
        """Fit, and return `EncodedAnswers` of what `check_label_sets` returns.

        Each answer is split into its tokens once.
        """
        if self._earlier is None:
            distinct, which = self._fit(answers)
        else:
            distinct, which = self._be_as(self._earlier, answers)
        vocabulary = self.vocabulary_
        return EncodedAnswers(
            self.encode_tokens(distinct),
            indexed(which, images),
            distinct,
            len(vocabulary),
            vectors_of(vocabulary, self.word_vectors),
            vocabulary.are_sentences,
        )

    def _fit(self, captions: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Fit; return the ids of the distinct captions, and which of them each caption is."""
        weights_seed, order_seed, noise_seed = spawn_seeds(self.random_state, 3)
        device = resolve_device(self.device)
        analyzer = resolve_analyzer(self.analyzer, captions)
        vocabulary = make_vocabulary(analyzer, self.min_df, self.max_features, self.max_length)
        ids = vocabulary.fit_encode(captions)
        distinct, which = distinct_answers(ids)
        auto = AUTO[type(vocabulary)](len(distinct))
        n_components, hidden_size, noise = (
            auto[name] if getattr(self, name) == "auto" else getattr(self, name)
            for name in ("n_components", "hidden_size", "noise")
        )
        sizes = len(vocabulary), n_components, hidden_size
        with seeded_init(weights_seed):
            encoder = CaptionEncoder(*sizes)
            decoder = CaptionDecoder(*sizes, vocabulary.max_length_)
            known = vectors_of(vocabulary, self.word_vectors)
            begin_with(encoder.embedding, known)
            begin_with(decoder.embedding, known)
        module = CaptionAutoencoder(encoder, decoder, noise)
        tokens = torch.from_numpy(distinct)
        how = TRAINING[type(vocabulary)]
        batch_size = how.batch_of(len(tokens), self.batch_size)
        repeated = tokens.repeat(math.ceil(batch_size / len(tokens)), 1)
        n_steps = self.max_iter
        if n_steps == "auto":
            n_steps = max(N_STEPS, math.ceil(N_PASSES * len(repeated) / batch_size))
        some = tokens[:: math.ceil(len(tokens) / N_RECONSTRUCTED)].to(device)
        net, history = self._train(
            SupervisedNet,
            module,
            Rows(ids=repeated),
            stage="captions",
            n_steps=n_steps,
            order_seed=order_seed,
            callbacks=self._own_callbacks(),
            device=device,
            measure=partial(_reconstructed, some, noise_seed),
            seed=noise_seed,
            batch_size=batch_size,
            shard_size=how.shard_size,
            optimizer=Adam,
        )
        self.analyzer_ = analyzer
        self._know(vocabulary)
        self.noise_ = noise
        fitted = net.average_
        self._keep(encoder=fitted.encoder, decoder=fitted.decoder)
        self.device_ = device
        self.history_ = history
        self.n_iter_ = net.n_iter_
        return distinct, which

    def _know(self, vocabulary: Vocabulary) -> None:
        self.__dict__.pop("classes_", None)
        self.__dict__.update(vocabulary_=vocabulary, **vocabulary.attributes())

    def _to_state(self, prefix: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        tokens = self.vocabulary_.tokens_
        # JSON has no wider floats.
        written = tokens.astype(float) if tokens.dtype.char == "g" else tokens
        if not np.array_equal(written, tokens):
            raise ValueError(
                f"The labels are of dtype {tokens.dtype}, and a model file holds float64. Fit with "
                "labels of that type, or save the estimator with joblib.dump."
            )
        fields, tensors = super()._to_state(prefix)
        fields |= {
            "analyzer": self.analyzer_,
            "noise": self.noise_,
            "tokens": written.tolist(),
            "dtype": tokens.dtype.str,
        }
        return fields, tensors

    @classmethod
    def _from_state(cls, prefix: str, fields: Fields, tensors: Tensors) -> Self:
        codec = super()._from_state(prefix, fields, tensors)
        codec.analyzer_ = analyzer = fields.take("analyzer", str)
        codec.noise_ = fields.take("noise", Real)
        vocabulary = make_vocabulary(analyzer, codec.min_df, codec.max_features, codec.max_length)
        tokens, dtype = fields.take("tokens", list), fields.take("dtype", str)
        try:
            known = check_answers(tokens, "tokens")
            known = vocabulary.in_own_dtype(known, dtype)
        except ValueError as error:
            raise ModelFileError(f"{fields.where}: {error}") from error
        sizes, length = codec.encoder_.config, codec.decoder_.max_length
        # Each token once, in order; and a codec whose parts belong together.
        fits = [
            analyzer in ("label", "word", "char"),
            known.dtype.str == dtype and np.array_equal(np.unique(known), known),
            vocabulary.are_sentences or length == 1,
            sizes["n_tokens"] == len(known) + N_SPECIAL,
            codec.decoder_.config == {**sizes, "max_length": length},
        ]
        if not all(fits):
            raise ModelFileError(
                f"{fields.where} holds no vocabulary of analyzer={analyzer!r:.80}."
            )
        codec._know(vocabulary.know(known, length))
        fields.end()
        return codec


def _reconstructed(ids: torch.Tensor, seed: int, net: Any) -> dict[str, float]:
    module, rng = net.average_, make_rng(seed, ids.device)
    with torch.no_grad():
        best = beam_search(module.decoder, module.noisy(ids, rng), 1)[0][:, 0]
    return {"reconstructed": (best == ids).all(1).float().mean().item()}
