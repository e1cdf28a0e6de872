"""Embeddings that do not begin at random."""

import torch


def begin_with(embedding, vectors):
    """Let an `nn.Embedding` begin with `vectors`, as `vectors_of` returns them, at its own scale.

    None changes nothing.
    Where it has another width, they are projected at random, which keeps angles, about.
    """
    if vectors is None:
        return
    vectors = torch.from_numpy(vectors)
    known = ~vectors.isnan().any(1)
    ours, theirs = embedding.embedding_dim, vectors.shape[1]
    rows = vectors[known]
    if ours != theirs:
        rows = rows @ torch.randn(theirs, ours) / theirs**0.5
    with torch.no_grad():
        embedding.weight[: len(vectors)][known] = rows * embedding.weight.std()
