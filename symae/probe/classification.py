"""Softmax regression on fixed features (section 5.1, figure 3a).

The paper adds "a softmax regression on top of each ReLU activation". It is read to see the whole map, not a pooled
one: every value has its own weight for every class. Pooling would measure something else, how far a layer is
invariant to position, and would leave the first layers almost nothing.

A map of up to 20,000 values separates 4,000 images whatever their labels, so the weights must be held small; how
small is chosen on a fifth of the labelled images, never on test images, from strong decay to weaker one until
accuracy no longer grows. Then all labelled images are fitted with that decay. A classifier that was trained on as many
labels with the same seed has seen that fifth, as the paper's has: this touches the choice of its decay, not its test.

The problem is convex; L-BFGS needs no rate and draws nothing. An equal, smaller problem is solved: the best weights
are a sum of training features, so where a map has more values than there are images, any coordinates will do whose
products are those of the features. The Cholesky factor of the N x N products has them: for 20,184 values and 4,000
images each step then costs a fifth.
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
    """A softmax regression.

    Attributes:
        weights: (K, D) float32.
        bias: (K,) float32.
        decay: the weight decay that it was fitted with: of the mean cross entropy plus decay / 2 * D * |weights|^2,
            so that maps of all sizes share a scale.
    """

    weights: Tensor
    bias: Tensor
    decay: float

    def __call__(self, features: Tensor) -> Tensor:
        """Score features (B, D): (B, K), before the softmax."""
        return F.linear(features, self.weights, self.bias)


def fit_softmax(features: Tensor, labels: Tensor, classes: int, fitted: int) -> Softmax:
    """Choose the weight decay on the last rows, then fit all rows with it.

    Args:
        features: (N, D) float32, each of about mean 0 and deviation 1.
        labels: (N,) int64 in [0, classes).
        classes: K.
        fitted: rows to fit while the decay is chosen, < N; the others judge.
    """
    change = _Primal(features) if features.shape[1] <= len(features) else _Dual(features)
    chosen = _choose(change.coordinates, labels, classes, fitted)
    solved = _solve(change.coordinates, labels, chosen.decay, chosen)
    return Softmax(change.back(solved.weights), solved.bias, solved.decay)


class _Primal:
    """The features over sqrt(D) themselves, where they are no more than the images."""

    def __init__(self, features: Tensor) -> None:
        self._scale: float = features.shape[1] ** -0.5
        self.coordinates = features * self._scale

    def back(self, weights: Tensor) -> Tensor:
        """The features' weights (K, D) for those of the coordinates."""
        return weights * self._scale


class _Dual:
    """The Cholesky factor L of the products X X^T / D: L w = X W where W = X^T L^-T w / D."""

    def __init__(self, features: Tensor) -> None:
        self._features = features
        products = (features @ features.T).double() / features.shape[1]
        products.diagonal().add_(JITTER * products.diagonal().mean())
        self._factor = torch.linalg.cholesky(products)
        self.coordinates = self._factor.float().contiguous()  # LAPACK's is column by column

    def back(self, weights: Tensor) -> Tensor:
        """The features' weights (K, D) for those of the coordinates (K, N)."""
        sums = torch.linalg.solve_triangular(self._factor, weights.double(), upper=False, left=False)  # w^T L^-1
        found: Tensor = (sums / self._features.shape[1]).float() @ self._features
        return found


def _choose(coordinates: Tensor, labels: Tensor, classes: int, fitted: int) -> Softmax:
    """Fit the first rows with weaker and weaker decay; the one that is best on the others."""
    device = coordinates.device
    solved = Softmax(
        torch.zeros(classes, coordinates.shape[1], device=device), torch.zeros(classes, device=device), DECAYS[0]
    )
    best, chosen, waited = -1.0, solved, 0
    for decay in DECAYS:
        solved = _solve(coordinates[:fitted], labels[:fitted], decay, solved)
        accuracy = (solved(coordinates[fitted:]).argmax(1) == labels[fitted:]).double().mean().item()
        if accuracy > best:
            best, chosen, waited = accuracy, solved, 0
        elif (waited := waited + 1) == PATIENCE:
            break
    return chosen


def _solve(coordinates: Tensor, labels: Tensor, decay: float, start: Softmax) -> Softmax:
    """Minimise the mean cross entropy plus decay / 2 * |w|^2, from `start` on."""
    weights, bias = (tensor.clone().requires_grad_() for tensor in (start.weights, start.bias))
    optimizer = torch.optim.LBFGS(
        [weights, bias], max_iter=STEPS, tolerance_grad=1e-6, tolerance_change=1e-7, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        scores = F.linear(
            coordinates, weights, bias
        )  # with weights (K, D), whose gradient is 8 times as fast as (D, K)
        value = F.cross_entropy(scores, labels) + decay / 2 * weights.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return Softmax(weights.detach(), bias.detach(), decay)
