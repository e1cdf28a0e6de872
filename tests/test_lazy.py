"""Names that are imported when they are used."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import condcap_sk
from condcap_sk._lazy import lazy

MODELS = [str(path) for path in (Path(__file__).parent / "data").glob("*.safetensors")]


def run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout.split()


def test__import__of_the_package__brings_no_torch():
    program = "import sys, condcap_sk; print('torch' in sys.modules, 'sklearn' in sys.modules)"
    assert run(program) == ["False", "False"]


def test__names__lazy_ones__are_there_and_listed(quick, tmp_path):
    assert condcap_sk.ConditionalCaptioner.__module__ == "condcap_sk.captioner"
    assert {"ConditionalCaptioner", "metrics", "__version__"} <= set(dir(condcap_sk))
    # As before they were lazy: what nobody imported by name is an attribute, too.
    with_regions = str(tmp_path / "regions.safetensors")
    X = np.random.RandomState(0).random((30, 20))
    quick(n_regions=4).fit(X, [["a dog", "one dog"], ["a cat"]] * 15).save(with_regions)
    models = [*MODELS, with_regions]
    assert len(models) == 3
    program = "import torch, sys; before = {*sys.modules}"
    program += "; import condcap_sk; print(condcap_sk.metrics.__name__, condcap_sk.gan.LatentGAN)"
    # Torch imports its compiler, and sympy, where that is needed: seconds for who only loads.
    program += f"; [condcap_sk.ConditionalCaptioner.load(file) for file in {models}]"
    program += "; print({'torch._dynamo', 'sympy'} & {*sys.modules} - before or 'neither')"
    name, *_, compiler = run(program)
    assert (name, compiler) == ("condcap_sk.metrics", "neither")


def test__fit__brings_no_compiler():
    program = (
        "import sys, numpy as np, condcap_sk"
        "; est = condcap_sk.ConditionalCaptioner(random_state=0, n_regions=4).set_params("
        "codec__max_iter=1, image_encoder__max_iter=1, gan__max_iter=1)"
        "; X, y = np.random.rand(40, 20), [['a dog', 'one dog'], ['a cat', 'it']] * 20"
        "; est.fit(X, y).infer_latent(X[:1], est.predict(X[:1]))"
        # What checkpoints need.
        "; import torch; from condcap_sk._torch.optimizers import Adam, AdamW"
        "; made = [kind([torch.nn.Parameter(torch.ones(3))]) for kind in (Adam, AdamW)]"
        "; [optimizer.load_state_dict(optimizer.state_dict()) for optimizer in made]"
        "; print({'torch._dynamo', 'sympy'} & {*sys.modules} or 'none')"
    )
    assert run(program) == ["none"]


def test__names__unknown_one__is_an_attribute_error():
    find, listed = lazy("condcap_sk", {"END": "answers.tokens"})
    assert find("END") == 0
    assert "END" in listed()
    vars(condcap_sk).pop("END")
    with pytest.raises(AttributeError, match="module 'condcap_sk' has no attribute 'captoner'"):
        find("captoner")
    with pytest.raises(AttributeError, match="captoner"):
        condcap_sk.captoner  # noqa: B018
