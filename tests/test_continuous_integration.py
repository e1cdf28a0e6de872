"""GitHub Actions and pre-commit run the targets of the Makefile, and nothing else."""

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORKFLOW, HOOKS = ROOT / ".github/workflows/ci.yml", ROOT / ".pre-commit-config.yaml"
pytestmark = pytest.mark.skipif(not WORKFLOW.exists(), reason="the sources are elsewhere")


def found(pattern, path):
    return re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", [WORKFLOW, HOOKS], ids=lambda path: path.name)
def test__file__is_yaml(path):
    yaml = pytest.importorskip("yaml")
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


def test__commands__are_targets_of_the_makefile():
    commands = found(r"\brun: (.+)$", WORKFLOW)
    assert commands == ["make lint", "make test", "make docs", "make lowest"]
    assert found(r"\bentry: (.+)$", HOOKS) == commands[:1]
    targets = found(r"^(\w+):", ROOT / "Makefile")
    assert {command.removeprefix("make ") for command in commands} <= set(targets)


def test__workflow__oldest_python__is_that_of_setup_cfg():
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    oldest = config["options"]["python_requires"].removeprefix(">=")
    versions = found(r"\"(3\.\d+)\"", WORKFLOW)
    assert min(versions, key=lambda version: int(version[2:])) == oldest
    assert versions[-1] == oldest  # what `make lowest` runs on
