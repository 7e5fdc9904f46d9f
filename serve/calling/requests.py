"""What a caller says: requests from arrays, bytes or paths, the same for both clients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from serve import pictures
from serve.pb.symae.v1 import symae_pb2 as pb

__all__ = [
    "ImageSource",
    "classify_request",
    "embed_request",
    "models_request",
    "reconstruct_request",
    "segment_request",
]

ImageSource = NDArray[np.uint8] | bytes | Path
PictureEncoding = Literal["raw", "png", "jpeg", "webp"]
_ENCODINGS = {
    "raw": pb.ENCODING_RAW,
    "png": pb.ENCODING_PNG,
    "jpeg": pb.ENCODING_JPEG,
    "webp": pb.ENCODING_WEBP,
}


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
        images=[pictures.image_message(image) for image in images],
        masks=[pictures.mask_message(mask) for mask in masks],
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
        images=[pictures.image_message(image) for image in images],
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
        images=[pictures.image_message(image) for image in images],
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
        images=[pictures.image_message(image) for image in images],
        probabilities=probabilities,
        encoding=_encoding(encoding),
    )


def models_request() -> pb.ListModelsRequest:
    """Ask what is served."""
    return pb.ListModelsRequest()


def _encoding(name: PictureEncoding) -> pb.Encoding:
    return _ENCODINGS[name]
