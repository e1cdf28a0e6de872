"""Photographs and models of them for the program; they are drawings, and the models know little."""

import csv

import pytest

from condcap_sk import ConditionalCaptioner
from condcap_sk._command_line.main import main
from condcap_sk.datasets import make_captioned_shapes
from condcap_sk.vision import LoadImages

N_PHOTOGRAPHS, SIZE = 12, 32
SHORT = {
    "codec__max_iter": 5,
    "codec__hidden_size": 16,
    "image_encoder__max_iter": 5,
    "gan__max_iter": 5,
    "gan__hidden_size": 8,
    "gan__decoder_size": 8,
}


@pytest.fixture(scope="session")
def scenes():
    return make_captioned_shapes(N_PHOTOGRAPHS, n_captions=2, size=SIZE, random_state=0)


def write_table(path, rows, header=("image", "caption")):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


@pytest.fixture
def table(tmp_path):
    """Write captions.csv of rows (image, caption); return its path."""

    def write(rows, **options):
        return write_table(tmp_path / "captions.csv", rows, **options)

    return write


@pytest.fixture
def folder(tmp_path, scenes):
    """A folder of photographs and, beside it, a table of their captions."""
    Image = pytest.importorskip("PIL.Image")
    folder = tmp_path / "photographs"
    folder.mkdir()
    rows = []
    for i, (image, captions) in enumerate(zip(scenes.images, scenes.captions, strict=True)):
        Image.fromarray(image).save(folder / f"{i:02}.png")
        rows += [(f"{i:02}.png", caption) for caption in captions]
    write_table(tmp_path / "captions.csv", rows)
    return folder


@pytest.fixture(scope="session")
def pixel_model(tmp_path_factory, scenes):
    """The file of a model that knows that it was fitted on photographs of 32 pixels."""
    pytest.importorskip("PIL")
    est = ConditionalCaptioner(n_latents=2, random_state=0).set_params(**SHORT)
    path = tmp_path_factory.mktemp("models") / "pixels.safetensors"
    est.fit(scenes.images, scenes.captions).save(path, preprocessor=LoadImages(size=SIZE))
    return str(path)


@pytest.fixture(scope="session")
def bare_models(tmp_path_factory, scenes):
    """Files of models that do not know what photographs are to them."""
    folder = tmp_path_factory.mktemp("bare")
    for name, X in {
        "pixels": scenes.images,
        "grey": scenes.images[..., 0],
        "vectors": scenes.images[:, ::8, ::8].reshape(N_PHOTOGRAPHS, -1),
    }.items():
        est = ConditionalCaptioner(n_latents=2, random_state=0).set_params(**SHORT)
        est.fit(X, scenes.captions).save(folder / name)
    return folder


@pytest.fixture
def program(capsys):
    """Run the program in this process; return its exit code, and what it printed where."""

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as error:  # of the parser
            code = error.code
        return code, *capsys.readouterr()

    return run
