"""What differs between two descriptions of a fit, for errors."""

import json
from collections.abc import Sequence
from typing import Any

MOST_SHOWN = 5, 60  # differences, and characters of a value; by hand


def differences(first: dict[str, Any], second: dict[str, Any], form: str) -> list[str]:
    """Return what differs between two dicts of values that JSON has.

    Parameters
    ----------
    first, second : dict
        By the name under which the user knows each. Checksums are dicts.
    form : str
        How a difference is put, such as ``"{name} was {first} and is {second}"``.
    """
    found = []
    for name in {**first, **second}:
        # As texts: 1 and 1.0 may mean different things, a number and a share.
        values = [json.dumps(known[name]) if name in known else "none" for known in (first, second)]
        if values[0] == values[1]:
            continue
        if isinstance(second.get(name), dict):
            # Of checksums there is nothing to be seen.
            found.append(f"{name} differ")
        else:
            was, now = (value[: MOST_SHOWN[1]] for value in values)
            found.append(form.format(name=name, first=was, second=now))
    return found


def shortened(found: Sequence[str]) -> str:
    """Return differences in one line, the first ones of many."""
    return "; ".join(found[: MOST_SHOWN[0]]) + "; …" * (len(found) > MOST_SHOWN[0])
