"""Examples become batches: (B, C, S, S) uint8, with their targets beside them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from serve.image import ImageError
from symae.data.crops import fit
from symae.data.dataset import Dataset, Example, UnreadableImage
from symae.errors import DataError

__all__ = ["Batch", "decode_ahead", "none_readable", "read_fitted", "stack"]

DECODERS = min(8, os.cpu_count() or 1)


@dataclass(frozen=True)
class Batch:
    """Some crops on the device.

    Attributes:
        images: (B, C, S, S) uint8 in [0, 255].
        targets: (B,) int64 | (B, K) uint8 | (B, S, S) uint8 | None, as `Example` has them.
        unlabelled: (U, C, S, S) uint8, other images that are learnt from beside them; None: none.
    """

    images: Tensor
    targets: Tensor | None
    unlabelled: Tensor | None = None


def stack(examples: Sequence[Example]) -> tuple[Tensor, Tensor | None]:
    """Stack examples of one size: (B, C, H, W) uint8 images, and their targets."""
    images = torch.from_numpy(np.stack([example.image for example in examples]))  # (B, H, W, C)
    targets = [example.target for example in examples if example.target is not None]
    if not targets:
        return images.permute(0, 3, 1, 2).contiguous(), None
    kind = np.int64 if isinstance(targets[0], int) else np.uint8
    return images.permute(0, 3, 1, 2).contiguous(), torch.from_numpy(np.stack(targets).astype(kind))


def read_fitted(dataset: Dataset, index: int, crop: int | None, resize: int | None) -> Example:
    """Decode an example and resize it for its crop; see `symae.data.crops.fit`.

    Raises:
        UnreadableImage: its file cannot be read, or is so thin that it would grow beyond all bounds.
    """
    example = dataset[index]
    try:
        return fit(example, crop, resize)
    except ImageError as error:
        raise UnreadableImage(dataset.path(index), str(error)) from error


def decode_ahead(
    dataset: Dataset, indices: Iterable[int], crop: int | None, resize: int | None
) -> Iterator[tuple[int, Example | UnreadableImage]]:
    """Decode and fit examples in the order asked for, some of them ahead in threads."""
    with ThreadPoolExecutor(DECODERS) as pool:
        waiting: deque[tuple[int, Future[Example | UnreadableImage]]] = deque()
        try:
            for index in indices:
                waiting.append((index, pool.submit(_decode, dataset, index, crop, resize)))
                if len(waiting) > 4 * DECODERS:
                    index, future = waiting.popleft()
                    yield index, future.result()
            while waiting:
                index, future = waiting.popleft()
                yield index, future.result()
        finally:  # whoever stops listening should not wait for what is not begun
            pool.shutdown(wait=False, cancel_futures=True)


def none_readable(dataset: Dataset, error: UnreadableImage) -> DataError:
    """Make the error that says that no image could be read, with the first as an example."""
    return DataError(f"none of the images of {dataset.name} can be read; the first: {error}")


def _decode(dataset: Dataset, index: int, crop: int | None, resize: int | None) -> Example | UnreadableImage:
    try:
        return read_fitted(dataset, index, crop, resize)
    except UnreadableImage as error:
        return error
