"""Batch normalisation over the whole batch, where several processes share it."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from symae.together import total

__all__ = ["synchronise"]


def synchronise(model: nn.Module, device: torch.device) -> None:
    """Let all BN layers of a model take mean and variance over the slices of all processes.

    Names and values of weights and statistics stay; in evaluation, and without other processes, so does what is
    computed. On a GPU these are PyTorch's own layers, which refuse a CPU.
    """
    if device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        return
    for parent in list(model.modules()):
        for name, part in parent.named_children():
            if type(part) is nn.BatchNorm2d:
                setattr(parent, name, _SharedBatchNorm(part))


class _SharedBatchNorm(nn.BatchNorm2d):
    """The layer that it stands for, by sums over all processes that gradients flow back through."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        self._parameters, self._buffers = norm._parameters, norm._buffers
        self.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and dist.is_initialized()):
            return super().forward(x)
        wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        count = wide.new_tensor([x.numel() / x.shape[1]], dtype=torch.float64)
        sums = _summed(torch.cat([_wide_sum(wide), count]))  # (C + 1,)
        number = sums[-1].detach()
        mean = sums[:-1] / number
        centred = wide - mean.to(wide.dtype)[:, None, None]
        variance = _summed(_wide_sum(centred.square())) / number
        self._follow(mean.detach(), variance.detach() * number / (number - 1))
        scale = (variance + self.eps).rsqrt().to(wide.dtype) * self.weight
        return torch.addcmul(self.bias[:, None, None], centred, scale[:, None, None]).to(x.dtype)

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics."""
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)
        self.num_batches_tracked.add_(1)


def _wide_sum(x: Tensor) -> Tensor:
    """Sum each channel in double precision, as PyTorch's own layer does on a CPU."""
    return x.sum((0, 2, 3), dtype=torch.float64)


class _Sum(torch.autograd.Function):
    """Sum over all processes; each one's values move the results of all, so their gradients are summed likewise."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        return total(values)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return total(gradient.contiguous())


def _summed(values: Tensor) -> Tensor:
    summed: Tensor = _Sum.apply(values)
    return summed
