"""One fit by several processes
============================

Two processes, of one machine or of two, make the model that one would make.

Each process computes its part of every training step. The program is the same for one process and
for many; torchrun starts it several times. Drawn scenes are the images, and sentences say what is
in them.

Run: ``python examples/fit_by_processes.py``, or
``torchrun --nproc-per-node 2 examples/fit_by_processes.py`` (half a minute; no network). On two
machines, the second line is started on each, with ``--nnodes 2``, ``--node-rank`` 0 and 1, and
``--master-addr`` and ``--master-port`` of the first one.
"""

import hashlib
import tempfile
from pathlib import Path

from condcap_sk import ConditionalCaptioner
from condcap_sk.datasets import make_captioned_shapes
from condcap_sk.training import process_group

scenes = make_captioned_shapes(100, random_state=0)
# An int: processes that draw other numbers would not make one model.
est = ConditionalCaptioner(n_jobs=1, random_state=0)
# Far too few steps for captions that are true.
est.set_params(codec__max_iter=20, image_encoder__max_iter=20, gan__max_iter=20)

with process_group() as rank:
    # With checkpoints="folder", a fit goes on after a machine has failed.
    est.fit(scenes.images, scenes.captions)

# Every process has the model; one of them saves it.
if rank == 0:
    with tempfile.TemporaryDirectory() as folder:
        est.save(Path(folder) / "scenes.safetensors")
        content = (Path(folder) / "scenes.safetensors").read_bytes()
    print(f"model: {hashlib.sha256(content).hexdigest()[:16]}, from one process or many")
    print(est.predict(scenes.images[:2]))
