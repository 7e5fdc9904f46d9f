"""What a caller says and hears: requests from arrays, bytes or paths; frozen results from responses.

Both clients are made of these functions, so neither repeats the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from serve import codec
from serve.metadata import Kind
from serve.pb.symae.v1 import symae_pb2 as pb

__all__ = [
    "Classification",
    "Embeddings",
    "ImageSource",
    "ModelInfo",
    "Reconstruction",
    "Segmentation",
    "Timing",
    "classify_request",
    "embed_request",
    "models_request",
    "read_classification",
    "read_embeddings",
    "read_models",
    "read_reconstruction",
    "read_segmentation",
    "reconstruct_request",
    "segment_request",
]

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
ImageSource = Pixels | bytes | Path
PictureEncoding = Literal["raw", "png", "jpeg", "webp"]
_ENCODINGS = {
    "raw": pb.ENCODING_RAW,
    "png": pb.ENCODING_PNG,
    "jpeg": pb.ENCODING_JPEG,
    "webp": pb.ENCODING_WEBP,
}
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


def reconstruct_request(
    images: Sequence[ImageSource],
    *,
    masks: Sequence[ImageSource | None] = (),
    model: str = "",
    keep_known: bool = False,
    encoding: PictureEncoding = "raw",
) -> pb.ReconstructRequest:
    """Ask to denoise images, and to fill what masks mark as missing.

    Args:
        images: each (H, W), (H, W, 1) or (H, W, 3) uint8, the bytes of an image file, or its path.
        masks: none, or one for each image: (H, W), non-zero = missing, or a picture; None: nothing is missing.
        model: name of an auto-encoder; may be empty where the server has one.
        keep_known: the pixels that are not missing come back untouched.
        encoding: how the pictures travel back; only "jpeg" loses anything.
    """
    return pb.ReconstructRequest(
        model=model,
        images=[codec.image_message(image) for image in images],
        masks=[codec.mask_message(mask) for mask in masks],
        keep_known=keep_known,
        encoding=_encoding(encoding),
    )


def embed_request(
    images: Sequence[ImageSource], *, model: str = "", keep_size: bool = False, feature_maps: bool = False
) -> pb.EmbedRequest:
    """Ask to describe images by vectors.

    Args:
        images: as for `reconstruct_request`.
        model: name of an encoder; may be empty where the server has one.
        keep_size: take the images at their own sizes instead of the one that the model was trained on.
        feature_maps: also answer with the feature maps.
    """
    return pb.EmbedRequest(
        model=model,
        images=[codec.image_message(image) for image in images],
        keep_size=keep_size,
        feature_maps=feature_maps,
    )


def classify_request(
    images: Sequence[ImageSource], *, model: str = "", keep_size: bool = False, top_k: int = 0
) -> pb.ClassifyRequest:
    """Ask for the probability of every class.

    Args:
        images: as for `reconstruct_request`.
        model: name of a classifier; may be empty where the server has one.
        keep_size: take the images at their own sizes instead of the one that the model was trained on.
        top_k: also list this many of the likeliest classes of each image.
    """
    return pb.ClassifyRequest(
        model=model,
        images=[codec.image_message(image) for image in images],
        keep_size=keep_size,
        top_k=top_k,
    )


def segment_request(
    images: Sequence[ImageSource],
    *,
    model: str = "",
    probabilities: bool = False,
    encoding: PictureEncoding = "raw",
) -> pb.SegmentRequest:
    """Ask for the class of each pixel.

    Args:
        images: as for `reconstruct_request`.
        model: name of a segmenter; may be empty where the server has one.
        probabilities: also answer with the probabilities.
        encoding: how the label maps travel back; "jpeg" is refused.
    """
    return pb.SegmentRequest(
        model=model,
        images=[codec.image_message(image) for image in images],
        probabilities=probabilities,
        encoding=_encoding(encoding),
    )


def models_request() -> pb.ListModelsRequest:
    """Ask what is served."""
    return pb.ListModelsRequest()


def read_reconstruction(response: pb.ReconstructResponse) -> Reconstruction:
    """Read the answer to `reconstruct_request`."""
    return Reconstruction(tuple(codec.from_picture(i) for i in response.images), _timing(response.answered))


def read_embeddings(response: pb.EmbedResponse) -> Embeddings:
    """Read the answer to `embed_request`."""
    maps = tuple(codec.from_tensor(tensor) for tensor in response.feature_maps)
    return Embeddings(codec.from_tensor(response.embeddings), maps, _timing(response.answered))


def read_classification(response: pb.ClassifyResponse) -> Classification:
    """Read the answer to `classify_request`."""
    top = tuple(tuple((scored.name, scored.probability) for scored in image.classes) for image in response.top)
    probabilities = codec.from_tensor(response.probabilities)
    return Classification(probabilities, tuple(response.classes), top, _timing(response.answered))


def read_segmentation(response: pb.SegmentResponse) -> Segmentation:
    """Read the answer to `segment_request`."""
    labels = tuple(codec.from_picture(picture)[:, :, 0] for picture in response.labels)
    maps = tuple(codec.from_tensor(tensor) for tensor in response.probabilities)
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


def _encoding(name: PictureEncoding) -> pb.Encoding:
    return _ENCODINGS[name]
