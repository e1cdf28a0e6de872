"""What the documentation says is there, and its code runs.

`make docs` executes the examples; the code of the pages is executed here, page by page, with small
data and short fits in place of the user's.
"""

import functools
import importlib
import re
import shlex
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from condcap_sk import ConditionalCaptioner, datasets, inspection
from condcap_sk._command_line.main import COMMANDS, main
from condcap_sk.vision import LoadImages, PretrainedFeatures

ROOT = Path(__file__).parents[1]
DOCS, EXAMPLES = ROOT / "docs", ROOT / "examples"
pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the sources are elsewhere")

PACKAGES = ["", ".metrics", ".inspection", ".vision", ".text", ".gan", ".datasets", ".answers",
            ".explorer", ".export", ".training"]  # fmt: skip
PAGES = [*ROOT.glob("README.md"), *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("guide/*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLAIN_BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LESSONS = sorted(EXAMPLES.glob("plot_*.py"))
# They need a download, a folder of photographs, or are parts that the estimator makes by itself.
WITHOUT_EXAMPLE = {
    "__version__",
    "fetch_grid_mnist",
    "load_flickr8k",
    "CaptionCodec",
    "EncodedAnswers",
    "ImageEncoder",
    "LatentGAN",
}


def text_of(path):
    return path.read_text(encoding="utf-8")


def public_names():
    for package in PACKAGES:
        for name in importlib.import_module(f"condcap_sk{package}").__all__:
            yield package, name


def in_reference():
    """Pairs of a module and a name of which the reference makes a page."""
    module = None
    for line in text_of(DOCS / "reference.md").splitlines():
        if line.startswith(".. currentmodule::"):
            module = line.split()[-1]
        elif re.fullmatch(r"   \w+", line):
            yield module, line.strip()


def test__reference__every_public_name_is_in_it():
    expected = {(f"condcap_sk{package}", name) for package, name in public_names()}
    exceptions = importlib.import_module("condcap_sk.exceptions")
    expected |= {
        (exceptions.__name__, name)
        for name, thing in vars(exceptions).items()
        if getattr(thing, "__module__", None) == exceptions.__name__
    }
    assert set(in_reference()) == expected - {("condcap_sk", "__version__")}


def test__examples__every_public_name_is_used_in_one():
    code = "\n".join(map(text_of, EXAMPLES.glob("*.py")))
    unused = {name for _, name in public_names() if not re.search(rf"\b{name}\b", code)}
    assert unused <= WITHOUT_EXAMPLE


@pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])
def test__example__is_a_lesson_that_ends_in_a_picture(path):
    lines = text_of(path).splitlines()
    assert re.fullmatch('"""[A-Z].*', lines[0])
    assert re.fullmatch("=+", lines[1])
    assert "# %%" in lines
    assert "plt.show()" in lines
    assert "random_state=" in text_of(path) or "seed" in text_of(path)


def test__gallery__every_example_has_its_place_in_the_order():
    listed = re.search(r"^LESSONS = \[(.*?)\]", text_of(DOCS / "conf.py"), re.M | re.S)[1]
    assert re.findall(r'"(.+?)"', listed) == list(dict.fromkeys(re.findall(r'"(.+?)"', listed)))
    assert set(re.findall(r'"(.+?)"', listed)) == {path.name for path in EXAMPLES.glob("*.py")}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test__page__its_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", text_of(path)):
        if "/gallery/" in target or target.startswith("gallery/"):
            name = target.rpartition("/")[2]
            name = re.sub(r"^sphx_glr_(.*)_\d+\.png$", r"\1", name)
            assert (EXAMPLES / f"{name}.py").exists() or name == "index", target
        else:
            assert (path.parent / target).exists(), target


SHORT = {
    "validation_fraction": 0.25,
    "codec__hidden_size": 32,
    "codec__max_iter": 15,
    "image_encoder__n_filters": 4,
    "image_encoder__max_iter": 15,
    "gan__decoder_size": 32,
    "gan__max_iter": 10,
}
# Of pages that go on with what a latent decides, or with captions of some length.
LONGER = {"codec__max_iter": 60, "image_encoder__max_iter": 60, "gan__max_iter": 30}
GO_ON_WITH_ANSWERS = {"start", "steering"}
N_PHOTOGRAPHS = 30  # Start holds twenty back
NOUNS = ("dog", "cat", "bird", "fish", "horse", "mouse")
MANNERS = [[f"a {noun}", f"the small red {noun} that we saw yesterday"] for noun in NOUNS]


@pytest.fixture(scope="module")
def caption_model(once):
    """Files of fitted captioners, as they stand in pages that begin with one.

    The latent of the first decides how long captions are; it has features of its own. The second
    takes those of photographs.
    """
    pytest.importorskip("efficientnet_lite_pytorch")
    return once("captions", save_caption_models)


def save_caption_models(folder):
    est = ConditionalCaptioner(n_latents=2, random_state=0).set_params(
        codec__max_iter=60,
        codec__batch_size=64,
        codec__hidden_size=32,
        codec__n_components=32,
        image_encoder__max_iter=40,
        gan__decoder_size=64,
        gan__max_iter=100,
        gan__batch_size=40,
    )
    features = np.tile(np.eye(len(MANNERS)), (7, 1))
    est.fit(features, MANNERS * 7).save(folder / "captions.safetensors")
    np.save(folder / "features.npy", features[:18])
    images = np.random.default_rng(0).integers(0, 256, (len(MANNERS), 260, 260, 3), dtype=np.uint8)
    features = PretrainedFeatures("efficientnet_lite2", n_regions=16)
    est = ConditionalCaptioner(n_latents=2, n_regions=16, random_state=0)
    est.set_params(**(SHORT | LONGER)).fit(features.transform(images), MANNERS)
    preprocessor = make_pipeline(LoadImages(size=260), features)
    est.save(folder / "photographs.safetensors", preprocessor=preprocessor)


