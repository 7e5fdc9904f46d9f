"""Muon: the momentum of each convolution, made orthogonal (Jordan et al. 2024), beside AdamW for all else.

A gradient's few large directions drown the many small ones, of which most of the last decibels are made; a step of
Muon has the same length along all of them. PyTorch's own takes matrices alone and works in bfloat16, which is slow
on a CPU without instructions for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

__all__ = ["Muon", "orthogonal"]

Kind = Literal["convolution", "deconvolution", "other"]

STEPS = 5  # of Newton and Schulz
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # Jordan's: singular values end between 0.7 and 1.2 but for tiny ones
ROOT_MEAN_SQUARE = 0.2  # of a step over its rate: that of Adam, so that one rate suits both (Liu et al. 2025)
MOMENTUM = 0.95
BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam


class Muon(torch.optim.Optimizer):
    """Step along the orthogonal factor of the momentum where a parameter is a convolution's, and as AdamW elsewhere.

    Args:
        groups: of parameters, as PyTorch's optimisers take them; each with at least "params".
        transposed: the weights whose first dimension is that of the inputs, a deconvolution's.
        lr: rate; about that of Adam.
        weight_decay: apart from the gradient, as AdamW's.
    """

    def __init__(
        self, groups: Iterable[dict[str, Any]], transposed: Iterable[Tensor], lr: float, weight_decay: float = 0.0
    ) -> None:
        deconvolutions = set(transposed)
        parts = [part for group in groups for part in _by_kind(group, deconvolutions)]
        super().__init__(parts, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            moving = [parameter for parameter in group["params"] if parameter.grad is not None]
            if moving:
                steps = self._directions(group["kind"], moving, [parameter.grad for parameter in moving])
                torch._foreach_mul_(moving, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_sub_(moving, steps, alpha=group["lr"])
        return loss

    def _directions(self, kind: Kind, parameters: list[Tensor], gradients: list[Tensor]) -> list[Tensor]:
        """The steps for a rate of 1, of all parameters at a time: a GPU would wait for the many small ones."""
        if kind == "other":
            return [self._adam(*pair) for pair in zip(parameters, gradients, strict=True)]
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        momenta = [self.state[parameter]["momentum"] for parameter in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        ahead = torch._foreach_lerp(gradients, momenta, MOMENTUM)  # Nesterov's
        if kind == "convolution":
            return _orthogonal_steps(ahead)
        return [step.transpose(0, 1) for step in _orthogonal_steps([each.transpose(0, 1) for each in ahead])]

    def _adam(self, parameter: Tensor, gradient: Tensor) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())  # by this name PyTorch leaves it on the CPU when a state is loaded
            state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["step"] += 1
        first, second = BETAS
        state["mean"].lerp_(gradient, 1 - first)
        state["square"].lerp_(gradient.square(), 1 - second)
        steps = int(state["step"])
        mean, square = state["mean"] / (1 - first**steps), state["square"] / (1 - second**steps)
        step: Tensor = mean / square.sqrt_().add_(EPSILON)
        return step


def _by_kind(group: dict[str, Any], deconvolutions: set[Tensor]) -> Iterator[dict[str, Any]]:
    """Split a group of parameters into those of convolutions, of deconvolutions and all others."""
    parts: dict[Kind, list[Tensor]] = {"convolution": [], "deconvolution": [], "other": []}
    for parameter in group["params"]:
        convolves: Kind = "deconvolution" if parameter in deconvolutions else "convolution"
        parts[convolves if parameter.ndim == 4 else "other"].append(parameter)
    for kind, parameters in parts.items():
        if parameters:
            yield {**group, "params": parameters, "kind": kind}


def orthogonal(matrices: Tensor) -> Tensor:
    """Bring the singular values of matrices near 1, by Newton's and Schulz's iteration.

    Those below about a thousandth of a matrix's Frobenius norm stay smaller: each step multiplies them by 3.4 at most.

    Args:
        matrices: (B, m, n) float.

    Returns:
        (B, m, n), each near U V^T of the matrix's singular value decomposition; zeros for zeros.
    """
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonal(matrices.mT).mT
    a, b, c = COEFFICIENTS
    x: Tensor = matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp(min=1e-20)  # no singular value is above 1
    for _ in range(STEPS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x


def _orthogonal_steps(momenta: Sequence[Tensor]) -> list[Tensor]:
    """The steps (out, in, k, k) of convolutions for a rate of 1; those of one shape are computed together."""
    alike: dict[torch.Size, list[int]] = {}
    for number, momentum in enumerate(momenta):
        alike.setdefault(momentum.shape, []).append(number)
    steps = list(momenta)
    for shape, numbers in alike.items():
        matrices = torch.stack([momenta[number].flatten(1) for number in numbers])
        length = ROOT_MEAN_SQUARE * max(matrices.shape[1:]) ** 0.5
        for number, step in zip(numbers, length * orthogonal(matrices), strict=True):
            steps[number] = step.reshape(shape)
    return steps
