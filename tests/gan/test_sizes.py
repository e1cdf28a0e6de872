"""The sizes of images and networks."""

import pytest

from condcap_sk.gan.modules import Discriminator, SentenceGenerator
from condcap_sk.gan.sizes import fit_together, without_regions
from condcap_sk.text.modules import Attention, TiedDecoder

GENERATOR = SentenceGenerator(5, 2, 4, 1.0)


def test__without_regions__image_vectors_come_before_them():
    assert without_regions(20, None) == 20
    assert without_regions(20, (3, 4)) == 8


@pytest.mark.parametrize("n_features", [12, 5])
def test__without_regions__nothing_left__is_an_error(n_features):
    with pytest.raises(ValueError, match=f"make 12 of the {n_features} components"):
        without_regions(n_features, (3, 4))


@pytest.mark.parametrize(
    ("others", "attention", "region_shape", "fits"),
    [
        ([Discriminator(5, 4, 8)], None, None, True),
        ([Discriminator(6, 4, 8)], None, None, False),
        ([Discriminator(5, 3, 8)], None, None, False),
        ([], Attention(8, 3, 256), (9, 3), True),
        ([], Attention(8, 3, 256), (9, 4), False),
        ([], Attention(8, 3, 256), None, False),
        ([], Attention(9, 3, 256), (9, 3), False),
        ([], Attention(8, 3, 255), (9, 3), False),
        # A file may name any part.
        ([], SentenceGenerator(5, 2, 4, 1.0), (9, 3), False),
    ],
)
def test__fit_together__networks_and_regions_of_one_size(others, attention, region_shape, fits):
    decoder = TiedDecoder(6, 4, 8, 3, attention)
    assert fit_together(GENERATOR, others, decoder, None, region_shape) == fits
