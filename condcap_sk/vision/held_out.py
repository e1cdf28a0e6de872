"""HeldOutMatches: how well held-out images are matched with captions, along the training."""

import numpy as np
import torch
from sklearn.metrics import average_precision_score

from .._torch.stored import tensor_of

# Captions whose decisions are measured: thousands of them would cost more than the training.
N_MEASURED = 2000


class HeldOutMatches:
    """The average precision of a `Matcher` on images that it does not learn from.

    Parameters
    ----------
    images : ndarray or StoredImages of shape (n, …)
    answers : EncodedAnswers
        Theirs.
    reads : str
        What of the answers the matcher embeds.
    batch_size : int
        Images that are computed at a time.
    device : torch.device
    """

    def __init__(self, images, answers, reads, batch_size, device):
        bank = getattr(answers, reads)
        some = slice(None, None, -(-len(bank) // N_MEASURED))
        fits = np.zeros((len(images), len(bank) + 1), dtype=bool)
        # −1 is the last column.
        np.put_along_axis(fits, answers.index % fits.shape[1], True, axis=1)
        self.fits = fits[:, :-1][:, some]
        self.bank = torch.from_numpy(np.ascontiguousarray(bank[some])).to(device)
        self.images = tensor_of(images)
        self.batch_size = int(batch_size)
        self.device = device

    @torch.no_grad()
    def __call__(self, net):
        """Return the measure of a net's average, by its name in the history."""
        matcher = net.average_.eval()
        log_odds = [
            matcher(matcher.image_vectors(batch.to(self.device)), self.bank).cpu()
            for batch in self.images.split(self.batch_size)
        ]
        precision = average_precision_score(self.fits.ravel(), torch.cat(log_odds).numpy().ravel())
        return {"valid_average_precision": float(precision)}
