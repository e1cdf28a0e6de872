"""Dragging a latent in the browser
================================

Grids of digits have several right answers each. A page shows what the latent chooses among them:
drag a point on a globe, and the answers to all grids change.

Run: ``python examples/explore_latents.py`` (a minute; no network). It opens the browser, at an
address of this machine alone. Ctrl-C stops it.
"""

import tempfile

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import load_grid_digits
from condcap_sk.explorer import serve, write_examples
from condcap_sk.inspection import find_latent

digits = load_grid_digits()
est = ConditionalCaptioner(n_latents=3, random_state=0, verbose=1)
est.fit(digits.images, digits.label_sets)

X = digits.images_test
named = {f"prefers {k}": find_latent(est, X[:60], prefer=[k]).latent for k in (0, 1, 7)}
with tempfile.TemporaryDirectory() as folder:
    est.export(f"{folder}/digits")
    write_examples(f"{folder}/digits", X[:25], latents=named)
    serve(f"{folder}/digits")
