"""What the processes of one training say to each other, beside the gradients that Lightning's DDP sums.

All of these are for every process at the same moment, or some wait for ever. On the CPU they go by gloo, so that
none of them waits for a GPU; a process that trains alone has nobody to wait for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

from symae.errors import PeerLost, SymaeError, ToldElsewhere
from symae.randomness import Share
from symae.world import World

__all__ = ["Consensus", "agreed", "collect", "connected", "greatest", "told_once", "total", "whole_batch"]

# As long as the others wait for process 0 to validate, and for the slowest to read its images. A process that ends
# is noticed at once, by whoever started it.
PATIENCE = timedelta(hours=2)


@contextmanager
def connected(world: World, device: torch.device) -> Iterator[None]:
    """Connect the processes of a world while the block runs.

    Raises:
        PeerLost: another process has ended meanwhile; told by process 0 alone.
    """
    if world.alone:
        yield
        return
    try:
        _connect(world, device)
        yield
    except (dist.DistError, RuntimeError) as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error):
            raise told_once(world, PeerLost(_LOST)) from error
        raise
    dist.destroy_process_group()


_LOST = (
    "another process of this training has ended, or cannot be reached; if it could, it has said why. "
    "The same command with --resume goes on from the last checkpoint"
)


def _connect(world: World, device: torch.device) -> None:
    first = world.leads and not world.hosted
    store = TCPStore(world.address, world.port, is_master=first, timeout=timedelta(minutes=10))
    backend = "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl"
    own = PrefixStore(f"symae/{world.attempt}", store)
    dist.init_process_group(backend, store=own, rank=world.rank, world_size=world.size, timeout=PATIENCE)


def told_once(world: World, error: SymaeError) -> SymaeError:
    """Of an error that all processes have at the same moment: itself where it is told, else one that says nothing."""
    return error if world.leads else ToldElsewhere(error.exit_code)


@contextmanager
def agreed(world: World) -> Iterator[None]:
    """Go on together or not at all: if the block fails in one process, it fails in all, and one tells of it.

    Raises:
        Exception: what was raised in the first process that failed.
        ToldElsewhere: in all others.
    """
    failure: Exception | None = None
    try:
        yield
    except Exception as error:
        if world.alone:
            raise
        failure = error
    if world.alone:
        return
    codes: list[int | None] = [None] * world.size
    dist.all_gather_object(codes, None if failure is None else getattr(failure, "exit_code", 1))
    failed = [rank for rank, code in enumerate(codes) if code is not None]
    if failed and world.rank == failed[0]:
        assert failure is not None
        raise failure
    if failed:
        raise ToldElsewhere(codes[failed[0]] or 1)


def total(values: Tensor) -> Tensor:
    """Sum a tensor of one shape over all processes."""
    if not dist.is_initialized():
        return values
    summed = values.clone()
    dist.all_reduce(summed)
    return summed


def greatest(value: float) -> float:
    """The greatest of all processes' numbers."""
    if not dist.is_initialized():
        return value
    found = torch.tensor(value, dtype=torch.float64)
    dist.all_reduce(found, dist.ReduceOp.MAX)
    return float(found)


def whole_batch(values: Tensor, share: Share) -> Tensor:
    """Put the slices (count, ...) of all processes together to the whole batch (whole, ...)."""
    if share.count == share.whole:
        return values
    whole = values.new_zeros(share.whole, *values.shape[1:])
    share.take(whole).copy_(values)
    dist.all_reduce(whole)
    return whole


def collect(values: dict[str, str]) -> dict[str, str]:
    """Join what each process has noted."""
    if not dist.is_initialized():
        return values
    parts: list[dict[str, str] | None] = [None] * dist.get_world_size()
    dist.all_gather_object(parts, values)
    return {key: value for part in parts if part for key, value in part.items()}


class Consensus:
    """Lets all processes act on one wish at the same step.

    A wish is a number above 0, the greatest wins. It is answered one step late, so that nobody waits for the slowest.
    """

    def __init__(self) -> None:
        self._under_way: tuple[dist.Work, Tensor] | None = None

    def exchange(self, wish: int) -> int:
        """State a wish, 0 for none; the answer is that of the step before; alone, one's own."""
        if not dist.is_initialized():
            return wish
        answer = self._answer()
        wishes = torch.tensor(wish)
        work = dist.all_reduce(wishes, dist.ReduceOp.MAX, async_op=True)
        assert work is not None
        self._under_way = work, wishes
        return answer

    def settle(self, wish: int) -> int:
        """State a wish and wait for the answer."""
        earlier = self.exchange(wish)
        return max(earlier, self._answer()) if dist.is_initialized() else earlier

    def _answer(self) -> int:
        if self._under_way is None:
            return 0
        (work, wishes), self._under_way = self._under_way, None
        work.wait()
        return int(wishes)
