"""GitHub Actions and pre-commit run what is here, and nothing else; releases are of one version."""

import datetime
import re
from configparser import ConfigParser
from pathlib import Path

import pytest

from condcap_sk import __version__

ROOT = Path(__file__).parents[1]
WORKFLOWS, HOOKS = ROOT / ".github/workflows", ROOT / ".pre-commit-config.yaml"
TESTS, DOCS, PUBLISH = (WORKFLOWS / f"{name}.yml" for name in ("tests", "docs", "publish"))
pytestmark = pytest.mark.skipif(not WORKFLOWS.exists(), reason="the sources are elsewhere")


def text_of(path):
    return path.read_text(encoding="utf-8")


def parsed(path):
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load(text_of(path))
    assert isinstance(found, dict)
    return found


def steps(path):
    """Return the jobs' steps, each with its job."""
    for job in parsed(path)["jobs"].values():
        yield from ((job, step) for step in job["steps"])


def setup_cfg():
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def test__workflows__are_these():
    assert set(WORKFLOWS.iterdir()) == {TESTS, DOCS, PUBLISH}


@pytest.mark.parametrize("path", [TESTS, DOCS, PUBLISH, HOOKS], ids=lambda path: path.name)
def test__commands__are_targets_of_the_makefile_or_files(path):
    commands = re.findall(r"\b(?:run|entry): (.+)$", text_of(path), re.MULTILINE)
    assert commands
    targets = re.findall(r"^([\w-]+):", text_of(ROOT / "Makefile"), re.MULTILINE)
    for command in commands:
        program, what, *rest = command.split()
        if program == "make":
            assert what in targets
            assert all(re.fullmatch(r'[A-Z]+="\$[A-Z_]+"', variable) for variable in rest)
        else:
            assert program == "python"
            assert (ROOT / what).is_file()
            assert not rest


def test__ci_run__is_of_the_targets_that_the_workflows_have():
    commands = re.findall(r"\bmake (?:--\S+ )*([\w -]+)", text_of(ROOT / ".ci/run"))
    wanted = {target for command in commands for target in command.split()}
    # Here, it is in two steps.
    assert {"lowest-environment", "lowest-tests"} < wanted
    wanted = wanted - {"lowest-environment", "lowest-tests"} | {"lowest"}
    both = text_of(TESTS) + text_of(DOCS)
    assert wanted <= set(re.findall(r"run: make (\w+)$", both, re.MULTILINE)) | {"dist"}
    assert "run: python .ci/dist.py" in both
    assert ".ci/dist.py" in text_of(ROOT / "Makefile")


@pytest.mark.parametrize("path", [TESTS, DOCS, PUBLISH], ids=lambda path: path.name)
def test__workflow__may_do_little_and_runs_what_it_was_reviewed_with(path):
    workflow = parsed(path)
    assert workflow["permissions"] == {"contents": "read"}
    for job, step in steps(path):
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"] == {"persist-credentials": False}
        if "write" in job.get("permissions", {}).values():
            # What may write runs no code of a pull request's.
            assert "run" not in step
            assert not step["uses"].startswith("actions/checkout")
    # Hashes say which version they are of.
    for line in re.findall("uses: .+", text_of(path)):
        assert re.fullmatch(r"uses: \S+  # v\d+\.\d+\.\d+", line)


def test__actions__have_one_version_everywhere():
    text = "".join(map(text_of, (TESTS, DOCS, PUBLISH)))
    versions = {}
    for action, version in re.findall(r"uses: (\S+)@(\S+)", text):
        assert versions.setdefault(action, version) == version


def test__pythons__are_those_of_setup_cfg():
    config = setup_cfg()
    classifiers = config["metadata"]["classifiers"].split("\n")
    known = [
        line.rpartition(" ")[2] for line in classifiers if re.search(r"Python :: 3\.\d+$", line)
    ]
    assert known == ["3.11", "3.12", "3.13"]
    assert config["options"]["python_requires"] == f">={known[0]}"
    jobs = parsed(TESTS)["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python-version"] == known
    # The oldest versions of others may not exist for a newer one.
    assert jobs["lowest"]["steps"][1]["with"]["python-version"] == known[0]


def test__citation__is_valid_and_of_this_version():
    citation = parsed(ROOT / "CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert all(author.keys() & {"name", "family-names"} for author in citation["authors"])
    assert citation["version"] == __version__
    assert citation["license"] == setup_cfg()["metadata"]["license"]


# As https://keepachangelog.com/en/1.1.0 has it.
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test__changelog__is_in_the_form_that_is_kept():
    text = text_of(ROOT / "CHANGELOG.md")
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert titles[0] == "[Unreleased]"
    dates = []
    for title in titles[1:]:
        version, date = re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\S+)", title).groups()
        dates.append((datetime.date.fromisoformat(date), version))
    assert dates == sorted(dates, reverse=True)
    kinds = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert kinds
    assert set(kinds) <= KINDS
