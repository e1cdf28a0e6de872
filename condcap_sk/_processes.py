"""Processes that make one fit together, each on its part of the work."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from numpy.typing import NDArray
from torch import distributed

from ._differences import differences, shortened
from .exceptions import ProcessGroupError

# By hand: bytes that are sent at a time, for the sake of memory.
AT_ONCE = 2**26

_JOINED: ContextVar["Processes | None"] = ContextVar("joined", default=None)
_SHARING: ContextVar["Processes | None"] = ContextVar("sharing", default=None)


class Processes:
    """The processes of a process group of torch, as one of them has it.

    All call the same methods in the same order.

    Parameters
    ----------
    timeout : float
        Seconds that were given to `process_group`, for errors.
    group : object or None, default=None
        A group that ends with these; None: the default one, which does so, too.

    Attributes
    ----------
    rank, size : int
        The number of this process, and how many there are.
    is_closed : bool
        Whether they have ended.
    """

    is_closed = False

    def __init__(self, timeout: float, group: Any = None) -> None:
        self.rank = distributed.get_rank()
        self.size = distributed.get_world_size()
        self._timeout = timeout
        self._group = group

    def close(self) -> None:
        """End: the others, if they wait for this one, get an error."""
        if not self.is_closed:
            self.is_closed = True
            distributed.destroy_process_group(self._group)

    def part(self, n: int, rank: int | None = None) -> slice:
        """Return which of `n` things in a row are those of a process, by default of this one."""
        rank = self.rank if rank is None else rank
        return slice(-(-n * rank // self.size), -(-n * (rank + 1) // self.size))

    def exchange(self, *tensors: torch.Tensor) -> list[list[torch.Tensor]]:
        """Return, for each of some tensors, those of all processes, of one shape and dtype."""
        ranks = range(self.size)
        found = [[own if rank == self.rank else torch.empty_like(own) for rank in ranks]
                 for own in tensors]  # fmt: skip
        ways = []
        # From each to each: of gloo's own ways, all are slower.
        for own, received in zip(tensors, found, strict=True):
            for rank in set(ranks) - {self.rank}:
                ways.append(distributed.P2POp(distributed.isend, own, rank, self._group))
                ways.append(distributed.P2POp(distributed.irecv, received[rank], rank, self._group))
        with self._naming_the_lost():
            for work in distributed.batch_isend_irecv(ways) if ways else []:
                work.wait()
        return found

    def exchange_values(self, values: Any) -> list[Any]:
        """Return the values of all processes, which are such as JSON has."""
        content = json.dumps(values).encode()
        (lengths,) = self.exchange(torch.tensor([len(content)]))
        padded = content.ljust(int(max(lengths)))
        (found,) = self.exchange(torch.frombuffer(bytearray(padded), dtype=torch.uint8))
        return [json.loads(bytes(tensor.tolist())) for tensor in found]

    def send_first(self, tensor: torch.Tensor) -> None:
        """Let the tensor of every process be that of process 0."""
        sent = tensor.contiguous()
        self._broadcast(sent, 0)
        if sent is not tensor:
            tensor.copy_(sent)

    def compare(self, values: dict[str, Any]) -> None:
        """Raise, in all processes, if they have not the same values, by name; such as JSON has."""
        first, *others = self.exchange_values(values)
        for rank, other in enumerate(others, start=1):
            if differ := differences(first, other, "{name}: {first} and {second}"):
                raise ProcessGroupError(
                    f"Processes 0 and {rank} do not make the same fit: {shortened(differ)}. Give "
                    "all of them the same data, parameters and versions."
                )

    def share_rows(
        self, n_rows: int, compute: Callable[[slice], list[NDArray[Any]]]
    ) -> list[NDArray[Any]]:
        """Return arrays with values for all rows, of which each process computes a part.

        Parameters
        ----------
        n_rows : int
        compute : callable
            Returns the arrays of some rows, one at least.
        """
        parts = [self.part(n_rows, rank) for rank in range(self.size)]
        whole = []
        for array in compute(parts[self.rank]):
            own = torch.from_numpy(array)
            tensor = own.new_empty(n_rows, *own.shape[1:])
            tensor[parts[self.rank]] = own
            self.complete(tensor, parts)
            whole.append(tensor.numpy())
        return whole

    def bytes_of_first(self, content: bytes | None) -> bytes | None:
        """Return the `content` of process 0."""
        length = torch.tensor([-1 if content is None else len(content)])
        self.send_first(length)
        if length < 0:
            return None
        kept = bytearray(int(length) if self.rank else content or b"")
        if kept:
            self.send_first(torch.frombuffer(kept, dtype=torch.uint8))
        return bytes(kept)

    def complete(self, whole: torch.Tensor, parts: list[slice]) -> None:
        """Fill in the rows of a contiguous tensor that other processes have.

        Parameters
        ----------
        whole : Tensor
        parts : list of slice
            Of the rows, those of each process.
        """
        step = max(1, AT_ONCE // max(1, whole[:1].nbytes))
        for rank, part in enumerate(parts):
            for start in range(part.start, part.stop, step):
                self._broadcast(whole[start : min(start + step, part.stop)], rank)

    def _broadcast(self, tensor: torch.Tensor, rank: int) -> None:
        with self._naming_the_lost():
            distributed.broadcast(tensor, rank, group=self._group)

    @contextmanager
    def _naming_the_lost(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            found = " ".join(str(error).split())
            raise ProcessGroupError(
                f"Process {self.rank} of {self.size} waits for another one in vain: it stopped, of "
                f"which its own error tells, or took longer than timeout={self._timeout:g} "
                "seconds. Start all of them again; with `checkpoints`, the fit goes on from there. "
                f"({found:.200})"
            ) from error


def joined() -> Processes | None:
    """Return the processes of the `process_group` that this thread is in."""
    return _JOINED.get()


def sharing() -> Processes | None:
    """Return the processes that share the work that is done here."""
    return _SHARING.get()


@contextmanager
def joining(processes: Processes | None) -> Iterator[None]:
    """Be in a `process_group` inside."""
    token = _JOINED.set(processes)
    try:
        yield
    finally:
        _JOINED.reset(token)


@contextmanager
def sharing_work(processes: Processes | None) -> Iterator[None]:
    """Let `processes` share the work that is done inside, or none do."""
    token = _SHARING.set(processes)
    try:
        yield
    finally:
        _SHARING.reset(token)
