"""A fitted captioner without scikit-learn: how it is fitted, answers, and is kept in a file."""

__all__: list[str] = []
