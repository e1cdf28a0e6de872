"""scikit-learn's callbacks (progress bars, monitors), fed from the trainings of the parts."""

from contextlib import contextmanager
from functools import partial, wraps

from skorch.callbacks import Callback

from .._typing import Function

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9 has none

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """The same interface, with nobody to call."""

        def _init_callback_context(self, **kwargs):
            return None

    def with_callbacks(method):
        @wraps(method)  # one frame, so that warnings point at the same line
        def fit(self, *args, **kwargs):
            return method(self, *args, **kwargs)

        return fit


def managed(fit: Function) -> Function:
    """Decorate the `fit` of an estimator that scikit-learn's callbacks may be set on."""
    return with_callbacks(fit)


@contextmanager
def reporting(stage, estimator, context, data, fitted, checkpoints=None, earlier=None):
    """Let `stage`, inside, report its trainings to the callbacks of `estimator`; see `Bridge`.

    It writes them to `checkpoints`, and begins with the weights of an `earlier` stage, where there
    are these.
    """
    stage._checkpoints = checkpoints
    stage._earlier = earlier
    if context is not None:
        stage._reports = (Bridge(estimator, context, data, fitted),)
    try:
        yield stage
    finally:
        # The bridge holds the data.
        for name in ("_checkpoints", "_reports", "_earlier"):
            vars(stage).pop(name, None)


class Bridge(Callback):
    """Report the trainings in an estimator's fit, epoch by epoch, to that estimator's callbacks.

    Parameters
    ----------
    estimator : BaseEstimator
        The one that the callbacks were set on.
    context : sklearn.callback.CallbackContext
        Of its fit.
    data : dict
        "X" and "y", handed to the callbacks.
    fitted : dict of {str: callable}
        By the name of a training: ``fitted[name](net)`` returns what the estimator would hold after
        `fit`, if it ended here, as a dict of attributes. Where there is none, it could not answer.
    """

    def __init__(self, estimator, context, data, fitted):
        self.estimator = estimator
        self.context = context
        self.data = data
        self.fitted = fitted

    def on_train_begin(self, net, **kwargs):
        name = dict(net.callbacks_)["record"].stage
        self.attributes_of_ = self.fitted.get(name)
        self.stage_ = self._begin(self.context, name, net.max_epochs)

    def on_epoch_begin(self, net, **kwargs):
        self.epoch_ = self._begin(self.stage_, "epoch", 0)

    def on_epoch_end(self, net, **kwargs):
        attributes = self.attributes_of_ and partial(self.attributes_of_, net)
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
