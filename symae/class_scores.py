"""How good a model is at each class, and which classes it takes for which; kept beside the weights as classes.json."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from serve.files import appears_whole

__all__ = ["CLASSES", "ClassScores", "of_confusion", "plain", "read_scores", "write_scores"]

CLASSES = "classes.json"  # its name in a run directory
MOST_PAIRS = 600  # of a given and a predicted class that are kept: all of 24 classes, the most frequent of more


@dataclass(frozen=True)
class ClassScores:
    """Scores of K classes on one data set.

    Attributes:
        metric: what `values` are, e.g. "accuracy, %".
        counted: what `counts` are, e.g. "images".
        names: of the classes.
        values: (K,) one a class; None where there is nothing to measure it on.
        counts: (K,) how much of each class there is.
        pairs: (given class, predicted class, how often), the most frequent first; empty where classes do not exclude
            each other.
        epoch: after which it was measured.
    """

    metric: str
    counted: str
    names: tuple[str, ...]
    values: tuple[float | None, ...]
    counts: tuple[int, ...]
    pairs: tuple[tuple[int, int, int], ...] = ()
    epoch: int = 0

    @property
    def complete(self) -> bool:
        """Whether `pairs` has all of them."""
        return sum(count for _, _, count in self.pairs) == sum(self.counts)


def of_confusion(
    matrix: Tensor, names: Sequence[str], values: Sequence[float], metric: str, counted: str
) -> ClassScores:
    """Read scores off a confusion matrix.

    Args:
        matrix: (K, K) counts; rows are given classes, columns predicted ones.
        names, values: of the classes; a value that is no number means that there is none.
        metric, counted: see `ClassScores`.
    """
    flat = matrix.flatten().long().cpu()
    order = torch.argsort(flat, descending=True, stable=True)[:MOST_PAIRS].tolist()
    pairs = tuple((at // len(names), at % len(names), int(flat[at])) for at in order if flat[at] > 0)
    totals = tuple(int(count) for count in matrix.sum(1))
    return ClassScores(metric, counted, tuple(names), plain(values), totals, pairs)


def plain(values: Sequence[float]) -> tuple[float | None, ...]:
    """Replace what is no number by None."""
    return tuple(value if math.isfinite(value) else None for value in values)


def write_scores(scores: ClassScores, run: Path) -> None:
    """Write scores into a run directory; the file appears whole or not at all."""
    with appears_whole(run / CLASSES) as file:
        file.write_text(json.dumps(dataclasses.asdict(scores)) + "\n")


def read_scores(run: Path) -> ClassScores | None:
    """Read what `write_scores` wrote; None where there is nothing that can be read."""
    try:
        found = json.loads((run / CLASSES).read_text())
        lists = {key: tuple(value) for key, value in found.items() if isinstance(value, list)}
        scores = ClassScores(**{**found, **lists, "pairs": tuple(tuple(pair) for pair in found["pairs"])})
        known = range(len(scores.names))
        alike = len(scores.names) == len(scores.values) == len(scores.counts)
        return scores if alike and all(one in known and other in known for one, other, _ in scores.pairs) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
