"""Answers on the ground floor: tokens, vocabularies, n-grams, and the forms they come in."""

from .encoded import EncodedAnswers

__all__ = ["EncodedAnswers"]
