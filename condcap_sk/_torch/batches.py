"""Networks applied to any number of rows, in bounded memory."""

import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
import torch

from .._processes import sharing
from .threads import limited_threads, one_thread

# Rows computed together on a CPU. Matrix products take other paths, and round otherwise, for other
# numbers of rows and of threads, differently on every processor: with always as many rows, by one
# thread, a row's result depends neither on its company nor on the machine's cores. A perceptron is
# slowed down by fewer, and a single row does not wait long; of a recurrence over a sentence's words
# few are as fast as many (2 cores, AMD EPYC 7003).
ROWS = 256
SENTENCES = 32
MULTIPLE = 32  # of rows, on an accelerator
ROWS_PER_IMAGE = 16  # see `rows_of_vectors`; by hand
MOST_IN_MEMORY = 2**31  # bytes of results that are kept in memory; by hand


def rows_of_vectors(n_images):
    """Return how many vectors take as much of an accelerator's memory as so many images."""
    return ROWS_PER_IMAGE * int(n_images)  # NumPy's integers of few bits would overflow


def in_batches(function, *inputs, size, device, rows=ROWS):
    """Return ``function(*inputs)`` on the CPU, computed a batch at a time on `device`.

    On a CPU, batches are computed side by side, each by one thread, by as many threads as torch
    has. Their size is fixed, so that no bit of a row's result depends on the number of rows or of
    threads. Processes that make one fit compute a part of the batches each.

    Parameters
    ----------
    function : callable
        Takes aligned tensors and returns a tensor, or a tuple of them, with as many rows.
    inputs : Tensor or StoredTensor
        Aligned, with at least one row.
    size : int
        Rows in a batch on an accelerator.
    device : torch.device
    rows : int, default=256
        Rows in a batch on a CPU.
    """
    on_cpu = device.type == "cpu"
    size = rows if on_cpu else int(size)
    # The last row is repeated: on an accelerator up to a multiple, on a CPU up to a full batch.
    multiple = size if on_cpu else MULTIPLE

    @torch.no_grad()
    def compute(rows):
        # Stored rows are read here.
        batch = [tensor[rows] for tensor in inputs]
        n = len(batch[0])
        missing = -n % multiple
        filled = [torch.cat([b, b[-1:].expand(missing, *b.shape[1:])]) for b in batch]
        outputs = function(*(b.to(device) for b in filled))
        is_tensor = isinstance(outputs, torch.Tensor)
        return [o[:n].cpu() for o in ([outputs] if is_tensor else outputs)], is_tensor

    joined: list = []
    joining = threading.Lock()

    def fill(rows):
        outputs, is_tensor = compute(rows)
        with joining:
            if not joined:
                joined.extend(rows_like(output, n_rows) for output in outputs)
                joined.append(is_tensor)
        for whole, part in zip(joined, outputs, strict=False):
            whole[rows] = part

    n_rows = len(inputs[0])
    batches = all_batches = [slice(start, start + size) for start in range(0, n_rows, size)]
    processes = sharing()
    if processes is not None and len(batches) >= processes.size:
        batches = batches[processes.part(len(batches))]
    n_threads = min(torch.get_num_threads(), len(batches)) if on_cpu else 1
    try:
        with limited_threads(1) if on_cpu else nullcontext():
            _side_by_side(fill, batches, n_threads)
    except (MemoryError, RuntimeError) as error:
        if not _is_about_memory(error):
            raise
        # That of a captioner's parts counts on an accelerator only.
        parts = "and that of est.codec_, est.image_encoder_ and est.gan_"
        further = "or give fewer rows at a time" if on_cpu else parts
        remedy = f"Lower batch_size, with est.set_params(batch_size=…), {further}"
        raise MemoryError(f"Memory is short for {size} rows at a time. {remedy}.") from error
    *whole, is_tensor = joined
    if batches is not all_batches:
        _complete(whole, all_batches, processes)
    return whole[0] if is_tensor else tuple(whole)


def _complete(tensors, batches, processes):
    """Fill in the rows of batches that other processes computed."""
    parts = [batches[processes.part(len(batches), rank)] for rank in range(processes.size)]
    rows = [slice(part[0].start, min(part[-1].stop, len(tensors[0]))) for part in parts]
    for tensor in tensors:
        processes.complete(tensor, rows)


def _side_by_side(compute, batches, n_threads):
    if n_threads == 1:
        for batch in batches:
            compute(batch)
        return
    pool = ThreadPoolExecutor(n_threads, initializer=one_thread)
    try:
        for _ in pool.map(compute, batches):
            pass
    finally:
        # After an error or Ctrl-C, what was not begun is not waited for.
        pool.shutdown(cancel_futures=True)


def rows_like(like, n_rows):
    """Return an uninitialised tensor of so many rows; a large one lies in a file without a name.

    The system writes it to the disk where memory is short, and deletes it with the tensor.
    """
    shape = n_rows, *like.shape[1:]
    size = n_rows * like[0].nbytes
    if size <= MOST_IN_MEMORY:
        return like.new_empty(shape)
    try:
        with tempfile.TemporaryFile(prefix="condcap_sk-") as file:
            if hasattr(os, "posix_fallocate"):
                # Else a disk without room would end the process, later.
                os.posix_fallocate(file.fileno(), 0, size)
            return torch.from_numpy(np.memmap(file, like.numpy().dtype, shape=shape))
    except OSError as error:
        raise OSError(
            f"{size / 1e9:.1f} GB of vectors find no room in {tempfile.gettempdir()!r}: {error}. "
            "Let the environment variable TMPDIR name a folder on a larger disk."
        ) from error


def _is_about_memory(error):
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate" in str(error)
