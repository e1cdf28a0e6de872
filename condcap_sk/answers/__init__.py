"""Answers on the ground floor: tokens, vocabularies, n-grams, and the forms they come in."""

from typing import TYPE_CHECKING

from .._lazy import lazy

if TYPE_CHECKING:
    from .encoded import EncodedAnswers

__all__ = ["EncodedAnswers"]

__getattr__, __dir__ = lazy(__name__, {"EncodedAnswers": "encoded"})
