"""scikit-learn's callbacks (progress bars, monitors), fed from the trainings of the parts."""

from contextlib import contextmanager
from functools import wraps

from skorch.callbacks import Callback

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9 has none

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """The same interface, with nobody to call."""

        def _init_callback_context(self, **kwargs):
            return None

    def with_callbacks(method):
        @wraps(method)  # one frame, so that warnings point at the same line
        def fit(self, X, y):
            return method(self, X, y)

        return fit


@contextmanager
def reporting(estimator, context, stage, part, data, fitted=None):
    """Let `part`, inside, report its training to the callbacks of `estimator`; see `Bridge`."""
    own = part.callbacks
    if context is not None:
        part.callbacks = [*(own or []), Bridge(estimator, context, stage, data, fitted)]
    try:
        yield part
    finally:
        # The bridge holds the data.
        part.callbacks = own


class Bridge(Callback):
    """Report one stage of an estimator's fit, epoch by epoch, to that estimator's callbacks.

    Parameters
    ----------
    estimator : BaseEstimator
        The one that the callbacks were set on.
    context : sklearn.callback.CallbackContext
        Of its fit.
    stage : str
        Name of the stage.
    data : dict
        "X" and "y", handed to the callbacks.
    fitted : callable or None
        ``fitted(net)`` returns what the estimator would hold after `fit`, if it ended here, as a
        dict of attributes. None: it could not answer yet.
    """

    def __init__(self, estimator, context, stage, data, fitted=None):
        self.estimator = estimator
        self.context = context
        self.stage = stage
        self.data = data
        self.fitted = fitted

    def __deepcopy__(self, memo):
        # The parts copy their callbacks; this one is about the one fit that goes on.
        return self

    def on_train_begin(self, net, **kwargs):
        self.stage_ = self._begin(self.context, self.stage, net.max_epochs)

    def on_epoch_begin(self, net, **kwargs):
        self.epoch_ = self._begin(self.stage_, "epoch", 0)

    def on_epoch_end(self, net, **kwargs):
        attributes = None if self.fitted is None else lambda: self.fitted(net)
        if self.epoch_.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes=attributes, **self.data
        ):
            # The way in which skorch's callbacks end a training.
            raise KeyboardInterrupt

    def on_train_end(self, net, **kwargs):
        self.stage_.call_on_fit_task_end(estimator=self.estimator, **self.data)

    def _begin(self, parent, name, max_subtasks):
        context = parent.subcontext(task_name=name, max_subtasks=max_subtasks)
        return context.call_on_fit_task_begin(estimator=self.estimator, **self.data)
