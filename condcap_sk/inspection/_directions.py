"""Directions of latent space, along which properties of answers change."""

from collections.abc import Hashable, Mapping
from typing import Any, TypedDict, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict

from .._stored import rows_of
from ..metrics._estimator import in_categories, numbers_of_categories, split_latents

# All chosen by hand.
ALPHAS = np.logspace(-2, 3, 12)  # penalties that the ridge regression chooses from, by itself
LEAST_R2 = 0.1  # of a direction that is shown
# R² times latents that one in a thousand properties of pure noise comes up to: measured for 50 to
# 1 000 latents of 1, 3 and 16 dimensions.
OF_NOISE = 10
END = 2.0  # where examples lie along a direction, in standard deviations of the prior
N_COMPONENTS = 3  # components of a direction in a line of the text
N_EXAMPLES = 3  # properties with examples in the text

Name = TypeVar("Name", bound=Hashable)


class DirectionDescription(TypedDict):
    """What is returned for a property."""

    mean: float
    sd: float
    r2: float
    direction: NDArray[np.float64] | None
    change: float | None
    image: int | None
    examples: tuple[Any, Any] | None
    by_category: list[list[float]]


def find_directions(
    captioner: Any, X: ArrayLike, latents: NDArray[Any], values: Mapping[Name, NDArray[Any]]
) -> dict[Name, DirectionDescription]:
    """Return the direction of each property, the best predicted first.

    `values` are the properties, by name, of the answers about images `X` (n) under `latents` (k),
    each an array (n, k).
    """
    latents = np.asarray(latents, dtype=float)
    categories, gaussian = split_latents(captioner, latents)
    numbers = numbers_of_categories(captioner)
    means = np.stack([grid.mean(axis=0) for grid in values.values()], axis=1)
    ridge = RidgeCV(ALPHAS, alpha_per_target=True)
    predicted = cross_val_predict(ridge, latents, means, cv=KFold(5)).reshape(means.shape)
    scores = r2_score(means, predicted, multioutput="raw_values")
    coefficients = ridge.fit(latents, means).coef_.reshape(means.shape[1], -1)
    least = max(LEAST_R2, OF_NOISE / len(latents))
    found: dict[Name, DirectionDescription] = {}
    for i, (name, grid) in enumerate(values.items()):
        is_constant = np.ptp(means[:, i]) == 0
        row: DirectionDescription = {
            "mean": float(means[:, i].mean()),
            "sd": 0.0 if is_constant else float(means[:, i].std()),
            "r2": 0.0 if is_constant else float(scores[i]),
            "direction": None,
            "change": None,
            "image": None,
            "examples": None,
            "by_category": [
                [float(means[which == k, i].mean()) if k in which else np.nan for k in range(n)]
                for which, n in zip(categories.T, numbers, strict=True)
            ],
        }
        # The Gaussian part alone has directions; what it changes is the square of the change.
        coefficient = coefficients[i, latents.shape[1] - gaussian.shape[1] :]
        change = np.linalg.norm(coefficient)
        if row["r2"] >= least and change**2 >= LEAST_R2 * row["sd"] ** 2:
            direction = coefficient / change
            image = int(grid.std(axis=1).argmax())
            ends = in_categories(captioner, np.outer([-END, END], direction))
            low, high = captioner.predict_grid(rows_of(X, [image]), ends)[0].tolist()
            row["direction"], row["change"] = direction, float(change)
            row["image"], row["examples"] = image, (low, high)
        found[name] = row
    # Among equals, the order is that of `values`, not of rounding errors.
    return dict(sorted(found.items(), key=lambda item: -round(item[1]["r2"], 6)))


def as_text(found: Mapping[Name, DirectionDescription], kind: str) -> str:
    """Return a table of properties, which are of a `kind`, and examples of the first ones."""
    lines = [f"{kind:18}{'mean':>6}{'sd':>8}{'R2':>8}{'change':>8}   direction: largest components"]
    examples = []
    for name, row in found.items():
        line = f"{name!s:18}{row['mean']:6.2f}{row['sd']:8.2f}{row['r2']:8.2f}"
        if row["direction"] is not None and row["examples"] is not None:
            order = np.argsort(-np.abs(row["direction"]), kind="stable")[:N_COMPONENTS]
            first = sum(map(len, row["by_category"]))  # of the Gaussian columns
            strongest = ", ".join(f"c[{first + i}] {row['direction'][i]:+.2f}" for i in order)
            line += f"{row['change']:+8.2f}   {strongest}"
            low, high = row["examples"]
            examples += [
                f"along the direction of {name}, answers about image {row['image']}:",
                f"  at {-END:+.0f}: {low}",
                f"  at {END:+.0f}: {high}",
            ]
        if row["by_category"]:
            parts = (", ".join(f"{mean:.2f}" for mean in part) for part in row["by_category"])
            line += f"   by category {'; '.join(parts)}"
        lines.append(line)
    return "\n".join(lines + examples[: 3 * N_EXAMPLES])
