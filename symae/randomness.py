"""Randomness as a pure function of what it is for.

No generator lives from one step to the next: each draw seeds a fresh one with (seed, purpose, epoch,
step, ...). A resumed run therefore repeats an uninterrupted one to the bit from any step, on any number
of workers, and there is no generator state to save. Processes that share a batch draw for the whole of it and each
keeps its slice, so that no draw depends on their number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["BatchGenerator", "Share", "derive_seed", "generator"]

BLOCK = 512  # examples with a generator of their own: nobody draws more than a block beyond its slice


def derive_seed(*key: int | str) -> int:
    """Mix a key into a seed; unlike sums or products, neighbouring keys give unrelated seeds.

    Returns:
        An integer in [0, 2**63).
    """
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(device: torch.device | str, *key: int | str) -> torch.Generator:
    """Make the generator that belongs to a key, e.g. `generator("cpu", seed, "corruption", epoch, step)`."""
    return torch.Generator(device).manual_seed(derive_seed(*key))


@dataclass(frozen=True)
class Share:
    """One process's slice of a batch.

    Attributes:
        first: number of its first example in the whole batch.
        count: examples in the slice.
        whole: examples in the whole batch.
    """

    first: int
    count: int
    whole: int

    @classmethod
    def of(cls, whole: int, rank: int, size: int) -> Share:
        """The slice of process `rank` among `size`; slices differ by one example at most."""
        least, more = divmod(whole, size)
        return cls(rank * least + min(rank, more), least + (rank < more), whole)

    def take(self, values: Tensor) -> Tensor:
        """Cut the slice (count, ...) out of what there is for the whole batch (whole, ...)."""
        return values[self.first : self.first + self.count]


class BatchGenerator:
    """Draws numbers for the examples of a slice as they would be drawn for the whole batch.

    Args:
        generator: of the whole batch; its first block of examples draws from it, each further one from one of its own.
        share: the slice.
    """

    def __init__(self, generator: torch.Generator, share: Share) -> None:
        self._first, self._share = generator, share
        self._blocks = list(self._overlapping())

    def draw(self, sample: Callable[[int, torch.Generator], Tensor], dim: int = 0) -> Tensor:
        """Draw for every example of the slice.

        Args:
            sample: called with a number of examples and a generator, returns that many draws along `dim`.
            dim: the dimension of the examples.
        """
        parts = [sample(count, source).narrow(dim, start, kept) for source, count, start, kept in self._blocks]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim)

    def permutation(self) -> Tensor:
        """Draw a permutation of the whole batch and keep the slice: (count,) int64 in [0, whole)."""
        source = self._first
        if self._share.whole > BLOCK:  # not every slice draws from the first block
            source = torch.Generator(source.device).manual_seed(derive_seed(source.initial_seed(), "permutation"))
        return self._share.take(torch.randperm(self._share.whole, generator=source, device=source.device))

    def _overlapping(self) -> Iterator[tuple[torch.Generator, int, int, int]]:
        """The blocks that the slice lies in: their generator, their examples, the first of the slice, how many."""
        first, end = self._share.first, self._share.first + self._share.count
        for number, begin in enumerate(range(0, self._share.whole, BLOCK)):
            low, high = max(first, begin), min(end, begin + BLOCK)
            if low < high:
                seed = derive_seed(self._first.initial_seed(), number)
                source = torch.Generator(self._first.device).manual_seed(seed) if number else self._first
                yield source, min(BLOCK, self._share.whole - begin), low - begin, high - low
