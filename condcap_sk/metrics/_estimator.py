"""What metrics ask of a fitted estimator."""

from sklearn.pipeline import Pipeline


def last_step(estimator, X):
    """Return the captioner that a pipeline ends in, and `X` as it comes to it."""
    if not isinstance(estimator, Pipeline):
        return estimator, X
    # An empty pipeline transforms nothing.
    return estimator[-1], estimator[:-1].transform(X) if len(estimator) > 1 else X


def analyzer_of(estimator, default):
    """Return how a captioner's answers fall into tokens; `default` where it does not tell."""
    captioner = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    return getattr(getattr(captioner, "codec_", None), "analyzer_", default)


def check_labels(estimator, instead):
    """Raise, pointing to `instead`, if an estimator was fitted on captions."""
    if analyzer_of(estimator, "label") != "label":
        raise ValueError(
            "estimator was fitted on captions, but labels are needed. Fit it on labels (or set "
            f"analyzer='label'), or use {instead}."
        )


def caption_analyzer(estimator, instead):
    """Return what captions are split by; raise, pointing to `instead`, if there are only labels."""
    analyzer = analyzer_of(estimator, "word")
    if analyzer == "label":
        raise ValueError(
            "estimator was fitted on labels, but captions are needed. Fit it on sentences (or set "
            f"analyzer='word'), or use `{instead}`."
        )
    return analyzer
