"""Nearest neighbours of pooled features: what they tell of classes without any training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

__all__ = ["neighbour_accuracy"]

TEMPERATURE = 0.07  # of the vote, as usual since Wu et al. 2018: a neighbour of cosine c counts exp(c / 0.07)


def neighbour_accuracy(features: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor, k: int) -> float:
    """Let the k nearest training images by cosine vote on each test image.

    Args:
        features: (N, D) float, not standardised; their length does not matter.
        labels: (N,) int64.
        test, test_labels: (T, D) and (T,).
        k: number of neighbours; all where there are fewer.

    Returns:
        Per cent of the test images that are classified right.
    """
    vote = KNeighborsClassifier(min(k, len(features)), metric="cosine", weights=_weights)
    vote.fit(features.cpu().numpy(), labels.cpu().numpy())
    return 100 * float(vote.score(test.cpu().numpy(), test_labels.cpu().numpy()))


def _weights(distances: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.exp(-distances.astype(np.float64) / TEMPERATURE)  # 1 - cosine; a common factor does not vote
