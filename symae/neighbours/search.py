"""Nearest neighbours by cosine: one pass over a table of any length, in the memory of one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symae.neighbours.table import Features, Row

__all__ = ["Neighbour", "mean_of", "nearest", "search"]

TINY = 1e-12  # a vector of zeros points nowhere: its cosine with all is 0
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Neighbour:
    """An image of the table and the cosine of its features with those that were asked for, -1 to 1."""

    row: Row
    score: float


def search(
    features: Features,
    queries: Vectors,
    k: int,
    *,
    leave_out: Sequence[int] = (),
    mean: Vectors | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> list[list[Neighbour]]:
    """Find the k rows nearest to each query, nearest first; among equals, in the table's order.

    Args:
        features: the table.
        queries: (Q, D) float32.
        k: how many, >= 1.
        leave_out: a row for each query that is none of its neighbours, such as itself; -1: none is left out.
        mean: (D,), taken off all vectors before they are compared; see `mean_of`.
        advance: called with each number of rows that are done.

    Returns:
        For each query k neighbours, fewer where the table has fewer rows with features.
    """
    rows, scores = nearest(features, queries, k, leave_out=leave_out, mean=mean, advance=advance)
    of = dict(zip(flat := sorted({int(row) for row in rows.ravel()} - {-1}), features.rows(flat), strict=True))
    return [
        [Neighbour(of[int(row)], float(score)) for row, score in zip(*found, strict=True) if row >= 0]
        for found in zip(rows, scores, strict=True)
    ]


def nearest(
    features: Features,
    queries: Vectors,
    k: int,
    *,
    leave_out: Sequence[int] = (),
    mean: Vectors | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[NDArray[np.int64], Vectors]:
    """Find numbers and cosines; see `search`.

    Returns:
        Row numbers int64 and cosines float32, both (Q, k), or (Q, N) where the table has but N < k rows, nearest first;
        -1 and -inf where there are no more.
    """
    k = min(k, len(features))
    own = np.array(leave_out or [-1] * len(queries), np.int64)
    wanted = queries if mean is None else queries - mean
    wanted = wanted / _lengths(wanted)[:, None]
    rows = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    start = 0
    for batch in features.batches():
        moved = batch if mean is None else batch - mean
        cosines = wanted @ moved.T / _lengths(moved)  # (Q, B); NaN, which is larger than nothing, for a broken image
        for query, number in enumerate(own - start):
            if 0 <= number < len(batch):
                cosines[query, number] = np.nan
            better = np.flatnonzero(cosines[query] > scores[query, -1])
            if len(better):
                _merge(rows[query], scores[query], better + start, cosines[query, better])
        start += len(batch)
        advance(len(batch))
    return rows, scores


def mean_of(features: Features) -> Vectors:
    """Average all vectors, (D,) float32.

    Features after a ReLU share a direction, which makes all cosines large; what is left without it tells them apart.
    """
    total, count = np.zeros(features.origin.size), 0
    for batch in features.batches():
        whole = batch[~np.isnan(batch[:, 0])]
        total, count = total + whole.sum(0, dtype=np.float64), count + len(whole)
    return (total / max(1, count)).astype(np.float32)


def _merge(rows: NDArray[np.int64], scores: Vectors, more: NDArray[np.int64], their: Vectors) -> None:
    """Keep the best of both in place; the sort is stable, so of equals the earlier row stays."""
    both, all_scores = np.concatenate([rows, more]), np.concatenate([scores, their])
    best = np.argsort(-all_scores, kind="stable")[: len(rows)]
    rows[:], scores[:] = both[best], all_scores[best]


def _lengths(vectors: Vectors) -> Vectors:
    lengths: Vectors = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    return np.maximum(lengths, TINY)
