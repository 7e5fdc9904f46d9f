"""What users of timm expect of a network that gives features: the same names, with this network's meaning.

All of it reads the encoder. Its maps stand after BN and ReLU; an embedding, as `symae embed` writes it, is the mean of
the last map over its positions.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from symae.networks.pretrained import Pretrained
from symae.networks.spec import NetworkSpec

if TYPE_CHECKING:
    from symae.networks.autoencoder import Encoder

__all__ = ["FeatureExtractor"]


class FeatureExtractor(Pretrained):
    """A network with an encoder, whose maps others use."""

    spec: NetworkSpec
    encoder: Encoder

    @property
    def num_features(self) -> int:
        """Channels D of what `forward_features` returns."""
        return self.spec.layers[-1].channels

    @property
    def feature_info(self) -> list[dict[str, Any]]:
        """The last map of each size: channels, input pixels for one of its own, and its normalisation's name."""
        found: dict[int, dict[str, Any]] = {}
        for index, reduction in enumerate(self._reductions()):
            channels = self.spec.layers[index].channels
            found[reduction] = {"num_chs": channels, "reduction": reduction, "module": f"encoder.norms.{index}"}
        return list(found.values())

    @property
    def pretrained_cfg(self) -> dict[str, Any]:
        """How timm's transforms are to prepare images: sized as in training, in [0, 1], not normalised."""
        scale = {"mean": (0.0,) * self.spec.channels, "std": (1.0,) * self.spec.channels}
        if self.card is None:
            return {**scale, "fixed_input_size": False}
        crop, side = self.card.crop, self.card.resize or self.card.crop
        sizes = {"input_size": (self.spec.channels, crop, crop), "crop_pct": crop / side, "interpolation": "bilinear"}
        return {**scale, **sizes, "fixed_input_size": False, "num_classes": len(self.card.classes)}

    def forward_features(self, images: Tensor) -> Tensor:
        """Compute the last map (B, D, h, w) of images (B, C, H, W), uint8 or float in [0, 1]."""
        return self.encoder.feature_map(images)

    def forward_intermediates(
        self, images: Tensor, indices: int | Sequence[int] | None = None, *, intermediates_only: bool = False
    ) -> Any:
        """Compute maps of several sizes at once.

        Args:
            images: (B, C, H, W) uint8, or float in [0, 1].
            indices: of `feature_info`; a number: the last so many; None: all.
            intermediates_only: leave out the last map.

        Returns:
            The last map (B, D, h, w) and the list of maps asked for; or that list alone.
        """
        ends = [int(info["module"].rpartition(".")[2]) for info in self.feature_info]
        if isinstance(indices, int):
            wanted = ends[max(0, len(ends) - indices) :]
        else:
            wanted = ends if indices is None else [ends[index] for index in indices]
        maps = [x for _, x in self.encoder.maps(self.encoder.normalise(images))]
        found = [maps[index] for index in wanted]
        return found if intermediates_only else (maps[-1], found)

    def _reductions(self) -> list[int]:
        """Input pixels for one pixel of each convolution's map."""
        return list(itertools.accumulate((layer.stride for layer in self.spec.full), lambda a, b: a * b))
