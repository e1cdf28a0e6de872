"""Names that are imported when they are used."""

import subprocess
import sys

import pytest

import condcap_sk
from condcap_sk._lazy import lazy


def run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout.split()


def test__import__of_the_package__brings_no_torch():
    program = "import sys, condcap_sk; print('torch' in sys.modules, 'sklearn' in sys.modules)"
    assert run(program) == ["False", "False"]


def test__names__lazy_ones__are_there_and_listed():
    assert condcap_sk.ConditionalCaptioner.__module__ == "condcap_sk.captioner"
    assert {"ConditionalCaptioner", "metrics", "__version__"} <= set(dir(condcap_sk))
    # As before they were lazy: what nobody imported by name is an attribute, too.
    program = "import condcap_sk; print(condcap_sk.metrics.__name__, condcap_sk.gan.LatentGAN)"
    assert run(program)[0] == "condcap_sk.metrics"


def test__names__unknown_one__is_an_attribute_error():
    find, listed = lazy("condcap_sk", {"END": "answers.tokens"})
    assert find("END") == 0
    assert "END" in listed()
    vars(condcap_sk).pop("END")
    with pytest.raises(AttributeError, match="module 'condcap_sk' has no attribute 'captoner'"):
        find("captoner")
    with pytest.raises(AttributeError, match="captoner"):
        condcap_sk.captoner  # noqa: B018
