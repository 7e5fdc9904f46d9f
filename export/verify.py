"""Proof that a graph computes what PyTorch computes, before anything is written.

The trained network as it is, unfolded, with its own way from bytes to numbers, is held against the exported
model in ONNX Runtime on the CPU: several batches, odd and tiny sizes, noise and structure, masks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from serve.metadata import KEY, ModelMetadata
from symae.errors import VerificationError
from symae.networks import Classifier, Segmenter, SymmetricAutoencoder
from symae.weights import Model

__all__ = ["CASES", "TOLERANCE", "Difference", "feeds", "verify"]

SIZES = ((29, 29), (32, 37), (16, 24), (1, 1), (2, 5))
CASES = (*((batch, *size) for size in SIZES for batch in (1, 2, 3)), (1, 89, 89))  # N, H, W
TOLERANCE = 1e-4  # of floats, relative to the largest value of the output if that is above 1
STEPS = 1  # of reconstructed bytes: a value close to a half may be rounded either way
LABELS = 1e-3  # share of the pixels, over all cases, whose label may change: where two classes are even

Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Difference:
    """The worst difference that was found, and its place.

    Attributes:
        value: relative for floats, steps of 1/255 for reconstructed bytes, a share of pixels for labels.
        allowed: the largest value that passes.
        output: name of the graph's output.
        shape: (N, H, W) of the images.
        index: place in the output's array; empty for labels, which are counted over all images.
    """

    value: float
    allowed: float
    output: str
    shape: tuple[int, ...]
    index: tuple[int, ...] = ()

    def __str__(self) -> str:
        place = f" at {self.index} for images {'x'.join(map(str, self.shape))}" if self.index else ""
        return f"{self.output} differs by {self.value:.3g}{place}, allowed {self.allowed:g}"


def verify(model: Model, exported: onnx.ModelProto, runtime: onnxruntime.InferenceSession | None = None) -> Difference:
    """Run the trained network and its exported graph on the same images, and compare every output.

    Args:
        model: in evaluation mode, on any device.
        exported: as `export.onnx.to_onnx` made it.
        runtime: a session of this graph on another device; None: one on the CPU.

    Returns:
        The difference that comes closest to what is allowed.

    Raises:
        VerificationError: one is larger; the message has the worst one and its place. Or the trained network
            itself holds values that are no numbers.
    """
    damaged = [name for name, tensor in model.state_dict().items() if not torch.isfinite(tensor).all()]
    if damaged:
        raise VerificationError(f"the trained network is no longer one: {damaged[0]} has values that are no numbers")
    metadata = ModelMetadata.from_json({p.key: p.value for p in exported.metadata_props}[KEY])
    providers = ["CPUExecutionProvider"]
    session = runtime or onnxruntime.InferenceSession(exported.SerializeToString(), providers=providers)
    cases = list(feeds(metadata))
    worst = max(_differences(model, session, metadata, cases), key=lambda d: d.value / d.allowed)
    if not worst.value <= worst.allowed:
        raise VerificationError(f"the exported {metadata.kind} is not the trained network: {worst}")
    return worst


def _differences(
    model: Model, session: onnxruntime.InferenceSession, metadata: ModelMetadata, cases: list[Arrays]
) -> Iterator[Difference]:
    names = [output.name for output in session.get_outputs()]
    changed = pixels = 0
    for feed in cases:
        expected = _reference(model, metadata, feed)
        got = dict(zip(names, session.run(names, {i.name: feed[i.name] for i in session.get_inputs()}), strict=True))
        for name in names:
            if name == "labels":
                changed += int(np.count_nonzero(got[name] != expected[name]))
                pixels += got[name].size
            else:
                yield _difference(name, feed["image"].shape[:3], expected[name], got[name])
    if pixels:
        yield Difference(changed / pixels, LABELS, "labels", ())


def _difference(
    name: str, shape: tuple[int, ...], expected: NDArray[np.generic], got: NDArray[np.generic]
) -> Difference:
    if got.shape != expected.shape or got.dtype != expected.dtype:
        rule = f"expected {expected.dtype} {expected.shape}, got {got.dtype} {got.shape}"
        raise VerificationError(f"output {name} for images {shape}: {rule}")
    allowed: float = STEPS
    with np.errstate(invalid="ignore"):  # infinite less or by infinite
        apart = np.abs(got.astype(np.float64) - expected.astype(np.float64))
        if name != "reconstruction":
            apart /= max(1.0, float(np.abs(expected).max()))
            allowed = TOLERANCE
    apart[~np.isfinite(apart)] = np.inf
    index = np.unravel_index(int(apart.argmax()), apart.shape)
    return Difference(float(apart[index]), allowed, name, shape, tuple(int(i) for i in index))


def _reference(model: Model, metadata: ModelMetadata, feed: Arrays) -> Arrays:
    """Compute the outputs in PyTorch alone, by other code than what was exported."""
    device = model.encoder.mean.device
    images = torch.from_numpy(np.moveaxis(feed["image"], -1, 1).astype(np.float32)).to(device) / 255
    masks = torch.from_numpy(feed["mask"]).to(device) > 0
    with torch.inference_mode():
        return {name: value.cpu().numpy() for name, value in _outputs(model, metadata, images, masks).items()}


def _outputs(model: Model, metadata: ModelMetadata, images: Tensor, masks: Tensor) -> dict[str, Tensor]:
    if metadata.kind == "encoder":
        features = model.encoder.feature_map(images, metadata.layer)
        return {"feature_map": features, "embedding": features.flatten(2).sum(2) / features[0, 0].numel()}
    if isinstance(model, SymmetricAutoencoder):
        x = torch.round(255 * model(images, masks)).clamp(0, 255)
        return {"reconstruction": torch.movedim(x, 1, -1).to(torch.uint8)}
    scores = model(images)
    if isinstance(model, Classifier) and metadata.multi_label:
        return {"probabilities": 1 / (1 + torch.exp(-scores))}
    assert isinstance(model, Classifier | Segmenter)
    exponentials = torch.exp(scores - scores.amax(1, keepdim=True))
    probabilities = exponentials / exponentials.sum(1, keepdim=True)
    return {"probabilities": probabilities, "labels": scores.argmax(1).to(torch.uint8)}


def feeds(metadata: ModelMetadata) -> Iterator[Arrays]:
    """Draw the images and masks, the same at every export: in turn noise and structure, from image to image."""
    generator = np.random.default_rng(0)
    for number, (batch, height, width) in enumerate(CASES):
        image = generator.integers(0, 256, (batch, height, width, metadata.channels), np.uint8)
        for structured in image[number % 2 :: 2]:
            structured[:] = _waves(generator, structured.shape)
        mask = generator.choice(np.array([0, 0, 1, 255], np.uint8), (batch, height, width))
        mask[batch - 1 :: 2] = 0  # nothing missing in every second image, from the last
        if batch == 1:
            mask[0, : height // 2] = 1
        yield {"image": image, "mask": mask}


def _waves(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Draw an image (H, W, C) of smooth waves with a sharp edge: (H, W, C) uint8 in [0, 255]."""
    y, x, channel = np.indices(shape)
    slope, phase = generator.uniform(0.05, 0.5, 2), generator.uniform(0, 6)
    waves = 127.5 + 127.5 * np.sin(slope[0] * y + slope[1] * x + channel + phase)
    edged: NDArray[np.uint8] = np.where(x > shape[1] // 2, 255 - waves, waves).astype(np.uint8)
    return edged
