"""Pictures are drawn without a screen, and closed."""

from types import SimpleNamespace

import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture(params=["word", "char", str.split])
def captioner(request):
    """What was fitted on captions, and is not to be asked for any before that is told."""
    return SimpleNamespace(codec_=SimpleNamespace(analyzer_=request.param), n_latents=3)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
