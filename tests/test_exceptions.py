"""The exceptions and warnings by name."""

import inspect

import pytest
from sklearn.exceptions import ConvergenceWarning

from condcap_sk import exceptions

OURS = [
    value
    for _, value in inspect.getmembers(exceptions, inspect.isclass)
    if value.__module__ == exceptions.__name__
]


@pytest.mark.parametrize("kind", OURS)
def test__each__is_caught_as_what_users_know(kind):
    # torch's own errors of processes are RuntimeErrors.
    assert issubclass(kind, ValueError | ArithmeticError | RuntimeError | UserWarning)
    assert kind.__doc__
    assert kind.__name__.endswith("Warning" if issubclass(kind, Warning) else "Error")


def test__of_learning__are_convergence_warnings():
    kinds = {exceptions.CollapseWarning, exceptions.SingleAnswerWarning}
    assert all(issubclass(kind, ConvergenceWarning) for kind in kinds)
