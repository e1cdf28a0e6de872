"""Types of annotations."""

from typing import get_type_hints

import pytest

from condcap_sk._torch.threads import with_threads
from condcap_sk._typing import Function
from condcap_sk._validation import checks_params
from condcap_sk.training.callbacks import managed
from condcap_sk.training.estimator import stage_fit


@pytest.mark.parametrize("decorate", [checks_params, managed, stage_fit, with_threads])
def test__function__decorators__leave_the_type_of_what_they_decorate(decorate):
    assert get_type_hints(decorate) == {"fit": Function, "return": Function}
