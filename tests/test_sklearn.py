"""scikit-learn's own checks, on every public estimator with its default parameters."""

import pkgutil
from importlib import import_module

from sklearn.base import BaseEstimator
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

import condcap_sk


def public_estimators():
    """Every estimator that the package, or one of its own packages, names in ``__all__``."""
    names = [
        "condcap_sk",
        *(m.name for m in pkgutil.walk_packages(condcap_sk.__path__, "condcap_sk.")),
    ]
    found = {}
    for module in map(import_module, names):
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if isinstance(value, type) and issubclass(value, BaseEstimator):
                found[name] = value()
    return found


ESTIMATORS = public_estimators()
# scikit-learn has no checks of estimators on one-dimensional input, such as its LabelEncoder.
ONE_D = {name for name, est in ESTIMATORS.items() if get_tags(est).input_tags.one_d_array}


def test__all_estimators_but_the_codec__are_checked():
    assert ESTIMATORS.keys() - ONE_D == {"ConditionalCaptioner", "ImageEncoder", "LatentGAN"}
    assert len(ONE_D) == 1


@parametrize_with_checks([est for name, est in ESTIMATORS.items() if name not in ONE_D])
def test__estimator__scikit_learn_s_checks__pass(estimator, check):
    check(estimator)
