"""What a caller hears: frozen results from responses, the same for both clients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serve import pictures
from serve.metadata import Kind
from serve.pb.symae.v1 import symae_pb2 as pb

__all__ = [
    "Classification",
    "Embeddings",
    "ModelInfo",
    "Reconstruction",
    "Segmentation",
    "Timing",
    "read_classification",
    "read_embeddings",
    "read_models",
    "read_reconstruction",
    "read_segmentation",
]

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
_KINDS: dict[int, Kind] = {1: "autoencoder", 2: "encoder", 3: "classifier", 4: "segmenter"}


@dataclass(frozen=True)
class Timing:
    """Who answered, and the seconds that the request waited and ran."""

    model: str
    version: str
    queue: float
    run: float


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Denoised or inpainted images: each (H, W, C) uint8, in the order of the request."""

    images: tuple[Pixels, ...]
    timing: Timing


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Vectors (N, D) float32; on demand one feature map (D, h, w) float32 for each image."""

    embeddings: Floats
    feature_maps: tuple[Floats, ...]
    timing: Timing


@dataclass(frozen=True, eq=False)
class Classification:
    """Probabilities (N, K) float32 in [0, 1]; on demand the likeliest (class, probability) of each image."""

    probabilities: Floats
    classes: tuple[str, ...]
    top: tuple[tuple[tuple[str, float], ...], ...]
    timing: Timing


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Label maps, each (H, W) uint8; on demand probabilities, each (K, H, W) float32."""

    labels: tuple[Pixels, ...]
    probabilities: tuple[Floats, ...]
    classes: tuple[str, ...]
    timing: Timing


@dataclass(frozen=True)
class ModelInfo:
    """One model of the server; the fields are those of `serve.metadata.ModelMetadata`."""

    name: str
    version: str
    kind: Kind
    channels: int
    crop: int
    resize: int | None
    stride: int
    embedding_size: int
    classes: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]
    multi_label: bool
    provider: str
    precision: str
    quality: tuple[tuple[str, float], ...]


def read_reconstruction(response: pb.ReconstructResponse) -> Reconstruction:
    """Read the answer to `reconstruct_request`."""
    return Reconstruction(tuple(pictures.from_picture(i) for i in response.images), _timing(response.answered))


def read_embeddings(response: pb.EmbedResponse) -> Embeddings:
    """Read the answer to `embed_request`."""
    maps = tuple(pictures.from_tensor(tensor) for tensor in response.feature_maps)
    return Embeddings(pictures.from_tensor(response.embeddings), maps, _timing(response.answered))


def read_classification(response: pb.ClassifyResponse) -> Classification:
    """Read the answer to `classify_request`."""
    top = tuple(tuple((scored.name, scored.probability) for scored in image.classes) for image in response.top)
    probabilities = pictures.from_tensor(response.probabilities)
    return Classification(probabilities, tuple(response.classes), top, _timing(response.answered))


def read_segmentation(response: pb.SegmentResponse) -> Segmentation:
    """Read the answer to `segment_request`."""
    labels = tuple(pictures.from_picture(picture)[:, :, 0] for picture in response.labels)
    maps = tuple(pictures.from_tensor(tensor) for tensor in response.probabilities)
    return Segmentation(labels, maps, tuple(response.classes), _timing(response.answered))


def read_models(response: pb.ListModelsResponse) -> tuple[ModelInfo, ...]:
    """Read the answer to `models_request`."""
    return tuple(_read_model(info) for info in response.models)


def _read_model(info: pb.ModelInfo) -> ModelInfo:
    return ModelInfo(
        name=info.name,
        version=info.version,
        kind=_KINDS[info.kind],
        channels=info.channels,
        crop=info.crop,
        resize=info.resize or None,
        stride=info.stride,
        embedding_size=info.embedding_size,
        classes=tuple(info.classes),
        colours=tuple((colour.red, colour.green, colour.blue) for colour in info.colours),
        multi_label=info.multi_label,
        provider=info.provider,
        precision=info.precision,
        quality=tuple(sorted(info.quality.items())),
    )


def _timing(answered: pb.Answered) -> Timing:
    return Timing(answered.model, answered.version, answered.queue_micros / 1e6, answered.run_micros / 1e6)
