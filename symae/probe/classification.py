"""Softmax regression on fixed features (section 5.1, figure 3a).

The paper adds "a softmax regression on top of each ReLU activation". It is read to see the whole map, not a pooled
one: every value has its own weight for every class. Pooling would measure something else, how far a layer is
invariant to position, and would leave the first layers almost nothing.

With 4,000 images and up to 20,000 values a map there is always a separating plane, so the weights must be held
small; how small is chosen on a fifth of the labelled images, never on test images, from the strongest decay to
weaker ones until accuracy falls. Then all labelled images are fitted with that decay.

The problem is convex; L-BFGS solves it whole, without a rate to tune and without a draw. Its cost is kept low by
changing to an equal problem first: the best weights are a sum of training features, so where a map has more values
than there are images, coordinates are all that counts whose products are those of the features. The Cholesky
factor of the N x N products has them: for 20,184 values and 4,000 images each step then costs a fifth.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Softmax", "fit_softmax"]

DECAYS = tuple(10 ** (-exponent / 2) for exponent in range(4, 13))  # 1e-2, 3e-3, ... 1e-6
PATIENCE = 2  # weaker decays in a row that are no better, after which none is tried
STEPS = 100  # of L-BFGS for one decay, which starts where the stronger one ended
JITTER = 1e-5  # of the mean product, so that products rounded to float32 keep a Cholesky factor


@dataclass(frozen=True, eq=False)
class Softmax:
    """A fitted softmax regression.

    Attributes:
        weights: (D, K) float32.
        bias: (K,) float32.
        decay: the weight decay that was chosen, per value: of the mean cross entropy plus
            decay / 2 * D * |weights|^2, so that maps of all sizes share a scale.
    """

    weights: Tensor
    bias: Tensor
    decay: float

    def __call__(self, features: Tensor) -> Tensor:
        """Score features (B, D): (B, K), before the softmax."""
        return torch.addmm(self.bias, features, self.weights)


def fit_softmax(features: Tensor, labels: Tensor, classes: int, fitted: int) -> Softmax:
    """Choose the weight decay on the last rows, then fit all rows with it.

    Args:
        features: (N, D) float32, each of about mean 0 and deviation 1.
        labels: (N,) int64 in [0, classes).
        classes: K.
        fitted: rows to fit while the decay is chosen, < N; the others judge.
    """
    coordinates, back = _coordinates(features)
    decay, start = _choose(coordinates, labels, classes, fitted)
    solved = _solve(coordinates, labels, decay, start)
    weights, bias = solved[:-1], solved[-1]
    return Softmax(back(weights), bias, decay)


class _Primal:
    """The features themselves, where they are fewer than the images."""

    def __init__(self, features: Tensor) -> None:
        self._scale: float = features.shape[1] ** -0.5
        self.coordinates = features * self._scale

    def __call__(self, weights: Tensor) -> Tensor:
        return weights.mul(self._scale)


class _Dual:
    """The Cholesky factor L of the products K = X X^T / D: L w = X W where W = X^T L^-T w / D."""

    def __init__(self, features: Tensor) -> None:
        self._features = features
        products = (features @ features.T).double() / features.shape[1]
        products.diagonal().add_(JITTER * products.diagonal().mean())
        self._factor = torch.linalg.cholesky(products)
        self.coordinates = self._factor.float()

    def __call__(self, weights: Tensor) -> Tensor:
        sums = torch.linalg.solve_triangular(self._factor.T, weights.double(), upper=True)
        found: Tensor = self._features.T @ (sums / self._features.shape[1]).float()
        return found


def _coordinates(features: Tensor) -> tuple[Tensor, _Primal | _Dual]:
    """Coordinates (N, min(N, D)) whose products are those of the features over D, and the way back for weights."""
    change = _Primal(features) if features.shape[1] <= len(features) else _Dual(features)
    return change.coordinates, change


def _choose(coordinates: Tensor, labels: Tensor, classes: int, fitted: int) -> tuple[float, Tensor]:
    """Find the decay of the best accuracy on the rows from `fitted` on, and the weights that had it."""
    solved = torch.zeros(coordinates.shape[1] + 1, classes, device=coordinates.device)
    best, chosen, waited = -1.0, (DECAYS[0], solved), 0
    for decay in DECAYS:
        solved = _solve(coordinates[:fitted], labels[:fitted], decay, solved)
        scores = torch.addmm(solved[-1], coordinates[fitted:], solved[:-1])
        accuracy = (scores.argmax(1) == labels[fitted:]).double().mean().item()
        if accuracy > best:
            best, chosen, waited = accuracy, (decay, solved), 0
        elif (waited := waited + 1) == PATIENCE:
            break
    return chosen


def _solve(coordinates: Tensor, labels: Tensor, decay: float, start: Tensor) -> Tensor:
    """Minimise the mean cross entropy plus decay / 2 * |w|^2 from `start`, (D + 1, K) with the biases last."""
    solved = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [solved], max_iter=STEPS, tolerance_grad=1e-6, tolerance_change=1e-7, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        weights, bias = solved[:-1], solved[-1]
        value = F.cross_entropy(torch.addmm(bias, coordinates, weights), labels) + decay / 2 * weights.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return solved.detach()
