"""A fitted `ConditionalCaptioner` as networks that answer without torch."""

import os

from sklearn.utils.validation import check_is_fitted

from ._torch.environment import own_environment
from .export.writer import export


class Exporting:
    """The method of a fitted `ConditionalCaptioner` that writes its networks."""

    @own_environment()
    def export(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the fitted estimator as ONNX networks, which answer without torch.

        The folder holds the networks and a manifest, ``manifest.json``: vocabulary, latents and
        how answers come about. `condcap_sk.export.ExportedCaptioner` answers from it with NumPy and
        onnxruntime alone; a guide page has the format for other programs. Each network is computed
        by onnxruntime when it is written and compared with torch.

        Needs ``pip install 'condcap_sk[export]'``.

        Parameters
        ----------
        folder : str or path-like
            A folder to be made. It is there once all of it is written and checked.
        overwrite : bool, default=False
            Whether an earlier export in that place may be replaced.

        Raises
        ------
        ExportError
            If onnxruntime computes something else than torch from one of the networks.
        FileExistsError
            If `folder` is there and not empty, without `overwrite`, or holds other things than an
            export.
        ImportError
            If a package of the extra is not installed.
        ValueError
            If the estimator has parts of your own: a subclass, an image network or an analyzer
            function.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> from condcap_sk import ConditionalCaptioner
        >>> from condcap_sk.export import ExportedCaptioner
        >>> X = np.random.RandomState(0).random((20, 5))
        >>> est = ConditionalCaptioner(random_state=0).fit(X, [["a", "b"], ["c"]] * 10)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     est.export(f"{folder}/model")
        ...     exported = ExportedCaptioner(f"{folder}/model")
        >>> c = exported.sample_latents(random_state=0)
        >>> bool((exported.predict(X, c) == est.predict(X, c)).all())
        True
        """
        check_is_fitted(self)
        # Not a subclass, which may answer otherwise.
        known = next(cls for cls in type(self).__mro__ if Exporting in cls.__bases__)
        export(self, known, folder, overwrite)
