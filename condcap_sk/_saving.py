"""A fitted `ConditionalCaptioner` in a file, and out of it."""

import os
from typing import Any, Self

from sklearn.base import TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._persistence import kept_params
from ._torch.environment import own_environment
from .model import file as model_file


class Saving:
    """The methods of a `ConditionalCaptioner` that write and read model files."""

    preprocessor_: Pipeline | None

    @own_environment()
    def save(
        self,
        path: str | os.PathLike[str],
        *,
        preprocessor: Pipeline | TransformerMixin | None = None,
    ) -> None:
        """Save the fitted estimator in one safetensors file.

        Of the parameters, `callbacks` and `word_vectors` are not saved; a RandomState instance,
        which the fit used up, is saved as None.

        Parameters
        ----------
        path : str or path-like
            Where to; a file that is there is replaced once the new one is whole.
        preprocessor : LoadImages, Pipeline or None, default=None
            What makes `X` of files of photographs, for the file to know it: `LoadImages`, or a
            pipeline of it and `PretrainedFeatures` with a network by name. Of a fitted pipeline it
            is ``pipe[:-1]``. Of its parameters, those on which `X` depends are saved. None: the
            `preprocessor_` that the estimator was loaded with, if any.

        Raises
        ------
        ValueError
            If a parameter is an object, such as an analyzer function or a network of one's own: the
            file holds numbers and text, and no code. If `preprocessor` has other steps, or makes
            another `X` than that of `fit`.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> from condcap_sk import ConditionalCaptioner
        >>> X = np.random.RandomState(0).random((20, 5))
        >>> est = ConditionalCaptioner(random_state=0).fit(X, [["a", "b"], ["c"]] * 10)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     est.save(f"{folder}/model.safetensors")
        ...     same = ConditionalCaptioner.load(f"{folder}/model.safetensors")
        >>> bool((same.predict(X) == est.predict(X)).all())
        True
        """
        check_is_fitted(self)
        # Not a subclass, which only its own program knows.
        known = next(cls for cls in type(self).__mro__ if Saving in cls.__bases__)
        model_file.save(self, known, path, preprocessor)

    @classmethod
    @own_environment()
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the fitted estimator that `save` wrote; it is on the CPU, see `to`.

        Nothing in the file is run, imported or unpickled: a file from a stranger can give wrong
        answers, no more.

        Parameters
        ----------
        path : str or path-like
            A file written by `save`.

        Returns
        -------
        estimator : ConditionalCaptioner
            The fitted estimator. Where the file knows what made `X` of photographs, that is
            `preprocessor_`, and ``make_pipeline(estimator.preprocessor_, estimator)`` takes files.

        Raises
        ------
        ModelFileError
            If the file is not one that `save` wrote, or is damaged.
        FileNotFoundError
            If there is none.
        """
        estimator, model, shape, pixels, preprocessor = model_file.load(cls, path)
        attributes = model.attributes(shape, pixels, kept_params(estimator), estimator)
        estimator._hold({**attributes, "preprocessor_": preprocessor})
        return estimator

    def _hold(self, attributes: dict[str, Any]) -> None:
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
        self.__dict__.update(attributes)
