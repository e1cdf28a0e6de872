"""Networks applied to any number of rows, in bounded memory."""

import torch

# Below about this number, and at odd ones, matrix products take other paths: the last bits of a
# row's result, and so now and then its answer, would depend on how many rows keep it company.
MULTIPLE = 32


@torch.no_grad()
def in_batches(function, *inputs, size, device, fill=True):
    """Return ``function(*inputs)`` on the CPU, computed `size` rows at a time on `device`.

    Parameters
    ----------
    function : callable
        Takes aligned tensors and returns a tensor, or a tuple of them, with as many rows.
    inputs : Tensor
        Aligned, with at least one row.
    size : int
        Rows in a batch.
    device : torch.device
    fill : bool, default=True
        Repeat the last row of each batch up to a multiple of 32, so that no row's result depends
        on the number of rows. Convolutions, which are dear, do not need it.
    """
    found = []
    try:
        for batch in zip(*(rows.split(size) for rows in inputs), strict=True):
            n = len(batch[0])
            missing = -n % MULTIPLE if fill else 0
            filled = [torch.cat([b, b[-1:].expand(missing, *b.shape[1:])]) for b in batch]
            outputs = function(*(b.to(device) for b in filled))
            alone = isinstance(outputs, torch.Tensor)
            found.append([o[:n].cpu() for o in ([outputs] if alone else outputs)])
    except (MemoryError, RuntimeError) as error:
        if not _is_about_memory(error):
            raise
        raise MemoryError(
            f"Memory is short for {size} rows at a time. Lower batch_size, with "
            "est.set_params(batch_size=…); for the parts of a captioner est.codec_, "
            "est.image_encoder_ and est.gan_ have one each."
        ) from error
    joined = tuple(torch.cat(parts) for parts in zip(*found, strict=True))
    return joined[0] if alone else joined


def _is_about_memory(error):
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate" in str(error)
