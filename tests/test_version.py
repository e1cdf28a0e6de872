"""The version, stated once."""

from importlib.metadata import version

import condcap_sk


def test__version__is_that_of_the_installed_package():
    assert condcap_sk.__version__ == version("condcap_sk")
