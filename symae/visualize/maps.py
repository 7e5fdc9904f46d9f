"""The map behind any ReLU of a network, and how maps are chosen and compared."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from symae.corruption import Corrupted
from symae.errors import InputError
from symae.evaluate import visible
from symae.networks import Classifier
from symae.weights import Model

__all__ = ["ALIKE", "feature_map", "relative_change", "strongest"]

ALIKE = 0.8  # correlation of two maps that show the same


def feature_map(model: Model, damaged: Corrupted, layer: int) -> Tensor:
    """Compute the map (B, c, h, w) after the ReLU `layer`, counted from 1 through encoder and decoder.

    Raises:
        InputError: the network has no such layer.
    """
    depth = len(model.spec.full)
    last = depth if isinstance(model, Classifier) else 2 * depth - 1
    if not 1 <= layer <= last:
        raise InputError(f"layer {layer} does not exist: the network has ReLUs 1 to {last}")
    if layer <= depth:
        return model.encoder.feature_map(visible(model, damaged), layer)
    assert not isinstance(model, Classifier)
    return F.relu(_output_of(model.decoder.norms[layer - depth - 1], model, damaged))


def strongest(maps: Sequence[Tensor], count: int) -> tuple[int, ...]:
    """Choose the channels that tell most between places, and each something else.

    They are taken in the order of their standard deviation over all positions, since a map that is the same
    everywhere shows nothing, however large it is; one that correlates by more than `ALIKE` with a map taken before
    is passed over, unless there are not enough others.

    Args:
        maps: (c, h, w) each, of one layer, for each image; every image counts alike.
        count: how many.

    Returns:
        Numbers of the channels, counted from 0, the strongest first; at most c.
    """
    weighed = torch.cat([found.flatten(1).double() / found[0].numel() ** 0.5 for found in maps], 1)  # (c, positions)
    weights = torch.cat([torch.full((1, found[0].numel()), found[0].numel() ** -0.5).double() for found in maps], 1)
    mean = (weighed * weights).sum(1, keepdim=True) / len(maps)
    centred = weighed - mean * weights
    spread = torch.linalg.vector_norm(centred, dim=1)
    unit = centred / spread.clamp(min=1e-12)[:, None]
    order = spread.argsort(descending=True, stable=True).tolist()
    taken: list[int] = []
    for channel in order:
        if len(taken) < count and all(float(unit[channel] @ unit[other]) <= ALIKE for other in taken):
            taken.append(channel)
    others = [channel for channel in order if channel not in taken]
    return tuple([*taken, *others][:count])


def relative_change(before: Tensor, after: Tensor) -> float:
    """Size of the difference of two maps as a fraction of the first, ||after - before|| / ||before||."""
    return float(torch.linalg.vector_norm(after - before) / torch.linalg.vector_norm(before))


def _output_of(module: nn.Module, model: Model, damaged: Corrupted) -> Tensor:
    found: list[Tensor] = []
    handle = module.register_forward_hook(lambda _module, _inputs, output: found.append(output))
    try:
        model(damaged.images, damaged.masks)
    finally:
        handle.remove()
    return found[0]
