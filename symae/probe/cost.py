"""How much work probes are, so that progress can tell the time left: layers differ tenfold."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from symae.networks import NetworkSpec
from symae.probe.features import KEPT_BYTES
from symae.probe.reconstruction import EPOCHS, stack_spec

__all__ = ["LayerCost", "Meter", "layer_cost"]

EVALUATIONS = 200  # of the softmax regression's loss, over all weight decays: about what is seen


@dataclass(frozen=True)
class LayerCost:
    """The work of one layer's probes, in MFLOP.

    Attributes:
        encoding: of an image, up to the layer.
        training: of an image in one step of the stack.
        reconstruction: of an image by the stack.
        regression: the softmax regression, whole.
    """

    encoding: float
    training: float
    reconstruction: float
    regression: float

    def total(self, images: int, tests: int) -> float:
        """For a number of training images and of test images."""
        training = images * (self.encoding + EPOCHS * self.training)
        return training + self.regression + tests * (self.encoding + self.reconstruction)


class Meter:
    """Adds fractions of a unit up and tells whole ones."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._rest = 0.0

    def __call__(self, more: float) -> None:
        """Count some work as done."""
        whole, self._rest = divmod(self._rest + more, 1)
        if whole:
            self._tell(int(whole))


def layer_cost(network: NetworkSpec, layer: int, crop: int, images: int, classes: int) -> LayerCost:
    """Estimate the work of one layer's probes on crops of a side in pixels."""
    below = dataclasses.replace(network, full=network.full[:layer])
    values = network.layers[layer - 1].channels * network.sizes(crop)[layer] ** 2
    forward = stack_spec(network, layer, crop).flops
    encoding = below.flops(crop, crop, decoder=False)
    again = encoding if images * values * 4 > KEPT_BYTES else 0  # maps that are not kept are computed at every step
    values = min(values, KEPT_BYTES // (4 * images))
    regression = EVALUATIONS * 4 * images * min(images, values) * classes
    if values > images:
        regression += 2 * images**2 * values
    return LayerCost(encoding / 1e6, (3 * forward + again) / 1e6, forward / 1e6, regression / 1e6)
