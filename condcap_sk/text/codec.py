"""CaptionCodec: captions → sentence vectors → captions."""

import copy
import math
from collections.abc import Mapping
from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._validation import as_rows
from ..answers.labels import check_answers, in_kept_dtype
from ..exceptions import ModelFileError
from ..persistence import history, named_tensors, pack_params, unpack_params
from ..training.batches import ROWS, SENTENCES, in_batches
from ..training.device import Portable, resolve_device
from ..training.embedding import begin_with
from ..training.environment import own_environment
from ..training.net import Rows, SupervisedNet, n_training_steps, train
from ..training.seeding import generator, seeded_init, spawn_seeds
from ..training.threads import with_threads
from .modules import CaptionAutoencoder, CaptionDecoder, CaptionEncoder
from .vocabulary import END, Vocabulary, in_own_dtype, resolve_analyzer
from .word_vectors import vectors_of

# By rule, chosen for code words that survive their noise: a label needs few dimensions and stands
# far from its neighbours, a sentence needs many and little noise.
_SENTENCE = {"n_components": 256, "hidden_size": 256, "noise": 0.5}
_LABEL = {"hidden_size": 64, "noise": 1.0}


class CaptionCodec(Portable, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turn captions into sentence vectors of fixed norm and back.

    A recurrent encoder-decoder on tokens, trained as a denoising autoencoder: Gaussian noise on
    the sentence vector makes all its surroundings decode to the same caption. A label is a caption
    of one token and takes the same path.

    Parameters
    ----------
    analyzer : {"auto", "label", "word", "char"} or callable, default="auto"
        How a caption falls into tokens, in the sense of scikit-learn's text vectorizers. "label":
        an answer is one token whatever it is. "word": lower-cased words, whole in every script;
        punctuation is dropped, and apostrophes and hyphens split words. "char": every character.
        Both compose accents first (Unicode's NFC). A callable takes a str and returns its tokens,
        a list of str, which decoding joins by a space. "auto" takes "char" for captions without
        spaces between words (Chinese, Japanese, Thai, ...), "word" where other string answers
        contain white space, else "label".
    n_components : int or "auto", default="auto"
        Dimension of the sentence vectors; their norm is its square root. "auto": 256 for
        sentences; for labels four times the bits that tell them apart, at least 16.
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
        Captions are cut to so many tokens. None: the longest caption seen, but at most three times
        the length that 95 % of them keep to, with a warning.
    word_vectors : mapping or None, default=None
        From words (or characters) to vectors that were learned elsewhere: where the networks' own
        vectors of these words begin, in all stages; some must be in the captions. Not kept by
        `ConditionalCaptioner.save`.
    lr : float, default=3e-3
        Peak learning rate of Adam.
    batch_size : int, default=256
        Captions in a training step; also bounds the memory of `transform` and its inverse.
    max_iter : int or "auto", default="auto"
        Training steps. "auto": 300, or 5 passes where the distinct captions are many.
    callbacks : list of skorch callbacks or None, default=None
        Added to the training net, for example ``skorch.callbacks.GradientNormClipping``.
    device : str, default="auto"
        "auto", "cpu", "cuda", "cuda:0" or "mps".
    n_jobs : int or None, default=None
        CPU threads of the training. None is one, -1 all.
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
        Tokens and their ids.
    history_ : dict of list
        "epoch", "cross_entropy" and "reconstructed", the share of (up to 512) training captions
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
        "lr": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
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
        analyzer="auto",
        n_components="auto",
        noise="auto",
        hidden_size="auto",
        min_df=1,
        max_features=None,
        max_length=None,
        word_vectors=None,
        lr=3e-3,
        batch_size=256,
        max_iter="auto",
        callbacks=None,
        device="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.analyzer = analyzer
        self.n_components = n_components
        self.noise = noise
        self.hidden_size = hidden_size
        self.min_df = min_df
        self.max_features = max_features
        self.max_length = max_length
        self.word_vectors = word_vectors
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
        # Answers come in one dimension, as to LabelEncoder.
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    @with_threads
    @own_environment()
    def fit(self, captions, y=None):
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
        captions = check_answers(captions, "captions")
        weights_seed, order_seed, noise_seed = spawn_seeds(self.random_state, 3)
        device = resolve_device(self.device)
        analyzer = resolve_analyzer(self.analyzer, captions)
        vocabulary = Vocabulary(analyzer, self.min_df, self.max_features, self.max_length)
        distinct = np.unique(vocabulary.fit(captions).encode(captions), axis=0)
        known = None
        if self.word_vectors is not None and analyzer != "label":
            known = vectors_of(vocabulary, self.word_vectors)
        rules = _LABEL | {"n_components": max(16, 4 * math.ceil(math.log2(len(distinct))))}
        rules = rules if analyzer == "label" else _SENTENCE
        n_components, hidden_size, noise = (
            rules[name] if getattr(self, name) == "auto" else getattr(self, name)
            for name in ("n_components", "hidden_size", "noise")
        )
        # torch's recurrent layers take no NumPy numbers.
        n_components, hidden_size = int(n_components), int(hidden_size)
        with seeded_init(weights_seed):
            encoder = CaptionEncoder(len(vocabulary), n_components, hidden_size)
            decoder = CaptionDecoder(
                len(vocabulary), n_components, hidden_size, vocabulary.max_length_
            )
            if known is not None:
                begin_with(encoder.embedding, known)
                begin_with(decoder.embedding, known)
        noise_generator = generator(noise_seed, device)
        module = CaptionAutoencoder(encoder, decoder, noise, noise_generator)
        tokens = torch.from_numpy(distinct)
        # Few distinct captions still make full batches: each meets many noises in every step.
        repeated = tokens.repeat(math.ceil(self.batch_size / len(tokens)), 1)
        sample = tokens[:: math.ceil(len(tokens) / 512)].to(device)

        def reconstructed(net):
            with torch.no_grad():
                vectors = encoder(sample)
                vectors += noise * torch.empty_like(vectors).normal_(generator=noise_generator)
                best = decoder.candidates(vectors, 1)[0][:, 0]
            return {"reconstructed": (best == sample).all(1).float().mean().item()}

        n_steps = self.max_iter
        if n_steps == "auto":
            n_steps = n_training_steps(
                len(repeated), self.batch_size, per_row=2, least=300, least_epochs=5
            )
        net, history = train(
            SupervisedNet,
            module,
            Rows(tokens=repeated),
            stage="captions",
            n_steps=n_steps,
            batch_size=self.batch_size,
            generator=generator(order_seed),
            device=device,
            callbacks=copy.deepcopy(self.callbacks),
            measure=reconstructed,
            verbose=self.verbose,
            optimizer=torch.optim.Adam,
            lr=self.lr,
        )
        self.analyzer_ = analyzer
        if analyzer == "label":
            self.classes_ = vocabulary.tokens_
        self.vocabulary_ = vocabulary
        self.noise_ = noise
        self.encoder_ = encoder.eval().requires_grad_(False)
        self.decoder_ = decoder.eval().requires_grad_(False)
        self.device_ = device
        self.history_ = history
        self.n_iter_ = net.n_iter_
        self._n_features_out = n_components
        return self

    @own_environment()
    def transform(self, captions):
        """Return the sentence vectors of captions.

        Parameters
        ----------
        captions : array-like of shape (n_captions,)
            Labels seen in `fit`, or sentences; unknown words are read as such.

        Returns
        -------
        vectors : ndarray of shape (n_captions, n_components), float32
            Each of norm ``sqrt(n_components)``.
        """
        check_is_fitted(self)
        captions = check_answers(captions, "captions")
        return self.encode_tokens(self.vocabulary_.encode(captions))

    @own_environment()
    def inverse_transform(self, vectors):
        """Return the likeliest caption of each vector.

        Parameters
        ----------
        vectors : array-like of shape (n_captions, n_components)
            Sentence vectors, exact or near one.

        Returns
        -------
        captions : ndarray of shape (n_captions,)
            In the labels' dtype; str objects for sentences.
        """
        tokens, _ = self.candidates(vectors, 1)
        return self.vocabulary_.decode(tokens[:, 0])

    @own_environment()
    def encode_tokens(self, tokens):
        """Return the sentence vectors of token ids.

        Parameters
        ----------
        tokens : ndarray of shape (n_captions, max_length), int64
            As returned by `candidates`.

        Returns
        -------
        vectors : ndarray of shape (n_captions, n_components), float32
            Each of norm ``sqrt(n_components)``.
        """
        check_is_fitted(self)
        distinct, inverse = np.unique(tokens, axis=0, return_inverse=True)
        vectors = _by_length(
            self.encoder_.stepwise,
            distinct,
            size=self.batch_size,
            device=self.device_,
            rows=self._rows,
        )
        return vectors[inverse.reshape(-1)]

    @own_environment()
    def candidates(self, vectors, n_candidates, decoder=None):
        """Return the likeliest captions of each vector as token ids, by beam search.

        Parameters
        ----------
        vectors : array-like of shape (n_captions, n_components)
            Sentence vectors, exact or near one.
        n_candidates : int
            Width of the beam.
        decoder : CaptionSpeaker or None, default=None
            One that was trained on the same tokens, and hears `vectors`. None: `decoder_`.

        Returns
        -------
        tokens : ndarray of shape (n_captions, k, max_length), int64
            Likeliest first, k ≤ `n_candidates`.
        log_probabilities : ndarray of shape (n_captions, k), float32
            Of the decoder.
        """
        check_is_fitted(self)
        if decoder is None:
            vectors = as_rows(vectors, self._n_features_out, "vectors")
        tokens, scores = in_batches(
            partial((decoder or self.decoder_).candidates, width=n_candidates),
            torch.from_numpy(vectors),
            size=16 * self.batch_size,
            device=self.device_,
            rows=self._rows,
        )
        return tokens.numpy(), scores.numpy()

    @own_environment()
    def log_probability(self, vectors, tokens, decoder=None):
        """Return how likely the decoder is to say captions on hearing vectors.

        Parameters
        ----------
        vectors : array-like of shape (n_captions, n_components)
            Sentence vectors, exact or near one.
        tokens : ndarray of shape (n_captions, max_length), int64
            The captions, as returned by `candidates`.
        decoder : CaptionDecoder or None, default=None
            One that was trained on the same tokens. None: `decoder_`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_captions,), float32
            Sums over tokens.
        """
        check_is_fitted(self)
        if decoder is None:
            vectors = as_rows(vectors, self._n_features_out, "vectors")
        return _by_length(
            (decoder or self.decoder_).stepwise_log_probability,
            tokens,
            vectors,
            size=16 * self.batch_size,
            device=self.device_,
            rows=self._rows,
        )

    @property
    def _rows(self):
        return ROWS if self.vocabulary_.max_length_ == 1 else SENTENCES

    def _to_state(self):
        """Return all that was fitted, as fields for JSON and as tensors."""
        tokens = self.vocabulary_.tokens_
        # JSON has no wider floats.
        written = tokens.astype(float) if tokens.dtype.char == "g" else tokens
        if not np.array_equal(written, tokens):
            raise ValueError(
                f"The labels are of dtype {tokens.dtype}, and a model file holds float64. Fit with "
                "labels of that type, or keep the estimator with joblib.dump."
            )
        fields = {
            "params": pack_params(self),
            "analyzer": self.analyzer_,
            "noise": self.noise_,
            "tokens": written.tolist(),
            "dtype": tokens.dtype.str,
            "max_length": self.vocabulary_.max_length_,
            "history": self.history_,
            "n_iter": self.n_iter_,
        }
        return fields, {
            **named_tensors("codec.encoder.", self.encoder_),
            **named_tensors("codec.decoder.", self.decoder_),
        }

    @classmethod
    def _from_state(cls, fields, tensors):
        codec = unpack_params(cls, fields.inner("params"))
        analyzer = fields.take("analyzer", str)
        tokens = fields.take("tokens", list)
        dtype = fields.take("dtype", str)
        text = analyzer in ("word", "char")
        try:
            known = check_answers(tokens, "tokens")
            known = known.astype(object) if text else in_kept_dtype(in_own_dtype(known), dtype)
        except ValueError as error:
            raise ModelFileError(f"{fields.where}: {error}") from error
        fits = known.dtype.str == dtype and (text or analyzer == "label")
        max_length = fields.size("max_length")
        fits = fits and np.array_equal(np.unique(known), known)
        if not fits or not (text or max_length == 1):
            raise ModelFileError(
                f"{fields.where} holds no vocabulary of analyzer={analyzer!r:.80}."
            )
        vocabulary = Vocabulary(analyzer, codec.min_df, codec.max_features, codec.max_length)
        codec.vocabulary_ = vocabulary.know(known, max_length)
        codec.analyzer_ = analyzer
        if analyzer == "label":
            codec.classes_ = known
        codec.noise_ = fields.take("noise", Real)
        n_components, hidden_size = tensors.shape("codec.encoder.to_vector.weight", 2)
        size = len(vocabulary), n_components, hidden_size
        codec.encoder_ = tensors.fill("codec.encoder.", lambda: CaptionEncoder(*size))
        codec.decoder_ = tensors.fill("codec.decoder.", lambda: CaptionDecoder(*size, max_length))
        codec.history_ = history(fields, "history")
        codec.n_iter_ = fields.size("n_iter")
        codec.device_ = torch.device("cpu")
        codec._n_features_out = n_components
        fields.end()
        return codec


def _by_length(function, tokens, *others, **settings):
    """Apply a function of rows and their token ids, last, to captions of like length together."""
    order = np.argsort((tokens != END).sum(axis=1), kind="stable")
    rows = (torch.from_numpy(values[order]) for values in (*others, tokens))
    found = np.empty_like(sorted_values := in_batches(function, *rows, **settings).numpy())
    found[order] = sorted_values
    return found