@pytest.fixture(scope="module")
def features_once():
    """Compute features of the same photograph once for all pages: they are most of the time."""
    transform, known = PretrainedFeatures.transform, {}

    @functools.wraps(transform)
    def look_up(self, X):
        keys = [joblib.hash((self.get_params(), image)) for image in X]
        new = [i for i, key in enumerate(keys) if key not in known]
        if new:
            known.update(zip((keys[i] for i in new), transform(self, X[new]), strict=True))
        return np.stack([known[key] for key in keys])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PretrainedFeatures, "transform", look_up)
        yield


@pytest.fixture
def readers_folder(tmp_path, monkeypatch, caption_model, features_once):
    """The folder that a reader of the pages would be in."""
    Image = pytest.importorskip("PIL.Image")
    (tmp_path / "photographs").mkdir()
    rng = np.random.default_rng(0)
    rows = ["image,caption"]
    for i in range(N_PHOTOGRAPHS):
        kind = i % len(MANNERS)
        pixels = rng.integers(0, 60, (48, 64, 3), dtype=np.uint8)
        pixels[10:40, 10 * (kind // 3) :, kind % 3] += 180
        Image.fromarray(pixels).save(tmp_path / "photographs" / f"{i}.jpg")
        rows += [f"{i}.jpg,{caption}" for caption in (*MANNERS[kind], "a man on a beach")]
    (tmp_path / "new_photographs").mkdir()
    Image.fromarray(pixels).save(tmp_path / "new_photographs" / "1.PNG")
    (tmp_path / "new_photographs" / "notes.txt").touch()
    Image.fromarray(pixels).save(tmp_path / "holiday.jpg")
    (tmp_path / "captions.csv").write_text("\n".join(rows))
    for path in caption_model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def short(monkeypatch, request):
    """Make data few, and fits short, where a page leaves them at their defaults."""
    fit = ConditionalCaptioner.fit
    page = request.node.callspec.params["path"].stem
    params = SHORT | (LONGER if page in GO_ON_WITH_ANSWERS else {})

    @functools.wraps(fit)
    def short_fit(self, X, y, **kwargs):
        return fit(self.set_params(**params), X, y, **kwargs)

    monkeypatch.setattr(ConditionalCaptioner, "fit", short_fit)
    # With fewer, nothing that a latent decides is found.
    for name, n in (("find_latent", 16), ("describe_captions", 60), ("describe_latents", 60)):
        few_latents = functools.partial(getattr(inspection, name), n_latents=n)
        monkeypatch.setattr(inspection, name, few_latents)
    for name, sizes in (
        ("load_grid_digits", {"n_train": 60, "n_test": 40}),
        ("make_captioned_shapes", {"n_samples": 40}),
    ):
        make = getattr(datasets, name)
        monkeypatch.setattr(
            datasets,
            name,
            lambda *args, make=make, sizes=sizes, **kwargs: make(**{**kwargs, **sizes}),
        )


def test__blocks__no_page_has_code_of_another_kind():
    for path in PAGES:
        kinds = set(re.findall(r"^```(\w+)", text_of(path), re.MULTILINE))
        assert kinds <= {"python"}, path


def test__pages_that_go_on_with_answers__are_there():
    assert {path.stem for path in PAGES} > GO_ON_WITH_ANSWERS


@pytest.mark.parametrize(
    "path", [path for path in PAGES if BLOCK.search(text_of(path))], ids=lambda path: path.stem
)
def test__page__its_code_runs(path, readers_folder, short):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    namespace = {"__name__": "__main__"}
    # Fits as short as these have learned little, of which some warn.
    with warnings.catch_warnings(action="ignore"):
        for block in BLOCK.finditer(text_of(path)):
            line = text_of(path).count("\n", 0, block.start()) + 1
            code = compile("\n" * line + block[1], str(path), "exec")
            exec(code, namespace)
            plt.close("all")


def commands_of(path):
    """Return the lines of a page that call the program, without what a shell does with results."""
    return [
        re.split(r" [|>] ", line)[0]
        for block in PLAIN_BLOCK.finditer(text_of(path))
        for line in block[1].splitlines()
        if line.startswith("condcap_sk ")
    ]


@pytest.mark.parametrize(
    "path", [path for path in PAGES if commands_of(path)], ids=lambda path: path.stem
)
def test__page__its_commands_run(path, readers_folder, short, capfd):
    with warnings.catch_warnings(action="ignore"):
        for line in commands_of(path):
            assert main(shlex.split(line)[1:]) == 0, (line, capfd.readouterr().err)


def test__command_line__page_has_every_command():
    found = {shlex.split(line)[1] for line in commands_of(DOCS / "guide" / "command_line.md")}
    rows = re.findall(r"^\| `(\w+) ", text_of(DOCS / "guide" / "command_line.md"), re.MULTILINE)
    assert rows == [command.NAME for command in COMMANDS]
    # These are tested by themselves: they need an extra, and a browser.
    assert found == {*rows} - {"export", "explore"}
