"""Randomness as a pure function of what it is for.

No generator lives from one step to the next: each draw seeds a fresh one with (seed, purpose, epoch,
step, ...). A resumed run therefore repeats an uninterrupted one to the bit from any step, on any number
of workers, and there is no generator state to save.
"""

from __future__ import annotations

import hashlib

import torch

__all__ = ["derive_seed", "generator"]


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
