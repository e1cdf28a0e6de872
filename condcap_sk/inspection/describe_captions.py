"""describe_captions: which properties of captions a latent decides, and along which directions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_scalar

from ..answers.tokenizer import splitter
from ..metrics._estimator import caption_analyzer, last_step
from ._directions import DirectionDescription, as_text, find_directions
from ._properties import Property, named_properties

# All chosen by hand.
N_TOKENS = 50  # the most frequent tokens that are properties by default
LEAST_USE = 0.02  # share of the captions that hold such a token; rarer ones depend on the image


def describe_captions(
    estimator: BaseEstimator,
    X: ArrayLike,
    *,
    properties: Mapping[str, Property] | None = None,
    n_latents: int = 200,
    random_state: int | np.random.RandomState | None = 0,
    output_dict: bool = False,
) -> str | dict[str, DirectionDescription]:
    """Describe which properties of captions follow from the latent, and along which directions.

    The same images are captioned under many latents. The mean of a property over the images is one
    number for each latent. A ridge regression on the latent predicts this number, and is tested on
    latents that it was not fitted on. Its coefficients are the direction of latent space along
    which the property grows most.

    Parameters
    ----------
    estimator : ConditionalCaptioner, Pipeline or search
        Fitted on captions; a pipeline ends in a captioner.
    X : array-like
        Images or feature vectors, some tens.
    properties : dict of {str: callable} or None, default=None
        Each takes the list of a caption's tokens (by default lower-cased words, else those of the
        estimator's ``codec_.analyzer_``) and returns a number. None: the number of tokens, of
        colours, of numbers and of places that it names in English, as in `find_latent`, and for
        each of the 50 most frequent tokens whether the caption holds it.
    n_latents : int, default=200
        Draws from the prior, at least ten. With fewer than a hundred, chance can look like more
        of a direction, so that a larger "r2" is asked for.
    random_state : int, RandomState instance or None, default=0
        Seed of the latents.
    output_dict : bool, default=False
        Return a dict instead of text.

    Returns
    -------
    description : str or dict of {str: dict}
        For each property, the best predicted first, a row or a dict with the keys

        mean, sd : float
            Over latents, of its mean over images.
        r2 : float
            Share of this mean's variance that is predicted, by five-fold cross-validation.
        direction : ndarray of shape (n_latents,), or None
            Unit vector along which the property grows most, of the Gaussian part of latents. None
            where "r2" is below .1, or below what noise may reach with so few latents, 10 /
            `n_latents`, or where the Gaussian part changes less than .1 of the variance: there is
            no direction then, nor what follows.
        change : float or None
            What one unit along the direction, a standard deviation of the prior, adds to the mean.
        image : int or None
            Index of the image whose captions vary most in the property.
        examples : tuple (str, str) or None
            Its captions at -2 and at +2 along the direction, from a latent of 0. The text has those
            of the first three properties. Of categorical latents, those in the first categories.
        by_category : list of lists of float
            For each categorical latent, the mean in each of its categories, nan where none of the
            latents is of it.

    See Also
    --------
    LatentTraversalDisplay.from_direction : Images and their captions along a direction.
    describe_latents : Which labels latents prefer.

    Examples
    --------
    >>> import numpy as np
    >>> from condcap_sk.inspection import describe_captions
    >>> class TerseOrNot:
    ...     def sample_latents(self, n, random_state):
    ...         return random_state.standard_normal((n, 1))
    ...     def predict_grid(self, X, latents):
    ...         return np.tile(np.where(latents[:, 0] < 0, "a dog", "the dog runs"), (len(X), 1))
    >>> print(describe_captions(TerseOrNot(), np.zeros((3, 2)), properties={"words": len}))
    property            mean      sd      R2  change   direction: largest components
    words               2.5...   c[0] +1.00
    along the direction of words, answers about image 0:
      at -2: a dog
      at +2: the dog runs
    """
    analyzer = caption_analyzer(estimator, "describe_latents")
    check_scalar(n_latents, "n_latents", Integral, min_val=10)
    estimator, X = last_step(estimator, X)
    rng = check_random_state(random_state)
    latents = estimator.sample_latents(n_latents, random_state=rng)
    grid = estimator.predict_grid(X, latents)
    split = splitter(analyzer)
    captions = [split(caption) for caption in grid.ravel()]
    if properties is not None and not properties:
        raise ValueError("properties is empty. Pass one at least, or None for those by default.")
    if properties is None:
        named = named_properties(analyzer)
        there = {name: has for name, has in named.items() if any(map(has, captions))}
        properties = there | _frequent(captions)
    values = {
        name: np.reshape([float(measure(row)) for row in captions], grid.shape)
        for name, measure in properties.items()
    }
    description = find_directions(estimator, X, latents, values)
    return description if output_dict else as_text(description, "property")


def _frequent(captions: Sequence[list[str]]) -> dict[str, Property]:
    counts = Counter(token for row in captions for token in set(row))
    # A token in every caption, or in hardly any, does not depend on the latent.
    least, most = LEAST_USE * len(captions), len(captions) - 1
    common = [token for token, n in counts.most_common() if least <= n <= most]
    return {f"'{token}'": _holds(token) for token in common[:N_TOKENS]}


def _holds(token: str) -> Property:
    return lambda row: token in row
