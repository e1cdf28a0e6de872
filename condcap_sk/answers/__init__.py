"""Answers: how text falls into tokens."""
