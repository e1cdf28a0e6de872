"""What a fitted estimator holds, is that of its model."""

import numpy as np
import pytest

from condcap_sk.model.attributes import attributes_of


@pytest.fixture
def est(quick, tiny):
    return quick().fit(*tiny)


def attributes(est, columns=None):
    return attributes_of(est.model_, est.image_shape_, est.pixel_range_, {}, columns or est)


def test__attributes_of__a_fitted_estimator__are_its_own(est):
    found = attributes(est)
    assert found.keys() <= vars(est).keys()
    assert all(found[name] is getattr(est, name) for name in ("model_", "codec_", "gan_"))
    np.testing.assert_array_equal(found["classes_"], est.codec_.classes_)
    assert found["latent_bank_"] is est.model_.bank
    assert found["n_features_in_"] == 3


def test__attributes_of__columns_without_names__holds_none(est):
    found = attributes(est)
    assert "feature_names_in_" not in found
