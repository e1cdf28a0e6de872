"""Pictures are drawn without a screen, and closed."""

from types import SimpleNamespace

import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture(params=["word", "char", str.split])
def captioner(request):
    """An estimator that was fitted on captions; it has no methods, as errors come first."""
    return SimpleNamespace(codec_=SimpleNamespace(analyzer_=request.param), n_latents=3)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
