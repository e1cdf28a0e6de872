"""In a notebook, an estimator links to its page of the documentation."""

import importlib
from importlib import metadata

import pytest

from condcap_sk import ConditionalCaptioner, _links
from condcap_sk.gan import LatentGAN
from condcap_sk.text import CaptionCodec
from condcap_sk.vision import ImageEncoder, LoadImages, PretrainedFeatures

SITE = "https://site.invalid/latest"
ESTIMATORS = [
    ConditionalCaptioner,
    CaptionCodec,
    ImageEncoder,
    LatentGAN,
    LoadImages,
    PretrainedFeatures,
]


@pytest.mark.parametrize("cls", ESTIMATORS)
def test__html__every_estimator__links_to_its_page(cls, monkeypatch):
    monkeypatch.setattr(_links, "documentation", lambda: SITE)
    package, name = _links.public_path(cls).rsplit(".", 1)
    assert getattr(importlib.import_module(package), name) is cls
    assert f'href="{SITE}/generated/{package}.{name}.html' in cls()._repr_html_()


def test__html__no_site_known__has_no_link(monkeypatch):
    monkeypatch.setattr(_links, "documentation", lambda: "")
    assert ConditionalCaptioner()._get_doc_link() == ""


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        (["Source, https://a.invalid", f"Documentation, {SITE}/"], SITE),
        (["Source, https://a.invalid"], ""),
        (None, ""),
    ],
)
def test__documentation__is_that_of_the_project_s_urls(urls, expected, monkeypatch):
    class Metadata:
        def get_all(self, name):
            assert name == "Project-URL"
            return urls

    monkeypatch.setattr(_links, "metadata", lambda name: Metadata())
    assert _links.documentation() == expected


def test__documentation__not_installed__is_unknown(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(_links, "metadata", missing)
    assert _links.documentation() == ""
