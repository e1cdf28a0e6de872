"""What an installation without any extra has to do and say; run by `make lowest`."""

import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits
from condcap_sk.exceptions import CollapseWarning
from condcap_sk.inspection import (
    AttentionDisplay,
    LabelFrequencyDisplay,
    LatentMapDisplay,
    LatentTraversalDisplay,
)
from condcap_sk.metrics import control_report
from condcap_sk.vision import LoadImages, PretrainedFeatures

for name in ("matplotlib", "PIL", "pandas", "efficientnet_lite_pytorch", "pytest"):
    assert find_spec(name) is None, f"{name} is installed"

digits = load_grid_digits(n_train=60)
X = digits.images_test[:20]
steps = dict.fromkeys(("codec__max_iter", "image_encoder__max_iter", "gan__max_iter"), 3)
est = ConditionalCaptioner(random_state=0).set_params(**steps)
warnings.simplefilter("ignore", CollapseWarning)  # so few steps teach a latent nothing
est.fit(digits.images, digits.label_sets)
with tempfile.TemporaryDirectory() as folder:
    est.save(Path(folder) / "model")
    loaded = ConditionalCaptioner.load(Path(folder) / "model")
np.testing.assert_array_equal(est.predict(X), loaded.predict(X))
control_report(est, X, digits.label_sets_test[:20])

for extra, call in [
    ("plot", lambda: LatentMapDisplay.from_estimator(est, X)),
    ("plot", lambda: LatentTraversalDisplay.from_estimator(est, X)),
    ("plot", lambda: LabelFrequencyDisplay.from_estimator(est, X)),
    ("plot", lambda: AttentionDisplay(X[:1], ["a"], [["a"]], [np.ones((1, 1))]).plot()),
    ("images", lambda: LoadImages().transform(["a.png"])),
    ("pretrained", lambda: PretrainedFeatures().transform(np.zeros((1, 64, 64, 3)))),
]:
    error_text = "nothing"
    try:
        call()
    except ImportError as error:
        error_text = str(error)
    assert f"pip install 'condcap_sk[{extra}]'" in error_text, error_text
