"""What fine-tuning puts on the pre-trained parts: a classifier or a segmenter (supplement A; section 5.4.2)."""

from __future__ import annotations

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from symae.errors import RecipeError
from symae.networks.autoencoder import Decoder, Encoder, initialise
from symae.networks.features import FeatureExtractor
from symae.networks.spec import NetworkSpec

__all__ = ["HIDDEN", "Classifier", "Segmenter"]

HIDDEN = 4096  # width of the two hidden layers of network 3's head, at full width


class Classifier(FeatureExtractor):
    """Encoder and head: (B, C, H, W), uint8 or in [0, 1], to (B, K) scores, before softmax or sigmoid."""

    def __init__(self, spec: NetworkSpec, classes: int) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        self.head = _head(spec, classes)
        initialise(self)

    @property
    def classes(self) -> int:
        """Their number K."""
        return len(self.head.classes.weight)  # type: ignore[union-attr, arg-type]

    @property
    def num_classes(self) -> int:
        """Their number K, by timm's name."""
        return self.classes

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Go on from `forward_features`: (B, D, h, w) to scores (B, K), or with `pre_logits` to embeddings (B, D)."""
        return features.mean((2, 3)) if pre_logits else self.head(features)

    def forward(self, images: Tensor, masks: Tensor | None = None) -> Tensor:
        """Score images of any H and W; `masks` as for the auto-encoder, for training on corrupted images."""
        return self.head(self.encoder(images, masks).features)  # type: ignore[no-any-return]


class Segmenter(FeatureExtractor):
    """The auto-encoder with a convolution of one channel a class in place of its last deconvolution.

    The shortcut from input to output is gone, since the output is no image; the inner ones stay.
    (B, C, H, W), uint8 or in [0, 1], to (B, K, H, W) scores, before softmax.

    Raises:
        RecipeError: the first convolution has a stride, so that a convolution cannot restore the size.
    """

    def __init__(self, spec: NetworkSpec, classes: int) -> None:
        super().__init__()
        first = spec.layers[0]
        if first.stride != 1:
            raise RecipeError("a segmenter needs a network whose first convolution has stride 1")
        self.spec = spec
        self.encoder = Encoder(spec)
        self.decoder = Decoder(spec)
        self.head = nn.Conv2d(first.channels, classes, first.kernel, padding=first.kernel // 2)
        initialise(self)

    def forward(self, images: Tensor, masks: Tensor | None = None) -> Tensor:
        """Score every pixel of images of any H and W; `masks` as for the auto-encoder."""
        return self.head(self.decoder(self.encoder(images, masks)))  # type: ignore[no-any-return]


class GlobalAveragePool(nn.Module):
    """Mean over the positions of a map: (B, C, h, w) to (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Average every channel of a map."""
        return F.adaptive_avg_pool2d(x, 1).flatten(1)


def _head(spec: NetworkSpec, classes: int) -> nn.Sequential:
    features = spec.layers[-1].channels
    if spec.head == "conv-gap":
        return nn.Sequential(OrderedDict(classes=nn.Conv2d(features, classes, 1), pool=GlobalAveragePool()))
    if spec.head == "gap-fc":
        return nn.Sequential(OrderedDict(pool=GlobalAveragePool(), classes=nn.Linear(features, classes)))
    hidden = spec.scale(HIDDEN)
    return nn.Sequential(
        OrderedDict(
            pool=GlobalAveragePool(),
            hidden1=nn.Linear(features, hidden),
            relu1=nn.ReLU(),
            hidden2=nn.Linear(hidden, hidden),
            relu2=nn.ReLU(),
            classes=nn.Linear(hidden, classes),
        )
    )
