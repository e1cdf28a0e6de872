"""Build the sdist and from it the wheel, in dist/, and try them without the sources.

python .ci/dist.py [--tag v1.2.3]

`make dist` runs it, and so do systems without make. With a tag, this must be the release of it.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST, BUILD = ROOT / "dist", ROOT / "build" / "dist"
CONSTRAINTS = ["--constraint", str(ROOT / "constraints.txt")]
# A minute's worth: what scikit-learn asks of an estimator, model files of every kind, the golden
# ones among them, and what is made of them. `make lowest` runs nearly all tests on a wheel.
TESTS = ["test_card.py", "test_persistence.py", "test_sklearn.py", "test_version.py"]


def run(*command, cwd=ROOT):
    print("+", *command, flush=True)
    subprocess.run([str(part) for part in command], cwd=cwd, check=True)


def environment(name):
    """Make a new environment; return its Python."""
    folder = BUILD / name
    run(sys.executable, "-m", "venv", folder)
    return folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"


def build():
    """Return the new sdist and the wheel that was built from it."""
    shutil.rmtree(DIST, ignore_errors=True)
    if npm := shutil.which("npm"):
        run(npm, "ci", cwd=ROOT / "explorer")
        run(npm, "run", "build", cwd=ROOT / "explorer")
    tools = environment("tools")
    run(tools, "-m", "pip", "install", "--quiet", "build", "twine")
    run(tools, "-m", "build", "--outdir", DIST)
    run(tools, "-m", "twine", "check", "--strict", *DIST.iterdir())
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    return sdist, wheel


def check(wheel, tag):
    """Check what is in the wheel, and that it is the release that it is to be."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        version = Parser().parsestr(archive.read(metadata).decode())["Version"]
    about = metadata.partition("/")[0]
    assert {name.partition("/")[0] for name in names} == {"condcap_sk", about}, names
    assert "condcap_sk/py.typed" in names
    assert any(name.startswith(about) and name.endswith("LICENSE") for name in names)
    cited = re.search(r"^version: (.+)$", text_of("CITATION.cff"), re.MULTILINE)[1]
    assert cited == version, f"CITATION.cff is of {cited}, the wheel of {version}"
    if tag is not None:
        assert "condcap_sk/explorer/page/index.html" in names, "the explorer's page needs npm"
        assert "condcap_sk/explorer/page/ort/LICENSE.txt" in names
        assert tag == f"v{version}", f"the tag is {tag}, but the version is {version}"
        released = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$"
        assert re.search(released, text_of("CHANGELOG.md"), re.MULTILINE), "CHANGELOG.md: no date"


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def unpack(sdist):
    """Return the folder of the sdist's tests, alone with their settings."""
    with tarfile.open(sdist) as archive:
        archive.extractall(BUILD / "unpacked", filter="data")
    (unpacked,) = (BUILD / "unpacked").iterdir()
    elsewhere = BUILD / "elsewhere"
    shutil.copytree(unpacked / "tests", elsewhere / "tests")
    shutil.copy(unpacked / "pyproject.toml", elsewhere)
    return elsewhere


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tag", help="of the release, such as v1.2.3")
    tag = parser.parse_args().tag
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    sdist, wheel = build()
    check(wheel, tag)
    elsewhere = unpack(sdist)
    python = environment("venv")
    run(python, "-m", "pip", "install", "--quiet", *CONSTRAINTS, f"{wheel}[test]")
    tests = [f"tests/{name}" for name in TESTS]
    run(python, "-m", "pytest", "-q", "-m", "not fuzz", *tests, cwd=elsewhere)
    run(python, "-m", "pytest", "-q", "--pyargs", "condcap_sk.captioner", cwd=elsewhere)
    run(python.with_name("condcap_sk"), "--version", cwd=elsewhere)
    print(f"{sdist.name} and {wheel.name} are in {DIST}.")


if __name__ == "__main__":
    main()
